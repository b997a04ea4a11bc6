"""Letters that come and go before a face, word by word: told by how they come and go, whether the head moves or not.

A word is put on the picture from one frame to the next, stays where it is to the pixel, and is gone from one frame to
the next. Where the head went tells neither of these changes, and few skins are as light or as dark as letters and
their outlines. What does all that over the face is a word where another does so in the same rows, in letters of the
same ink (a strand of hair may do it once); what does most of it there is a word too: over the neck, on the first frame
or up to the last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.vision.looks import Look, brought_along, shared_area, square

_ABRUPT_LEVELS: Final = 35.0
"""As much at least changes where a letter comes or goes."""
_CHANGED_LEVELS: Final = 15.0
"""What changes by less has stayed as it was."""
_INK_LEVELS: Final = 15.0
"""By so much lighter, darker or of another colour than nine tenths of the skin: ink."""
_JOINED_IO, _NEAR_IO = 0.06, 0.15
"""Letters nearer than the one are of one word; what came with it is looked for so far around."""
_FEWEST: Final = 12
"""Places that come and go, for a word."""
_MOST_ELSEWHERE: Final = 0.1
"""Where more of the face above the mouth changes as abruptly, it is a cut or a flash, and all begins anew."""
_SHARE_OF_LAST: Final = 0.25
"""So large a part of a word came when it came; the rest was there before, in the word before it."""
_RIM_PX, _BESIDE_PX, _SHARE_BESIDE = 2, 4, 0.4
"""Shrunk pixels around a piece: there less than such a share of its own change is seen beside letters."""
_TALLEST_IO: Final = 0.5
"""Letters over a face are no taller."""
_ROWS_IO: Final = 0.04
"""So much farther up or down letters of one line reach."""
_SAME_DARK, _SAME_LIGHT = 40.0, 30.0
"""How far apart the darkest and lightest tenths of letters of one ink are at most."""
_MOST_COMPARED: Final = 60
"""Words, and what may be words and waits for one, that are compared with each other."""
_FROM_THE_START: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Caption:
    """A word, or whatever else comes, stays and goes as a word does, in shrunk pixels."""

    first: int
    last: int
    """The frames between which it may be there."""
    left: int
    top: int
    ink: NDArray[np.bool_]
    """(h, w) where it was seen to be."""
    luma: NDArray[np.uint8]
    """(h, w) as it looks, 8-bit scale."""
    dark: float
    light: float
    """Tenth and ninetieth percentile of its ink."""
    is_sure: bool
    """Whether enough of it came and went over the face itself."""

    def in_line_with(self, other: Caption, rows_px: float) -> Caption | None:
        """What of it is in the rows of the other, but for so many, where that is of the same ink; else None."""
        first = max(0, round(other.top - rows_px) - self.top)
        last = max(first, round(other.top + other.ink.shape[0] + rows_px) - self.top)
        ink, luma = self.ink[first:last], self.luma[first:last]
        if np.count_nonzero(ink) < _FEWEST:
            return None
        dark, light = _dark_and_light(luma[ink])
        if abs(dark - other.dark) > _SAME_DARK or abs(light - other.light) > _SAME_LIGHT:
            return None
        return replace(self, top=self.top + first, ink=ink, luma=luma, dark=dark, light=light)


class CaptionMeter:
    """Watches looks at one face, in order."""

    def __init__(self) -> None:
        self._before: Look | None = None
        self._since = np.zeros((0, 0), np.int32)
        """The look, counted from 1, at which each place of the look before became as it is; 0: nobody knows."""
        self._indices: list[int] = []
        """Of the frames looked at."""
        self._believed: deque[Caption] = deque(maxlen=_MOST_COMPARED)
        self._waiting: deque[Caption] = deque(maxlen=_MOST_COMPARED)
        self._found: list[Caption] = []

    def observe(self, look: Look) -> None:
        before = self._before
        area = shared_area(look, before) if before else None
        if before is not None and area is not None:
            # eyes blink
            area = area[0], min(max(area[1], round(look.bridge_y)), area[3] - 1), area[2], area[3]
            change, abrupt = _changes(look, before, area)
            sure = (look.clear[look.part(*area)] & before.clear[before.part(*area)]) > 0
            mouth = max(0, round(look.nose_y) - area[1])
            if sure[:mouth].any() and abrupt[:mouth][sure[:mouth]].mean() < _MOST_ELSEWHERE:
                self._indices.append(look.index)
                n, since = len(self._indices), self._since[before.part(*area)]
                known = np.where(since < n - 1, since, 0)  # it was seen twice at least
                self._before, self._since = look, np.zeros(look.luma.shape, np.int32)
                self._since[look.part(*area)] = np.where(abrupt, n, np.where(change > _CHANGED_LEVELS, 0, since))
                known[:mouth], sure[:mouth] = 0, False
                self._gather(abrupt, known, sure, before, area, look.index - 1, change)
                return
        # a cut, a flash, or the first of all
        self.forget()
        self._before, self._indices = look, [look.index]
        self._since = np.full(look.luma.shape, _FROM_THE_START, np.int32)

    def forget(self) -> None:
        """What comes next is not to be compared with what was seen."""
        look = self._before
        if look is not None:
            # what came, and stayed to the end, may be a word too
            known = np.where(self._since < len(self._indices), self._since, 0)
            known[: max(0, round(look.nose_y) - look.top)] = 0
            nowhere = np.zeros(known.shape, bool)
            after = look.index + (look.index - self._indices[-2] if self._indices[1:] else 0)
            self._gather(known > _FROM_THE_START, known, nowhere, look, look.area, after, None)
        self._before = None

    def finish(self) -> list[Caption]:
        """What was found, most of it in order of its end."""
        self.forget()
        return self._found

    def _gather(
        self, gone: NDArray[np.bool_], known: NDArray[np.int32], sure: NDArray[np.bool_], look: Look,
        area: tuple[int, int, int, int], last: int, change: NDArray[np.float32] | None,
    ) -> None:  # fmt: skip
        """Put down what was `gone` after this look, and had come at the looks that are `known`; (h, w) of the area.

        `change` is by how many levels each place changed; None: nothing did, for the look is the last.
        """
        gone = gone & (known > 0)
        if np.count_nonzero(gone) < _FEWEST:
            return
        here = look.part(*area)
        seen = look.luma[here]
        ink = np.zeros(seen.shape, bool)
        for colour, (least, most) in zip(look.colours, _skin_of(look), strict=True):
            ink |= (colour[here] < least - _INK_LEVELS) | (colour[here] > most + _INK_LEVELS)
        gone &= ink
        joined = cv2.morphologyEx(gone.astype(np.uint8), cv2.MORPH_CLOSE, square(_JOINED_IO * look.io_px))
        _, words = cv2.connectedComponents(joined)
        for word in np.flatnonzero(np.bincount(words[gone]) >= _FEWEST):
            places = gone & (words == word)
            if np.ptp(np.flatnonzero(places.any(1))) > _TALLEST_IO * look.io_px:
                continue
            if change is not None and _goes_on_beside(places, change):
                continue
            came = _came_at(known[places])
            is_sure = came > _FROM_THE_START and np.count_nonzero(places & sure) >= _FEWEST
            # the words before and after it may have letters in the same places
            near = cv2.dilate(places.astype(np.uint8), square(_NEAR_IO * look.io_px)) > 0
            places |= near & ink & (known > _FROM_THE_START) & (known <= came)
            x, y, width, height = cv2.boundingRect(places.astype(np.uint8))
            at = slice(y, y + height), slice(x, x + width)
            first = self._indices[came - 2] + 1 if came > _FROM_THE_START else self._indices[0]
            dark, light = _dark_and_light(seen[places])
            luma = np.clip(seen[at], 0, 255).astype(np.uint8)
            one = Caption(first, last, area[0] + x, area[1] + y, places[at].copy(), luma, dark, light, bool(is_sure))
            self._add(one, max(1.0, _ROWS_IO * look.io_px))

    def _add(self, one: Caption, rows_px: float) -> None:
        parts = (one.in_line_with(other, rows_px) for other in reversed(self._believed))
        part = next((part for part in parts if part is not None), None)
        if part is None and one.is_sure:
            is_told = any(other.is_sure and other.in_line_with(one, rows_px) for other in self._waiting)
            part = one if is_told else None
        if part is None:
            self._waiting.append(one)
            return
        self._found.append(part)
        if one.is_sure:
            # what waits in line with it is a word too, that of the first frame, say
            pairs = [(other, other.in_line_with(one, rows_px)) for other in self._waiting]
            self._found += [part for _, part in pairs if part is not None]
            self._believed += [one, *(other for other, part in pairs if part is not None and other.is_sure)]
            self._waiting = deque((other for other, part in pairs if part is None), maxlen=_MOST_COMPARED)


def _dark_and_light(ink: NDArray[Any]) -> tuple[float, float]:
    dark, light = np.percentile(ink, (10, 90)).tolist()
    return dark, light


def _came_at(looks: NDArray[np.int32]) -> int:
    """The look at which a word came whose places came at these: some came before, with the word before it."""
    at, n_places = np.unique(looks, return_counts=True)
    many = at[n_places >= _SHARE_OF_LAST * len(looks)]
    return int(many[-1] if len(many) else at[-1])


def _changes(
    look: Look, before: Look, area: tuple[int, int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """By how many levels each place of this area changed; where at once, and not since the head or the chin moved."""
    now = [one[look.part(*area)] for one in look.colours]
    change = _farthest(now, [one[before.part(*area)] for one in before.colours])
    abrupt = change > _ABRUPT_LEVELS
    for by_chin in (False, True):
        if np.count_nonzero(abrupt) >= _FEWEST:
            abrupt &= _farthest(now, brought_along(look, before, area, by_chin=by_chin)) > _ABRUPT_LEVELS
    return change, abrupt


def _goes_on_beside(places: NDArray[np.bool_], change: NDArray[np.float32]) -> bool:
    """Whether all around these places much changed too: where light comes or goes, whose rim is soft."""
    piece = places.astype(np.uint8)
    beside = np.asarray(cv2.dilate(piece, square(_BESIDE_PX))) > np.asarray(cv2.dilate(piece, square(_RIM_PX)))
    # the next word may have letters there, but not everywhere
    return bool(beside.any() and np.percentile(change[beside], 30) > _SHARE_BESIDE * float(np.median(change[places])))


def _farthest(ones: Sequence[NDArray[np.float32]], others: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(h, w) by how many levels the colour differs most that differs most."""
    out = np.abs(ones[0] - others[0])
    for one, other in zip(ones[1:], others[1:], strict=True):
        np.maximum(out, np.abs(one - other), out=out)
    return out


def _skin_of(look: Look) -> list[tuple[float, float]]:
    """Between which codes of luma, Cb and Cr four fifths of the skin of eyes, nose and cheeks are."""
    rows = max(0, round(look.nose_y) - look.top)
    is_skin = look.clear[:rows] > 0
    if not is_skin.any():
        return [(0.0, 255.0)] * len(look.colours)
    between = (np.percentile(colour[:rows][is_skin], (10, 90)).tolist() for colour in look.colours)
    return [(least, most) for least, most in between]
