"""Pictures that were written in parts are one video: every frame, at its time, as it was encoded."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lipwright.core.errors import UnreadableMedia
from lipwright.core.plan import follow, plan_frames
from lipwright.core.timeline import FramePlan
from lipwright.media import AudioPlan, MediaFootage, Written, fit_together, join, open_footage, played, write_video

NTSC = Fraction(30000, 1001)


def plan_of(footage: MediaFootage) -> FramePlan:
    video = footage.info.video
    assert video is not None
    return plan_frames(video, video.duration_s)


def in_parts(footage: MediaFootage, folder: Path, ending: str, borders: Sequence[int], **how: Any) -> list[Written]:
    """Footage as it is, written in parts between `borders`."""
    plan = plan_of(footage)
    spans = list(pairwise([0, *borders, len(plan)]))
    ends = [*plan.times_s, plan.duration_s]
    written: list[Written] = []
    options: dict[str, Any] = {"preset": "medium", "threads": 1, **how}
    for start, stop in spans:
        times_s = tuple(time_s - ends[start] for time_s in ends[start:stop])
        part = FramePlan(plan.order[start:stop], times_s, ends[stop] - ends[start])
        written.append(
            write_video(
                folder / f"part{start}{ending}",
                follow(part, footage),
                footage.info,
                duration_s=part.duration_s,
                audio=None,
                **options,
            )
        )
    return written


def joined(footage: MediaFootage, path: Path, parts: list[Written], speech: Path | None = None) -> Written:
    plan = plan_of(footage)
    return join(
        path,
        [part.path for part in parts],
        footage.info,
        parts[0],
        times_s=plan.times_s,
        duration_s=plan.duration_s,
        audio=AudioPlan(speech),
    )


def pictures(path: Path) -> list[bytes]:
    return [frame.planes[0].tobytes() for frame in open_footage(path, threads=1).frames(writable=False)]


def packets(path: Path, kind: str = "video") -> list[Any]:
    import av

    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [packet for packet in container.demux(stream) if packet.size]


def tag(path: Path) -> str:
    """What the container calls the codec: players go by it."""
    import av

    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.codec_tag


@pytest.mark.parametrize(
    ("ending", "codec", "fps"),
    [
        (".mp4", "h264", NTSC),
        (".mp4", "h265", Fraction(25)),
        (".mkv", "h264", NTSC),
        (".webm", "vp9", Fraction(25)),
        (".mov", "prores", Fraction(25)),
        (".mp4", "av1", Fraction(60)),
    ],
)
def test_a_joined_video_shows_the_frames_of_its_parts_at_the_times_of_the_whole(
    make_video: Any, read_number: Any, tmp_path: Path, ending: str, codec: Any, fps: Fraction
) -> None:
    footage = open_footage(make_video(n=50, fps=fps), threads=1)
    parts = in_parts(footage, tmp_path, ending, (17, 34), codec=codec)

    assert fit_together([part.path for part in parts])
    whole = joined(footage, tmp_path / f"whole{ending}", parts)

    shown = open_footage(whole.path, threads=1)
    video = shown.info.video
    assert video is not None
    assert (video.fps, video.n_frames, video.is_vfr) == (fps, 50, False)
    assert [frame.time_s for frame in shown.frames()] == [k / fps for k in range(50)]
    assert [read_number(frame.planes[0], frame.bits) for frame in shown.frames()] == list(range(50))
    assert tag(whole.path) == tag(parts[0].path)
    assert pictures(whole.path) == [one for part in parts for one in pictures(part.path)]
    assert [bytes(packet) for packet in packets(whole.path)] == [
        bytes(packet) for part in parts for packet in packets(part.path)
    ]


def test_decoding_times_increase_and_never_pass_those_of_showing(make_video: Any, tmp_path: Path) -> None:
    footage = open_footage(make_video(n=60, fps=NTSC), threads=1)
    parts = in_parts(footage, tmp_path, ".mp4", (20, 41), preset="slow")
    one = write_video(
        tmp_path / "one.mp4",
        follow(plan_of(footage), footage),
        footage.info,
        duration_s=plan_of(footage).duration_s,
        audio=AudioPlan(None),
        preset="slow",
    )

    whole = joined(footage, tmp_path / "whole.mp4", parts)

    its = packets(whole.path)
    assert any(packet.pts != packet.dts + 2 * packet.duration for packet in its), "nothing is reordered here"
    assert all(a.dts < b.dts for a, b in pairwise(its))
    assert all(packet.dts <= packet.pts for packet in its)
    assert len({packet.duration for packet in its}) == 1
    assert (its[0].dts, its[0].time_base) == (packets(one.path)[0].dts, packets(one.path)[0].time_base)


def test_varying_times_are_those_of_the_whole(make_video: Any, tmp_path: Path) -> None:
    ticks = [0, 3000, 5000, 11000, 12000, 20000, 21500, 30000, 33000, 41000, 42000, 50000]
    footage = open_footage(make_video(n=12, ticks=ticks, time_base=Fraction(1, 90000)), threads=1)
    at_once = write_video(
        tmp_path / "at_once.mp4",
        follow(plan_of(footage), footage),
        footage.info,
        duration_s=plan_of(footage).duration_s,
        audio=AudioPlan(None),
    )

    whole = joined(footage, tmp_path / "whole.mp4", in_parts(footage, tmp_path, ".mp4", (5, 9)))

    mine, its = (open_footage(path).info.video for path in (whole.path, at_once.path))
    assert mine is not None
    assert its is not None
    assert mine.times_s == its.times_s
    # MP4 tells how long a picture is decoded, not how long it is shown: the end of the last one is never exact
    assert abs(mine.duration_s - plan_of(footage).duration_s) < Fraction(1, 25)
    written = sorted(packet.pts for packet in packets(whole.path))
    assert written == [round(time_s * 90_000) for time_s in plan_of(footage).times_s]
    assert set(ticks) < set(written)  # pictures that stand for long are there more than once


def test_sound_tags_and_turn_are_those_of_a_video_written_at_once(
    make_video: Any, make_sound: Any, clicks: Any, tmp_path: Path
) -> None:
    footage = open_footage(
        make_video(n=50, rotation_ccw_deg=90, aspect=Fraction(4, 3), colour=(1, 9, 16, 9)), threads=1
    )
    speech = make_sound("speech.wav", clicks(2.0, 16_000))
    at_once = write_video(
        tmp_path / "at_once.mp4",
        follow(plan_of(footage), footage),
        footage.info,
        duration_s=plan_of(footage).duration_s,
        audio=AudioPlan(speech),
    )

    whole = joined(footage, tmp_path / "whole.mp4", in_parts(footage, tmp_path, ".mp4", (20,)), speech)

    mine, its = open_footage(whole.path).info, open_footage(at_once.path).info
    assert mine.video == its.video
    assert mine.video is not None
    assert mine.video.rotation_deg == 270
    assert mine.audio == its.audio
    assert [bytes(packet) for packet in packets(whole.path, "audio")] == [
        bytes(packet) for packet in packets(at_once.path, "audio")
    ]
    assert [packet.pts for packet in packets(whole.path, "audio")] == [
        packet.pts for packet in packets(at_once.path, "audio")
    ]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_the_time_code_of_mov_is_kept_or_its_loss_is_told(make_video: Any, tmp_path: Path, ending: str) -> None:
    import av

    plain, path = make_video("plain.mov", n=6), tmp_path / "coded.mov"
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        out.metadata["timecode"] = "01:00:00:05"
        made = out.add_stream("mpeg4", rate=25, width=192, height=108, pix_fmt="yuv420p")
        for picture in source.decode(video=0):
            picture.pict_type = 0
            out.mux(made.encode(picture))
        out.mux(made.encode(None))
    footage = open_footage(path, threads=1)
    plan = plan_of(footage)

    at_once = write_video(
        tmp_path / f"at_once{ending}", follow(plan, footage), footage.info, duration_s=plan.duration_s,
        audio=AudioPlan(None),
    )  # fmt: skip
    whole = joined(footage, tmp_path / f"whole{ending}", in_parts(footage, tmp_path, ending, (3,)))

    def time_codes(path: Path) -> set[str]:
        with av.open(str(path)) as made:
            told = [made.metadata, *(stream.metadata for stream in made.streams)]
            return {text for tags in told for key, text in tags.items() if key.lower() == "timecode"}

    assert time_codes(at_once.path) == {"01:00:00:05"}
    assert time_codes(whole.path) == ({"01:00:00:05"} if ending == ".mkv" else set())
    assert any("time code" in note for note in whole.notes) == (ending != ".mkv")


@pytest.mark.parametrize(("codec", "ending"), [("vp9", ".mp4"), ("prores", ".mov")])
def test_the_shape_of_pixels_is_that_of_the_parts(make_video: Any, tmp_path: Path, codec: str, ending: str) -> None:
    """Also of codecs whose packets do not tell it."""
    footage = open_footage(make_video(n=4, size=(96, 64), aspect=Fraction(4, 3)), threads=1)

    whole = joined(footage, tmp_path / f"whole{ending}", in_parts(footage, tmp_path, ending, (2,), codec=codec))

    video = open_footage(whole.path).info.video
    assert video is not None
    assert video.sample_aspect == Fraction(4, 3)


def test_parts_of_other_encoders_are_told_apart_and_can_still_be_played_in_a_row(
    make_video: Any, read_number: Any, tmp_path: Path
) -> None:
    footage = open_footage(make_video(n=30), threads=1)
    first = in_parts(footage, tmp_path, ".mp4", (15,))[0]
    (tmp_path / "other").mkdir()
    second = in_parts(footage, tmp_path / "other", ".mp4", (15,), preset="ultrafast")[1]
    paths = [first.path, second.path]

    assert not fit_together(paths)
    times_s = plan_of(footage).times_s
    again = list(played(paths, times_s, threads=1))
    assert [frame.time_s for frame in again] == list(times_s)
    assert [read_number(frame.planes[0], 8) for frame in again] == list(range(30))


def test_h265_fits_whatever_its_encoder_tells_of_itself(make_video: Any, tmp_path: Path) -> None:
    footage = open_footage(make_video(n=40), threads=1)
    first = in_parts(footage, tmp_path, ".mp4", (20,), codec="h265", threads=1)[0]
    (tmp_path / "other").mkdir()
    second = in_parts(footage, tmp_path / "other", ".mp4", (20,), codec="h265", threads=3)[1]

    assert fit_together([first.path, second.path])


def test_a_part_that_lacks_frames_is_noticed_and_nothing_is_left(make_video: Any, tmp_path: Path) -> None:
    footage = open_footage(make_video(n=30), threads=1)
    parts = in_parts(footage, tmp_path, ".mp4", (10, 20))

    with pytest.raises(UnreadableMedia, match="20 frames, and 30"):
        joined(footage, tmp_path / "whole.mp4", [parts[0], parts[2]])

    assert not (tmp_path / "whole.mp4").exists()


def test_borders_are_not_seen(make_video: Any, tmp_path: Path) -> None:
    footage = open_footage(make_video(n=60, size=(384, 216)), threads=1)
    raw = [frame.planes[0].astype(np.float64) for frame in footage.frames()]

    whole = joined(footage, tmp_path / "whole.mp4", in_parts(footage, tmp_path, ".mp4", (20, 40)))

    shown = [frame.planes[0].astype(np.float64) for frame in open_footage(whole.path).frames()]
    noise = np.array([np.abs(a - b).mean() for a, b in zip(shown, raw, strict=True)])
    at_borders = noise[[18, 19, 20, 21, 38, 39, 40, 41]]
    assert at_borders.max() <= 1.25 * noise.max()
    assert at_borders.mean() <= 1.1 * noise.mean()
