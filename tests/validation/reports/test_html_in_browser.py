"""The page in a real browser: at the widths and in the colours that people have."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from ofa_export.validation.reports.html import validation_html
from ofa_export.validation.reports.report import Report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium; install it: apt-get install chromium"),
]

PATIENCE = 60
"""Seconds for one answer of the browser, on a busy machine."""


class Browser:
    """Chromium without a screen, asked over its pipe: one JSON object and a zero byte for each message."""

    def __init__(self, profile: Path) -> None:
        (their_input, self._out), (self._in, their_output) = os.pipe(), os.pipe()
        os.set_blocking(self._in, False)
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
        # The browser reads from descriptor 3 and writes to 4; only a shell can put them there.
        script = f'exec "$0" "$@" 3<&{their_input} 4>&{their_output}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, str(CHROMIUM), *options, f"--user-data-dir={profile}"],
            pass_fds=(their_input, their_output),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_input)
        os.close(their_output)
        self._rest, self._number = b"", 0
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable")

    _session: str | None = None

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command of the DevTools protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._wait(lambda said: said.get("id") == self._number)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def show(self, page: Path, *, width: int, height: int, dark: bool) -> NDArray[np.float32]:
        """The page's picture, float `[height, width, 3]` of 0 to 1."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=features)
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        self.ask("Page.navigate", url=page.as_uri())
        self._wait(lambda said: said.get("method") == "Page.loadEventFired")
        png = base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"])
        picture: NDArray[np.float32] = imread(io.BytesIO(png), format="png")[..., :3]
        return picture

    def value(self, script: str) -> Any:
        """What a script on the page gives; None for undefined."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            while b"\0" in self._rest:
                text, _, self._rest = self._rest.partition(b"\0")
                said: dict[str, Any] = json.loads(text)
                if wanted(said):
                    return said
            assert self._process.poll() is None, "the browser ended"
            try:
                self._rest += os.read(self._in, 2**20)
            except BlockingIOError:
                time.sleep(0.01)
        raise AssertionError(f"the browser said nothing for {PATIENCE} s")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def page(full: Report, bad: Report, rejected: Report, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(validation_html([full, bad, rejected]), encoding="utf-8")
    return path


@pytest.mark.parametrize(("width", "height", "dark"), [(1200, 900, False), (1200, 900, True), (360, 740, False)])
def test_the_page_is_not_blank_fits_the_screen_and_has_the_screen_s_colours(
    browser: Browser, page: Path, width: int, height: int, dark: bool
) -> None:
    picture = browser.show(page, width=width, height=height, dark=dark)
    assert picture.shape == (height, width, 3)
    background = picture[-1, 0]
    assert background.mean() < 0.15 if dark else background.mean() > 0.95
    written = (np.abs(picture - background).max(axis=2) > 0.3).mean()
    assert 0.01 < written < 0.5
    assert browser.value("document.documentElement.scrollWidth") <= width
    # Words of the plots have the ink of the page.
    inks = "[...document.querySelectorAll('.two .plot text')].map(e => getComputedStyle(e).fill)"
    own = browser.value("getComputedStyle(document.body).color")
    assert set(browser.value(inks)) == {own, "rgb(128, 128, 128)"}
    # Words are readable: none is smaller than 10 pixels, not even in the pictures that were scaled down.
    smallest = """const scale = e => e.ownerSVGElement ? Math.hypot(e.getScreenCTM().a, e.getScreenCTM().b) : 1;
        Math.min(...[...document.querySelectorAll('body *')]
        .filter(e => e.getClientRects().length && [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()))
        .map(e => parseFloat(getComputedStyle(e).fontSize) * scale(e)))"""
    assert browser.value(f"{{ {smallest} }}") >= 10


def test_a_phone_and_a_screen_each_have_their_own_treemap(browser: Browser, page: Path) -> None:
    maps = "[...document.querySelectorAll('.onscreen svg, .onphone svg')]"
    shown = f"{maps}.map(map => map.getBoundingClientRect().width > 0)"
    for width, expected in ((1200, [True, False]), (360, [False, True])):
        browser.show(page, width=width, height=740, dark=False)
        assert browser.value(shown) == expected


def test_a_finding_opens_and_the_index_leads_to_a_bundle(browser: Browser, page: Path) -> None:
    browser.show(page, width=360, height=740, dark=False)
    sentence = "document.querySelector('#bundle-1 .groups details details p').checkVisibility()"
    assert browser.value(sentence) is False
    browser.value("document.querySelectorAll('#bundle-1 .groups details').forEach(d => { d.open = true })")
    assert browser.value(sentence) is True
    assert browser.value("document.documentElement.scrollWidth") == 360
    browser.value("document.querySelector('a[href=\"#bundle-2\"]').click()")
    assert browser.value("document.querySelector('#bundle-2').getBoundingClientRect().top") == pytest.approx(0, abs=2)
