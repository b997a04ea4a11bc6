"""The codes that stand in reports, in words for people."""

from __future__ import annotations

from typing import Final

STATES: Final = {
    "edited": "new lips",
    "no_face": "the face is not in the picture",
    "occluded": "something hides the mouth, or it is too dark to be seen",
    "profile": "the face is turned too far away",
    "out_of_picture": "the mouth is not in the picture",
    "lost_track": "the face was lost, or just found again",
    "at_rest": "nothing is said, and the footage's own mouth rests",
    "own_again": "the speech is over, and the footage goes on as it was",
    "still": "left as it was",
    "seen": "the face was seen",
    "not_seen": "the face was not seen, or nobody looked",
}
"""What was done to a frame, or why nothing was."""
MODES: Final = {
    "retrieved": "The mouths were taken from other moments of the same footage.",
    "own-lips": "The footage shows too few mouths to take them from it: its own lips were moved, and the inside drawn.",
    "untouched": "Nothing was changed.",
    "unknown": "How this video was made is not known.",
}
"""Where mouths came from."""
WORDS: Final = {
    **STATES,
    "drawn": "made as long as the speech",
    "as_is": "as long as the speech",
    "ended_early": "ends with the footage",
    "looped": "starts again",
    "bounced": "played to and fro",
    "frozen": "last frame held",
    "slowed": "slowed down",
    "cut": "ends with the speech",
    "kept": "kept to its end",
    "mismatch": "mouth differs from its plan",
    "weak_closure": "lips do not close",
    "soft": "mouth is blurred",
    "moving_pause": "mouth moves in silence",
    "lost": "face is not found again",
    "not_edited": "speech without new lips",
    "good": "good",
    "fair": "fair",
    "poor": "poor",
    "unknown": "not known",
}
"""Every code of a report."""
