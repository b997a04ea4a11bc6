"""A whole `lipwright serve` with the real engine, and Debian's Chromium that looks at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from lipwright.config import ServiceSettings
from lipwright.service.hosted import Hosted

# a busy machine takes its time; what is quick is measured where it is promised
expect.set_options(timeout=120_000)


@dataclass
class Served:
    """A server that can be stopped and started again at the same address."""

    folder: Path
    key: str = ""
    url: str = ""
    link: str = ""
    """Signs in, once."""
    process: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0) -> None:
        environment = {
            **os.environ,
            "LIPWRIGHT_DATA": str(self.folder / "data"),
            "LIPWRIGHT_DRAIN_S": "1",
            "PYTHONUNBUFFERED": "1",
        }
        log_path = self.folder / "log"
        command = [sys.executable, "-c", "from lipwright.cli.main import main; main()", "serve", "--port", str(port)]
        with log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        for _ in range(900):
            text = log_path.read_text()
            assert self.process.poll() is None, text
            if "startup complete" in text and (link := re.search(r"this machine\): (\S+)", text)) is not None:
                self.link = link[1]
                self.url = self.link.partition("/playground/")[0]
                return
            time.sleep(0.1)
        raise AssertionError(log_path.read_text())

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, (self.folder / "log").read_text()[-4000:]

    def restart(self) -> None:
        port = int(self.url.rpartition(":")[2])
        self.stop()
        self.start(port)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Its first key is an operator's; `lipwright serve` prints a link for it."""
    made = Served(tmp_path_factory.mktemp("page"))
    hosted = Hosted.open(ServiceSettings(data=str(made.folder / "data")))
    made.key = hosted.ensure_first_key() or ""
    hosted.close()
    made.start()
    try:
        yield made
        made.stop()
    finally:
        assert made.process is not None
        made.process.kill()
        made.process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium of the system: Playwright's own cannot be fetched everywhere."""
    path = os.environ.get("LIPWRIGHT_TEST_BROWSER") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium: `make programs` installs Debian's, where there is apt and the right to use it")
    with sync_playwright() as playwright:
        flags = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        # a camera and a microphone that are none
        flags += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []
        opened = playwright.chromium.launch(executable_path=path, args=flags)
        yield opened
        opened.close()


_NOTE_VIOLATIONS = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => {
  violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


_RUN_AXE = """
async ([source, rules]) => {
  if (!window.axe) (0, eval)(source);
  const found = await axe.run(document, rules ? {runOnly: {type: "rule", values: rules}} : {});
  const told = (node) => `${node.html.slice(0, 160)}: ${node.any.map((why) => why.message).join("; ")}`;
  return found.violations.map((one) => `${one.id}: ${one.nodes.map(told).join(", ")}`);
}
"""


@dataclass
class Visit:
    """A tab, and everything in it that should not happen."""

    page: Page
    context: BrowserContext
    url: str
    shots: Path
    axe: str
    problems: list[str] = field(default_factory=list[str])
    foreign: list[str] = field(default_factory=list[str])

    def state(self, name: str) -> None:
        """A picture of it; in both themes no violation of axe, none of the policy, nothing wider than the screen."""
        page = self.page
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_timeout(120)
            page.screenshot(path=self.shots / f"{name}-{scheme}.png", full_page=True)
            # nothing but colours differs between the themes
            rules = None if scheme == "light" else ["color-contrast", "link-in-text-block"]
            found = page.evaluate(_RUN_AXE, [self.axe, rules])
            assert found == [], (name, scheme, found)
        page.emulate_media(color_scheme="light")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than the screen"
        self.check()

    def check(self) -> None:
        assert self.page.evaluate("window.violations") == []
        assert self.foreign == []
        assert self.problems == []


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of every state go: LIPWRIGHT_TEST_SHOTS, or a temporary folder."""
    chosen = os.environ.get("LIPWRIGHT_TEST_SHOTS")
    folder = Path(chosen) if chosen else tmp_path_factory.mktemp("shots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def visit(browser: Browser, served: Served, shots: Path) -> Iterator[Callable[..., Visit]]:
    """Opens a tab, signed in unless it shall not be."""
    opened: list[BrowserContext] = []
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
    hosted: list[Hosted] = []

    def open_tab(path: str = "/", *, signed_in: bool = True, width: int = 1280, height: int = 900) -> Visit:
        # the policy holds for the page; what the tests run in it is let in by the browser's own debugging door
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        context.add_init_script(_NOTE_VIOLATIONS)
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        made = Visit(page, context, served.url, shots, axe)
        page.on("pageerror", lambda error: made.problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((served.url, "blob:", "data:")) else made.foreign.append(request.url)
            ),
        )
        if signed_in:
            if not hosted:
                hosted.append(Hosted.open(ServiceSettings(data=str(served.folder / "data"))))
            secret, _ = hosted[0].page.open_session(hosted[0].authenticate(served.key))
            context.add_cookies(
                [
                    {
                        "name": "lipwright_session",
                        "value": secret,
                        "url": served.url,
                        "httpOnly": True,
                        "sameSite": "Strict",
                    }
                ]
            )
        page.goto(served.url + path)
        return made

    yield open_tab
    for context in opened:
        context.close()
    for one in hosted:
        one.close()


@pytest.fixture(scope="session")
def two_people(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    """A second of the sample beside its mirror picture: two faces."""
    import av

    from lipwright import media

    path = tmp_path_factory.mktemp("two") / "two people.mp4"
    with av.open(str(path), "w") as opened:
        out: Any = opened
        stream = out.add_stream("libx264", rate=Fraction(25), options={"preset": "ultrafast", "crf": "16"})
        stream.codec_context.width, stream.codec_context.height = 640, 320
        stream.codec_context.pix_fmt = "yuv420p"
        for index, frame in enumerate(media.open_footage(portrait).frames()):
            crops = [
                plane[80 // step : 400 // step, 80 // step : 400 // step]
                for plane, step in zip(frame.planes, (1, 2, 2), strict=True)
            ]
            both = [np.hstack([crop, crop[:, ::-1]]) for crop in crops]
            flat = np.concatenate([part.reshape(-1) for part in both]).reshape(480, 640)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(flat, np.uint8), "yuv420p")
            picture.pts = index
            picture.time_base = Fraction(1, 25)
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of a wall."""
    import cv2

    path = tmp_path_factory.mktemp("nobody") / "wall.png"
    y, x = np.mgrid[:240, :320]
    cv2.imwrite(
        str(path), np.dstack([150 + 20 * np.sin(x / 9), 140 + 0 * x, 130 + 10 * np.sin(y / 7)]).astype(np.uint8)
    )
    return path
