"""What the page asks of child processes: who is in footage, mouths before and after, a text spoken; plain values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from lipwright.core.face import TrackedFace
    from lipwright.core.media import Plane, VideoFrame

Tell = Callable[[dict[str, Any]], None]

_FIRST_LOOKS: Final = 3
_MORE_LOOKS: Final = 12
"""Where the first looks show nobody."""
_POSTER_PX: Final = 1280


def faces(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Who is seen on some frames of `path`, and the frame that shows most of them, as a JPEG at `poster`.

    `{"at_s", "width_px", "height_px", "n_looked", "faces": [{"box_px", "point_px"}]}`, the largest face first.
    Raises UnreadableMedia, NoVideo.
    """
    import cv2

    from lipwright.portrait import open_source
    from lipwright.vision.colour import to_rgb
    from lipwright.vision.track import MeshTracker

    footage, tracker = open_source(Path(arguments["path"]), MeshTracker(), is_still=True)
    video = footage.info.video
    assert video is not None, "an opened source has pictures"
    n = max(video.n_frames, 1)
    best: tuple[VideoFrame, list[TrackedFace]] | None = None
    n_looked = 0
    for n_looks in (_FIRST_LOOKS, _MORE_LOOKS):
        order = sorted({(2 * k + 1) * n // (2 * n_looks) for k in range(min(n_looks, n))})
        # each frame by itself, as if it were the first: every part of it is searched
        for frame in footage.play(order):
            found = next(tracker.track([frame]))[1]
            n_looked += 1
            if best is None or len(found) > len(best[1]):
                best = frame, found
        if best is not None and best[1]:
            break
    assert best is not None, "a source has at least one frame"
    frame, found = best
    picture = to_rgb([_grown(plane, frame) for plane in frame.planes[:3]], frame)
    scale = _POSTER_PX / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    is_written, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert is_written, "a picture in memory is a JPEG"
    Path(arguments["poster"]).write_bytes(data.tobytes())
    boxes = sorted((face.box for face in found), key=lambda box: -box.area_px2)
    return {
        "at_s": float(frame.time_s),
        "width_px": frame.width_px,
        "height_px": frame.height_px,
        "n_looked": n_looked,
        "faces": [
            {
                "box_px": [round(v, 1) for v in (box.left_px, box.top_px, box.right_px, box.bottom_px)],
                "point_px": [round(v, 1) for v in box.centre_px],
            }
            for box in boxes
        ],
    }


def _grown(plane: Plane, frame: VideoFrame) -> Plane:
    """A plane as large as the frame."""
    import cv2

    if plane.shape == (frame.height_px, frame.width_px):
        return plane
    return cast("Plane", cv2.resize(plane, (frame.width_px, frame.height_px), interpolation=cv2.INTER_LINEAR))


def mouths(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Mouths of the footage `video` over those of the result `output`, as its `report` pairs them: a JPEG at `sheet`.

    Raises UnreadableMedia, InvalidOption where the report is not whole.
    """
    from lipwright.service.reports import sheet_of

    told = {**arguments["report"], "output": arguments["output"], "inputs": {"video": arguments["video"]}}
    data = sheet_of(told)
    if data is not None:
        Path(arguments["sheet"]).write_bytes(data)
    return {"is_drawn": data is not None}


def say(arguments: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """A WAV file at `output` in which `voice` says `text`, or where that is empty a sentence to try it with.

    `{"duration_s", "voice", "language"}`. Raises what `voices.speak` raises.
    """
    from lipwright.service.children import speak_text, voice_options
    from lipwright.service.speech import write_wav
    from lipwright.voices.samples import sample_text

    if not arguments["text"]:
        chosen = arguments["voice"] or "auto"
        arguments["text"] = sample_text(chosen, arguments["language"], voice_options(arguments))
    said = speak_text(arguments)
    write_wav(Path(arguments["output"]), said.clip)
    return {"duration_s": float(said.clip.duration_s), "voice": said.voice, "language": said.language}
