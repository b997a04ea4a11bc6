"""The inside of a mouth that the footage never shows: teeth, tongue and cavity, drawn for this person.

Analytic and independent of resolution. The upper teeth are rigid to the skull, the lower ones to the jaw;
colours come from the person's own lips and skin, and the teeth themselves from any frame that shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from lipwright.core.face import Pose
from lipwright.engines.rewrite.patch import polygon_mask
from lipwright.engines.rewrite.picture import (
    Float32,
    Picture,
    Region,
    region_around,
    smoothstep,
    to_codes,
    weights_for,
    window,
)
from lipwright.vision import mesh
from lipwright.vision.shape import Floats, Points

Drawing: TypeAlias = Literal["photo", "cartoon"]

_INNER_UPPER = np.array(mesh.INNER_UPPER)
_INNER_LOWER = np.array(mesh.INNER_LOWER)
# Where neighbouring teeth meet, along the arch from the middle, IO; crowns narrow towards the back.
_UPPER_ARCH = np.array((0, 0.092, 0.163, 0.246, 0.322, 0.398, 0.508))
_LOWER_ARCH = np.array((0, 0.058, 0.122, 0.196, 0.270, 0.345, 0.450))
_UPPER_EDGE = np.array((0, -0.010, 0.0, -0.012, -0.018, -0.030))
_LOWER_EDGE = np.full(6, -0.004)
_ARCH_RADIUS = 0.31
_LUMA = np.array((0.299, 0.587, 0.114))
_LINE_FROM_IO, _LINE_TO_IO = 0.006, 0.016
"""Gap up to which only a line is drawn, and over what width it gives way to the inside of the mouth."""
_LINE_DEPTH = 0.44
"""How much darker than the lips around it their line is: with 0.17, shut mouths of a grin were read 2.5 % IO open."""

_SHARP_PX, _SHARP_IO = 1.1, 0.008
"""Blur of the edges by a mouth in sharp footage (0.3 to 1.1 px in eleven clips of 78 to 185 px from eye to eye)."""
_LEAST_SOFTER_PX = 0.3

_SKIN_FROM, _SKIN_TO = np.array((0.97, 0.84, 0.50)), np.array((1.60, 1.06, 1.03))
"""R', G' and B' of skin and of grey pictures beside their luma, in ordinary light: what is beyond is the light's."""
_LEAST_LIGHT = 0.2
_WITHIN = 1.3
"""Skin is within that range, not at its edge: light takes it farther than to there, by this power."""
_SKIN = np.array((205, 425, 207, 427, 50, 280, 199))
_LIGHTS = (0.1, 1.6)

_SHALLOW_IO, _DEEP_IO, _FIRST_IO = 0.075, 0.14, 0.05
"""Below the upper lip: what is bright there is teeth; as far down teeth reach; as far they are surely teeth."""
_STARTS_IO, _BREAK_IO = 0.06, 0.012
"""Teeth begin so near to the lip, and nothing interrupts them for longer."""
_REDDER = 0.09
"""A tongue is so much redder than the teeth before it, as a share of its light."""
_BITES = 0.25
"""Of the upper teeth: no more is the shaded end of them, near the lip; more is something else below them."""
_PARTIAL = 0.62
"""Of the mouth's width: fewer teeth than that look like a lonely block, and a drawn row like teeth."""
_LEAST_SEEN_IO2 = 0.0018
_LEAST_PIECE = 0.03
"""Of the largest connected piece of teeth: smaller ones are glints."""

_HIDDEN_AROUND_IO, _HIDDEN_ABOVE_IO = 0.015, 0.10
"""How far teeth go on under the lips that were seen to lie on them."""
_RIM_IO = 0.013
"""How far from there they are mixed with the lips' colour and shadow."""


def looks_drawn(template: Points) -> bool:
    """Whether a face (478, 3) has the proportions of a drawing rather than of a person.

    Drawn faces have larger irises, a shorter chin, and a smaller mouth and nose beside the eyes. Each measure
    counts by how far it lies from the border between the two, in widths of that border.
    """
    iris = np.mean([np.linalg.norm(template[a, :2] - template[b, :2]) for a, b in ((469, 471), (474, 476))])
    chin = template[152, 1] - template[13, 1]
    mouth = np.linalg.norm(template[61, :2] - template[291, :2])
    nose = np.linalg.norm(template[48, :2] - template[278, :2])
    signs = ((iris - 0.152) / 0.01, (0.44 - chin) / 0.05, (0.45 - mouth) / 0.05, (0.365 - nose) / 0.03)
    return float(sum(np.clip(sign, -2, 2) for sign in signs)) > 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Palette:
    """Colours of one person's mouth, R'G'B' 0..255, (3,) each."""

    tooth: Floats
    cavity: Floats
    tongue: Floats
    saturation: float = 1.0
    """0 for a picture without colours: what is drawn into it has none either."""

    @classmethod
    def from_face(cls, skin: Floats, lip: Floats, drawing: Drawing) -> Palette:
        """From the mean colours (3,) of skin and lips.

        Teeth of a person whose skin has a colour that no skin has are in the light that makes it so. A drawn person may
        be blue or green in any light.
        """
        bright = float(_LUMA @ skin)
        saturation = float(smoothstep(np.array((np.ptp(skin) - 3) / 12)))
        usual, light = skin, np.ones(3)
        if drawing == "photo":
            usual = np.clip(skin, _SKIN_FROM * max(bright, 1.0), _SKIN_TO * max(bright, 1.0))
            light = np.maximum(skin / usual, _LEAST_LIGHT) ** _WITHIN
        tint = 0.35 * usual / max(bright, 1.0) + 0.65 * np.array((1.03, 1.0, 0.95))
        light *= float(_LUMA @ tint) / float(_LUMA @ (tint * light))
        tooth = np.clip(tint * light * min(240.0, 1.15 * bright + 14), 0, 248)
        if drawing == "cartoon":
            return cls(
                np.clip(0.98 * tooth, 0, 240),
                np.clip(0.42 * lip * np.array((1.0, 0.62, 0.70)), 10, 150),
                np.clip(0.85 * lip * np.array((1.05, 0.85, 0.95)), 0, 255),
                saturation,
            )
        return cls(
            tooth,
            np.clip(0.38 * lip * np.array((1.12, 0.66, 0.68)), 6, 120),
            np.clip(0.96 * lip * np.array((1.04, 0.86, 0.90)), 0, 255),
            saturation,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Teeth:
    """Upper teeth as some frame of the footage shows them, on a plane fixed to the skull."""

    rgb: Float32
    """(h, w, 3) 0..255."""
    cover: Float32
    """(h, w) 0..1: where teeth were really seen."""
    colour: Floats
    """(3,) a typical bright tooth."""
    edge_io: float
    """Height of the biting edge on the plane."""
    resolution: float
    """Texels for one IO."""

    LEFT: ClassVar[float] = -0.32
    TOP: ClassVar[float] = -0.14
    WIDTH: ClassVar[float] = 0.64
    HEIGHT: ClassVar[float] = 0.30

    def at(self, u: Float32, v: Float32) -> tuple[Float32, Float32]:
        """Colour and cover at skull coordinates."""
        x = ((u - self.LEFT) * self.resolution).astype(np.float32)
        y = ((v - self.TOP) * self.resolution).astype(np.float32)
        rgb = cv2.remap(self.rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.remap(self.cover, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return np.asarray(rgb, np.float32), np.asarray(cover, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Interior:
    """Draws the inside of one person's mouth."""

    closed: Points
    """(478, 3) the person's closed neutral."""
    palette: Palette
    teeth: Teeth | None
    drawing: Drawing
    from_rgb: Floats
    """(3, 4) Y'CbCr codes (8-bit scale) of R'G'B'."""
    seed: int = 0
    skin_luma: float | None = None
    """Of the skin that the palette goes by, 8-bit scale, None: unknown. Where skin is darker, so is what is drawn."""
    darkest: float = 0.0
    """R'G'B' 0..255 of the footage's own blacks: nothing is drawn darker."""
    blur_px: float = 0.0
    """Of the footage's sharpest edges by the mouth, standard deviation: nothing is drawn sharper."""

    @property
    def anchor(self) -> Floats:
        return teeth_anchor(self.closed)

    def _softer_px(self, io_px: float) -> float:
        return _softer_px(self.blur_px, io_px)

    def paint(
        self,
        face: Picture,
        to: Floats,
        target: Points,
        pose: Pose,
        *,
        was_open_io: float,
        index: int,
        strength: float = 1.0,
    ) -> None:
        """Paint between the inner lips of mesh points `to` (478, 2), in place on `face`.

        `target` (478, 3) is the canonical shape shown; where it is closed but the frame's own mouth was open
        (`was_open_io`), the line where the lips meet is drawn. `strength` fades the drawing, 0..1.
        """
        upper = _curve(to[_INNER_UPPER])
        lower = _curve(to[_INNER_LOWER])
        gap_io = np.maximum(lower[:, 1] - upper[:, 1], 0) / pose.scale
        gap = float(gap_io.max())
        # own lips that were apart have no line where they meet: it comes as they come together
        apart = smoothstep(np.array((was_open_io - 0.012) / 0.016))
        line = strength * float(apart * (1 - smoothstep(np.array((gap - _LINE_FROM_IO) / _LINE_TO_IO))))
        if line > 0:
            _draw_lip_line(face, (upper + lower) / 2, pose.scale, line, self._softer_px(pose.scale))
        if gap < _LINE_FROM_IO:
            return
        points = np.vstack([upper, lower[::-1]])
        sx, sy = face.step
        softer_px = self._softer_px(pose.scale)
        margin = 6 + int(3 * softer_px)
        low = (points.min(0) - margin).astype(int) // (sx, sy) * (sx, sy)
        high = points.max(0).astype(int) + margin + 1
        high = -(-high // (sx, sy)) * (sx, sy)
        region = Region(int(low[0]), int(low[1]), int(high[0]), int(high[1])).within(face.region)
        if region.is_empty:
            return
        rgb = self._picture(region, upper, lower, target, pose, index) * self._light(face, to)
        if self.darkest > 0:
            rgb += np.maximum(np.float32(self.darkest) - rgb @ _LUMA.astype(np.float32), 0)[..., None]
        if self.palette.saturation < 1:
            grey = rgb @ _LUMA.astype(np.float32)
            rgb = grey[..., None] + np.float32(self.palette.saturation) * (rgb - grey[..., None])
        cover = cv2.GaussianBlur(
            polygon_mask(region, points).astype(np.float32) / 255, (0, 0), max(0.6, 0.0065 * pose.scale)
        )
        local = np.interp(np.arange(region.left, region.right), upper[:, 0], lower[:, 1] - upper[:, 1]) / pose.scale
        cover = _softened((cover * np.clip(local / 0.012, 0, 1)[None] * strength).astype(np.float32), softer_px)
        # lips darken towards the opening: without it the mouth looks like a sticker
        shade = cv2.GaussianBlur(cover, (0, 0), max(1.0, 0.012 * pose.scale)) * (1 - cover) * 0.3
        _lay(face, region, rgb, cover, np.asarray(shade, np.float32), self.from_rgb)

    def _light(self, face: Picture, to: Floats) -> np.float32:
        """How bright the skin around mesh points `to` (478, 2) is now, beside what the palette goes by."""
        levels = 1 << (face.bits - 8)
        seen: list[float] = []
        for x, y in to[_SKIN]:
            column, line = int(x) - face.region.left, int(y) - face.region.top
            part = face.parts[0][max(0, line - 2) : max(0, line + 3), max(0, column - 2) : max(0, column + 3)]
            if part.size:
                seen.append(float(part.mean()) / levels)
        if self.skin_luma is None or not seen:
            return np.float32(1)
        black = float(self.from_rgb[0, 3])
        light = (float(np.median(seen)) - black) / max(self.skin_luma - black, 1.0)
        return np.float32(np.clip(light, *_LIGHTS))

    def _picture(self, region: Region, upper: Floats, lower: Floats, target: Points, pose: Pose, index: int) -> Float32:
        """(h, w, 3) R'G'B' 0..255 of the open mouth."""
        io = pose.scale
        turn = io * pose.rotation[:2, :2]
        origin = io * (pose.rotation @ self.anchor)[:2] + pose.translation[:2]
        back = np.linalg.inv(turn)
        x = np.arange(region.left, region.right, dtype=np.float32)
        y = np.arange(region.top, region.bottom, dtype=np.float32)
        u = (back[0, 0] * (x - origin[0])[None] + back[0, 1] * (y - origin[1])[:, None]).astype(np.float32)
        v = (back[1, 0] * (x - origin[0])[None] + back[1, 1] * (y - origin[1])[:, None]).astype(np.float32)
        top = np.interp(x, upper[:, 0], upper[:, 1])
        bottom = np.interp(x, lower[:, 0], lower[:, 1])
        below = ((y[:, None] - top[None]) / io).astype(np.float32)
        above = ((bottom[None] - y[:, None]) / io).astype(np.float32)
        half = max(1e-3, float(upper[-1, 0] - upper[0, 0]) / 2)
        side = np.abs((x - (upper[0, 0] + upper[-1, 0]) / 2) / half)[None]
        opening = float(np.maximum(lower[:, 1] - upper[:, 1], 0).max()) / io
        colours = self.palette
        texel = 1.0 / io

        # cavity: never black, warmest near the lips
        depth = smoothstep(np.minimum(below, above) / 0.07)
        rgb = colours.cavity * (1.45 - 0.70 * depth[..., None])

        # tongue: a soft mound behind the lower lip
        middle_top = float((back @ (to_point(upper) - origin))[1])
        middle_bottom = float((back @ (to_point(lower) - origin))[1])
        rise = middle_top + 0.50 * (middle_bottom - middle_top)
        mound = smoothstep((1 - ((u / 0.23) ** 2 + ((v - rise - 0.115) / 0.115) ** 2)) / 0.75)
        light = 0.60 + 0.44 * smoothstep((v - rise) / 0.08) - 0.05 * np.exp(-((u / 0.02) ** 2))
        cover = (0.92 * mound * min(1.0, 0.45 + 3.6 * opening))[..., None]
        rgb = rgb * (1 - cover) + cover * colours.tongue * light[..., None]

        if self.drawing == "cartoon":
            # one band without single teeth; some dark stays below it, and a slit shows hardly any
            local = below + above
            band = smoothstep((0.004 - 0.6 * u * u - v) / texel * 0.5 + 0.5)
            band = band * smoothstep((0.58 * local - below) / (2 * texel) * 0.5 + 0.5)
            band = (band * smoothstep((local - 0.012) / 0.030))[..., None]
            light = (0.76 + 0.24 * smoothstep(below / 0.030)) * (1 - 0.35 * smoothstep((side - 0.45) / 0.55))
            rgb = rgb * (1 - band) + band * colours.tooth * light[..., None]
            return _softened(rgb.astype(np.float32), max(0.5, 0.0046 * io, self._softer_px(io)))

        drop = max(0.0, float((target - self.closed)[[152, 199, 200, 175], 1].mean()))
        cover, light = _arch(u, v - (0.95 * drop + 0.026), 2.5 * texel, _LOWER_ARCH, _LOWER_EDGE, -1, 0.075)
        cover = (0.85 * cover)[..., None]
        rgb = rgb * (1 - cover) + cover * colours.tooth * (0.66 * light)[..., None]

        tooth = colours.tooth if self.teeth is None else self.teeth.colour
        edge = 0.0 if self.teeth is None else self.teeth.edge_io - 0.004
        cover, light = _arch(u, v - edge, 1.6 * texel, _UPPER_ARCH, _UPPER_EDGE, 1, 0.115)
        if self.teeth is not None:  # beside teeth that were seen, drawn ones are lost in the dark
            cover = cover * (1 - 0.85 * smoothstep((side - 0.50) / 0.35))
        rgb = rgb * (1 - cover[..., None]) + cover[..., None] * tooth * light[..., None]
        # a smile that shows its teeth lets light in, and shows them far to the side
        lip, corner = (0.40, 0.68) if self.teeth is None else (0.25, 0.38)
        shadow = (1 - lip + lip * smoothstep(below / 0.055)) * (0.80 + 0.20 * smoothstep(above / 0.03))
        shadow = shadow * (1 - corner * smoothstep((side - 0.45) / 0.55)) * (0.80 + 0.20 * min(1.0, opening / 0.12))
        rgb = _softened(rgb.astype(np.float32), self._softer_px(io))
        if self.teeth is not None:  # as soft as the footage by themselves
            own, seen = self.teeth.at(u, v)
            rgb = rgb * (1 - seen[..., None]) + own * seen[..., None]
            shadow = shadow * (1 - seen) + seen * (0.88 + 0.12 * smoothstep(below / 0.03))
        # little light falls between lips that nearly touch; in a smile they do not cover the teeth from above
        slit = 0.60 if self.teeth is None else 0.30
        shadow = shadow * (1 - slit + slit * smoothstep((below + above - 0.010) / 0.045))
        rgb = rgb * np.power(np.maximum(shadow, 0.02)[..., None], np.array((0.92, 1.12, 1.15)))
        soft = np.asarray(cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), max(0.5, 0.0046 * io)), np.float32)
        grain = np.random.default_rng((self.seed, index)).normal(0, 1.2, soft.shape[:2]).astype(np.float32)
        return np.asarray(soft + grain[..., None], np.float32)


def _softer_px(blur_px: float, io_px: float) -> float:
    """Standard deviation by which what is drawn is softened, beside footage that is as sharp as it can be."""
    usual_px = max(_SHARP_PX, _SHARP_IO * io_px)
    return float(np.sqrt(max(0.0, blur_px**2 - usual_px**2)))


def _softened(values: Float32, sigma_px: float) -> Float32:
    """By a Gaussian (h, w[, 3]); itself where that is nothing."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32) if sigma_px > _LEAST_SOFTER_PX else values


def to_point(curve: Floats) -> Floats:
    """The middle of a contour, (2,)."""
    return curve[len(curve) // 2]


def teeth_anchor(closed: Points) -> Floats:
    """(3,) canonical point at the biting edge between the upper front teeth, just behind the lips."""
    return np.array((closed[[13, 14], 0].mean(), closed[[13, 14], 1].mean() + 0.016, closed[13, 2] + 0.045))


def _curve(points: Floats, n: int = 6) -> Floats:
    """Catmull-Rom through `points` (m, 2), `n` steps a piece."""
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = (np.arange(n) / n)[:, None, None]
    a, b, c, d = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    pieces = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.vstack([pieces.transpose(1, 0, 2).reshape(-1, 2), points[-1:]])


def _arch(
    u: Float32, v: Float32, soft: float, bounds: Floats, edges: Floats, sign: int, height: float
) -> tuple[Floats, Floats]:
    """Cover and light of one row of teeth at skull coordinates (`v` from the biting edge; `sign` 1 for the upper)."""
    along = np.abs(_ARCH_RADIUS * np.arcsin(np.clip(u / _ARCH_RADIUS, -0.999, 0.999)))
    tooth = np.clip(np.searchsorted(bounds, along.ravel(), side="right").reshape(along.shape) - 1, 0, 5)
    wide = bounds[np.minimum(tooth + 1, 6)] - bounds[tooth]
    across = (along - bounds[tooth]) / np.maximum(wide, 1e-3)
    edge = edges[tooth] - 0.22 * u * u - 0.006 * np.abs(2 * across - 1) ** 4 * (1 + 0.6 * (tooth == 1))
    inside = edge - sign * v
    cover = smoothstep(inside / soft * 0.5 + 0.5) * smoothstep((height - inside) / soft * 0.25 + 0.5)
    cover = cover * (along < bounds[6])
    between = np.minimum(across, 1 - across) * wide
    groove = 0.006 + 0.016 * smoothstep((inside - 0.6 * height) / (0.5 * height))
    groove = groove + 0.006 * smoothstep((0.010 - inside) / 0.010)
    light = 1 - (0.16 + 0.12 * smoothstep(np.abs(u) / 0.2)) * (1 - smoothstep(between / groove))
    light = light * (1 - 0.45 * smoothstep(np.abs(u) / 0.27)) * (0.90 + 0.10 * smoothstep(inside / (0.35 * height)))
    return np.asarray(cover), np.asarray(light * (0.94 + 0.06 * np.sin(np.pi * np.clip(across, 0, 1))))


def _lay(face: Picture, region: Region, rgb: Float32, cover: Float32, shade: Float32, from_rgb: Floats) -> None:
    """Blend an R'G'B' picture (h, w, 3) of `region` onto the planes; `shade` darkens what is under it."""
    scale = 1 << (face.bits - 8)
    codes = (rgb @ from_rgb[:, :3].T.astype(np.float32) + from_rgb[:, 3].astype(np.float32)) * np.float32(scale)
    black = (from_rgb[:, 3] * scale).astype(np.float32)
    for number, (part, step) in enumerate(zip(face.parts, face.steps, strict=True)):
        mine = slice(0, 1) if number == 0 else slice(1, 3)
        view = window(part, face.region, region, step)
        under = view.astype(np.float32)
        under -= (under - (black[0] if number == 0 else black[mine])) * weights_for(shade, view)
        height, width = view.shape[:2]
        over = cv2.resize(np.ascontiguousarray(codes[..., mine]), (width, height), interpolation=cv2.INTER_AREA)
        under += (np.asarray(over, np.float32).reshape(view.shape) - under) * weights_for(cover, view)
        view[...] = to_codes(under, view, face.peak)


def _draw_lip_line(face: Picture, middle: Floats, io_px: float, strength: float, softer_px: float) -> None:
    """Darken the line where lips meet that were drawn together from an open mouth; what is darker already stays.

    As deep on a small face as on a large one: it is by this line that lips are seen to touch. What is soft is less deep
    by as much as it is wider: a wide dark line is seen as an open mouth.
    """
    sharp_px = max(0.8, 0.006 * io_px)
    wide_px = float(np.hypot(sharp_px, softer_px))
    strength *= sharp_px / wide_px
    margin = 0.05 * io_px + 2 + 3 * softer_px
    region = region_around(middle, (margin, margin, margin, margin), bounds=face.region, step=face.step)
    if region.is_empty:
        return
    x, y = np.arange(region.left, region.right), np.arange(region.top, region.bottom)
    away = y[:, None] - np.interp(x, middle[:, 0], middle[:, 1])[None]
    along = np.clip((x - middle[0, 0]) / max(1.0, float(middle[-1, 0] - middle[0, 0])), 0, 1)
    cover = np.exp(-0.5 * (away / wide_px) ** 2) * smoothstep(np.minimum(along, 1 - along) / 0.12)
    view = window(face.parts[0], face.region, region, (1, 1))
    under = view.astype(np.float32)
    near = np.exp(-0.5 * (away / (0.04 * io_px)) ** 2)
    dark = (1 - _LINE_DEPTH) * float((under * near).sum() / near.sum())
    under -= (strength * cover * np.maximum(under - dark, 0)).astype(np.float32)
    view[...] = to_codes(under, face.parts[0], face.peak)


def join_lips(face: Picture, to: Floats, io_px: float, strength: float, blur_px: float) -> None:
    """Draw the line where the inner lips of mesh points `to` (478, 2) meet, in place, so far as they do.

    For lips that were apart where they come from; `strength` is 0..1, `blur_px` as `edge_blur_px`.
    """
    upper, lower = _curve(to[_INNER_UPPER]), _curve(to[_INNER_LOWER])
    gap_io = float(np.maximum(lower[:, 1] - upper[:, 1], 0).max()) / io_px
    line = strength * float(1 - smoothstep(np.array((gap_io - _LINE_FROM_IO) / _LINE_TO_IO)))
    if line > 0:
        _draw_lip_line(face, (upper + lower) / 2, io_px, line, _softer_px(blur_px, io_px))


def harvest_teeth(
    views: Sequence[tuple[Picture, Points, Pose]], closed: Points, tooth: Floats, to_rgb: Floats
) -> Teeth | None:
    """The best look at the upper teeth among frames with an open mouth, or None where no teeth show.

    `views` are (picture around the mouth, landmarks (478, 3) px, pose); `tooth` (3,) is the expected colour,
    `to_rgb` (3, 4) the picture's colour matrix.
    """
    best: tuple[float, Floats, NDArray[np.bool_], float] | None = None
    """Area IO², picture, where teeth are, and how many texels wide the mouth is."""
    anchor = teeth_anchor(closed)
    if not views:
        return None
    # not coarser than this on small faces: what is cut off at the rim of the teeth is a few texels
    resolution = max(150.0, 1.25 * float(np.median([pose.scale for _, _, pose in views])))
    width, height = int(Teeth.WIDTH * resolution), int(Teeth.HEIGHT * resolution)
    u, v = np.meshgrid(Teeth.LEFT + np.arange(width) / resolution, Teeth.TOP + np.arange(height) / resolution)
    expected = float(_LUMA @ tooth)
    for picture, landmarks, pose in views:
        turn = pose.scale * pose.rotation[:2, :2]
        origin = pose.scale * (pose.rotation @ anchor)[:2] + pose.translation[:2]
        x = turn[0, 0] * u + turn[0, 1] * v + origin[0]
        y = turn[1, 0] * u + turn[1, 1] * v + origin[1]
        rgb = _sample_rgb(picture, x, y, to_rgb)
        contour = np.vstack([_curve(landmarks[_INNER_UPPER, :2]), _curve(landmarks[_INNER_LOWER, :2])[::-1]])
        outline = ((contour - origin) @ np.linalg.inv(turn).T - (Teeth.LEFT, Teeth.TOP)) * resolution
        inside = np.zeros((height, width), np.uint8)
        cv2.fillPoly(inside, [np.round(outline).astype(np.int32)], (255.0,))
        inside = cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=max(1, int(0.008 * resolution)))
        light = rgb @ _LUMA
        chroma = rgb.max(-1) - rgb.min(-1)
        seen: NDArray[np.bool_] = (inside > 0) & (light > 0.55 * expected) & (chroma < 0.40 * light)
        seen = _upper_teeth(seen, inside > 0, rgb, light, resolution)
        area = float(seen.sum()) / resolution**2
        if best is None or area > best[0]:
            best = (area, rgb, seen, float(np.ptp(outline[:, 0])))
    if best is None or best[0] < 0.012:
        return None
    _, rgb, seen, mouth_width = best
    whole = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    if float(np.ptp(np.flatnonzero(whole.any(0)))) < _PARTIAL * mouth_width:
        return None
    rgb, shown = _grown(rgb, whole, resolution)
    cover = cv2.GaussianBlur(shown.astype(np.float32), (0, 0), 1.2)
    middle = slice(int((-Teeth.LEFT - 0.08) * resolution), int((-Teeth.LEFT + 0.08) * resolution))
    columns = whole[:, middle]
    rows = [int(np.flatnonzero(column)[-1]) for column in columns.T if column.any()]
    edge = float(np.median(rows)) / resolution + Teeth.TOP if rows else 0.0
    colour = np.percentile(rgb[whole > 0], 60, axis=0)
    return Teeth(rgb.astype(np.float32), np.asarray(cover, np.float32), np.asarray(colour), edge, resolution)


def _upper_teeth(
    seen: NDArray[np.bool_], inside: NDArray[np.bool_], rgb: Floats, light: Floats, resolution: float
) -> NDArray[np.bool_]:
    """Of what looks like teeth (h, w) inside the lips, the upper ones: no tongue, no lower teeth, no glints.

    From the lip downwards each column is followed to where it ends, or turns redder than the teeth are.
    """
    down = np.arange(len(seen))[:, None]
    depth_io = (down - np.where(inside.any(0), inside.argmax(0), len(seen))) / resolution
    first = seen & (depth_io < _FIRST_IO)
    if first.sum() < _LEAST_SEEN_IO2 * resolution**2:
        return np.zeros_like(seen)
    redness = (rgb[..., 0] - rgb[..., 1]) / np.maximum(light, 1)
    is_tooth = seen & (depth_io < _DEEP_IO) & (redness < np.percentile(redness[first], 40) + _REDDER)
    begins = np.where(is_tooth.any(0), is_tooth.argmax(0), len(seen))
    bridge = np.ones((1 + 2 * max(1, round(_BREAK_IO * resolution / 2)), 1), np.uint8)  # odd: it shifts nothing
    unbroken = cv2.morphologyEx(is_tooth.astype(np.uint8), cv2.MORPH_CLOSE, bridge) > 0
    is_run = (np.cumsum(~unbroken & (down >= begins), axis=0) == 0) & (down >= begins)
    is_near = (depth_io <= _STARTS_IO)[np.minimum(begins, len(seen) - 1), np.arange(seen.shape[1])]
    upper = (seen & (depth_io < _SHALLOW_IO)) | (is_tooth & is_run & is_near)
    if seen.sum() <= (1 + _BITES) * upper.sum():
        return seen
    labels = np.empty(upper.shape, np.int32)
    cv2.connectedComponents(upper.astype(np.uint8), labels)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= max(1, _LEAST_PIECE * sizes.max()))[labels])


def _grown(rgb: Floats, seen: NDArray[Any], resolution: float) -> tuple[Floats, NDArray[Any]]:
    """Teeth (h, w, 3) where they were `seen` (h, w), and a little beyond: what the lips hid of them, as its neighbours.

    Lips that showed them lay on them: where these move on, teeth go on, far upwards and hardly to other sides.
    """
    around = max(1, round(_HIDDEN_AROUND_IO * resolution))
    upwards = round(_HIDDEN_ABOVE_IO * resolution)
    rim = max(1, round(_RIM_IO * resolution))
    firm = cv2.erode(seen, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    if not firm.any():
        firm = seen
    grown = cv2.dilate(
        firm, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * (around + rim) + 1, 2 * (around + rim) + 1))
    )
    rising = np.zeros((2 * upwards + 1, 1), np.uint8)
    rising[upwards:] = 1  # a texel is reached from those below it
    grown = np.maximum(grown, cv2.dilate(firm, rising))
    _, found = cv2.distanceTransformWithLabels(1 - firm, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    labels = np.asarray(found, np.intp)
    first = np.zeros(int(labels.max()) + 1, np.intp)
    first[labels[firm > 0]] = np.flatnonzero(firm)
    filled = cv2.GaussianBlur(rgb.reshape(-1, 3)[first[labels]], (0, 0), max(0.5, 0.01 * resolution))
    return np.where(firm[..., None] > 0, rgb, filled), grown


def _sample_rgb(picture: Picture, x: Floats, y: Floats, to_rgb: Floats) -> Floats:
    """(h, w, 3) R'G'B' 0..255 of a picture at frame pixels."""
    scale = 1.0 / (1 << (picture.bits - 8))
    samples: list[Floats] = []
    for part, (sx, sy) in zip(picture.parts, picture.steps, strict=True):
        map_x = ((x - picture.region.left - (sx - 1) / 2) / sx).astype(np.float32)
        map_y = ((y - picture.region.top - (sy - 1) / 2) / sy).astype(np.float32)
        read = cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        samples.append(np.atleast_3d(np.asarray(read, np.float64)) * scale)
    if len(samples) == 1:
        samples.append(np.full((*x.shape, 2), 128.0))
    return np.concatenate(samples, axis=-1) @ to_rgb[:, :3].T + to_rgb[:, 3]
