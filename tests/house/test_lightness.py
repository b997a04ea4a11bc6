"""Starting costs nothing that is not needed yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

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


def test_a_server_with_its_worker_loads_nothing_that_opens_media_or_computes_on_them(tmp_path: Path) -> None:
    tell = (
        "import sys\n"
        "from lipwright.config import HttpSettings, ServiceSettings\n"
        "from lipwright.http.app import create_app\n"
        "from lipwright.service.hosted import Hosted\n"
        "settings = ServiceSettings(data=sys.argv[1])\n"
        "hosted = Hosted.open(settings)\n"
        "hosted.ensure_first_key()\n"
        "hosted.warm_up()\n"
        "create_app(hosted, settings, HttpSettings())\n"
        "hosted.start_worker()\n"
        "hosted.close()\n"
        "print('LOADED', *sorted({'av', 'cv2', 'mediapipe', 'onnxruntime', 'scipy', 'torch'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", tell, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )

    assert done.stdout.splitlines()[-1] == "LOADED"


def test_every_name_of_the_room_of_media_is_there() -> None:
    from lipwright import media

    for name in media.__all__:
        assert not isinstance(getattr(media, name), ModuleType)
    with pytest.raises(AttributeError, match="no attribute 'cut'"):
        getattr(media, "cut")  # noqa: B009
