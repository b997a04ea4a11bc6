"""Starting costs nothing that is not needed yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"av", "cv2", "mediapipe", "numpy", "onnxruntime", "rich", "scipy", "torch"}


@pytest.mark.parametrize(
    "code",
    [
        "import lipwright; lipwright.SyncOptions(crf=20); lipwright.LipwrightError",
        "from lipwright.cli.main import app; app(['--help'], standalone_mode=False)",
        "from lipwright.cli.main import app; app(['sync', '--help'], standalone_mode=False)",
    ],
)
def test_the_libraries_are_not_loaded_before_they_are_needed(code: str) -> None:
    tell = f"import sys\n{code}\nprint('LOADED', *sorted({HEAVY!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED"


def test_probe_needs_no_network_and_no_face() -> None:
    tell = (
        "import sys\nfrom lipwright.demo import video_path\nimport lipwright\nlipwright.probe(video_path())\n"
        "print('LOADED', *sorted({'mediapipe', 'cv2', 'onnxruntime'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1] == "LOADED"


def test_every_public_name_is_there() -> None:
    import lipwright

    for name in lipwright.__all__:
        assert getattr(lipwright, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'dub'"):
        getattr(lipwright, "dub")  # noqa: B009
