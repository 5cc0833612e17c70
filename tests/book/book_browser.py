"""A headless Chromium driven over its DevTools protocol: one session opens many pages and says what each did."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websocket  # comes with JupyterLab

FLAGS = (
    "--headless",
    "--no-sandbox",  # a container's root has no other way; only our own files are opened
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no host name leads anywhere
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
LOCAL = ("file:", "data:", "blob:", "about:")

# Texts that are hard to read: the contrast of each visible text with the ground behind it, by the WCAG formula.
FAINT = """(() => {
  const linear = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => { const f = c.map(linear);
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgba = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const known = new Map();
  const parse = text => { if (!known.has(text)) known.set(text, rgba(text)); return known.get(text); };
  const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3]));
  const ground = e => { const stack = [];
    for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] > 0) stack.push(c); if (c[3] === 1) break; }
    return stack.reverse().reduce((below, c) => over(c, below), [255, 255, 255]); };
  const found = new Map();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (e.closest('.visually-hidden, .sr-only, .headerlink, #pst-skip-link, script, style, noscript')) continue;
    const svg = e.closest('svg');
    const ink = parse(svg ? getComputedStyle(e).fill : getComputedStyle(e).color);
    const box = svg && e.parentElement.querySelector('rect');
    const behind = box ? parse(getComputedStyle(box).fill).slice(0, 3) : ground(e);
    const [a, b] = [light(over(ink, behind)), light(behind)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(getComputedStyle(e).fontSize);
    if (ratio < (size >= 24 ? 3 : 4.5)) found.set(e.className + e.tagName, `${ratio.toFixed(2)} ${text.slice(0, 40)}`);
  }
  return [...found.values()];
})()"""

DARK = """new Promise(done => { let tries = 40; const look = () =>
  document.documentElement.dataset.theme === 'dark' ? done(true) : tries-- ? setTimeout(look, 50) : done(false);
  look(); })"""


def chromium() -> str:
    """Return the path of a Chromium or Chrome, or an empty string."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((path for name in names if (path := shutil.which(name))), "")


@dataclass
class Visit:
    """What a page did while it was open."""

    url: str
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def outside(self) -> list[str]:
        """Addresses asked for that are not part of the page itself."""
        return [url for url in self.requests if not url.startswith(LOCAL)]


class Browser(contextlib.AbstractContextManager["Browser"]):
    """One browser with one page: `with Browser() as browser: visit = browser.open(path)`."""

    def __enter__(self) -> Browser:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        profile = Path(self._folder.name)
        self._process = subprocess.Popen(
            [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(profile)},
        )
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + 60
        while not (port.exists() and "\n" in port.read_text()):
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.__exit__()
                raise RuntimeError("Chromium did not start")
            time.sleep(0.05)
        number, path = port.read_text().split()
        self._socket = websocket.create_connection(f"ws://127.0.0.1:{number}{path}", timeout=60)
        self._ids = itertools.count(1)
        self._session, self._visit = "", Visit("")
        self._loaded = False
        target = next(t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._session = ""
            self._call("Browser.close")
            self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._folder.cleanup()

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        self._socket.send(json.dumps(message | ({"sessionId": self._session} if self._session else {})))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            self._note(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _note(self, event: dict[str, Any]) -> None:
        what, params = event.get("method"), event.get("params", {})
        if what == "Network.requestWillBeSent":
            self._visit.requests.append(params["request"]["url"])
        elif what == "Network.webSocketCreated":
            self._visit.requests.append(params["url"])
        elif what == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            said = details.get("exception", {}).get("description") or details["text"]
            self._visit.errors.append(said.splitlines()[0])
        elif what == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self._visit.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in params["args"]))
        elif what == "Log.entryAdded" and params["entry"]["level"] == "error":
            self._visit.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif what == "Page.loadEventFired":
            self._loaded = True

    def open(self, page: Path | str, *, width: int = 1280, dark: bool = False) -> Visit:
        """Load a page and wait until it has settled; what it does later is still noted in the same visit."""
        url = page.resolve().as_uri() if isinstance(page, Path) else page
        self._visit, self._loaded = Visit(url), False
        self.resize(width)
        self.scheme(dark=dark)
        self._call("Page.navigate", url=url)
        while not self._loaded:
            self._note(json.loads(self._socket.recv()))
        self.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")
        return self._visit

    def resize(self, width: int, height: int = 800) -> None:
        """Give the page another width, in CSS pixels."""
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,  # a telephone's browser would widen the page to what sticks out, and hide it from us
        )

    def scheme(self, *, dark: bool) -> None:
        """Set the colour scheme that the system prefers, with animations off so that it shows at once."""
        wanted = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self._call("Emulation.setEmulatedMedia", features=wanted)

    def run(self, script: str) -> Any:
        """Evaluate an expression in the page, waiting for a promise, and return its value."""
        done = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"].get("exception", {}).get("description", "script failed"))
        return done["result"].get("value")


def inspect(browser: Browser, page: Path) -> list[str]:
    """Open a page wide and light, then narrow, then dark; return what is wrong with it, as sentences."""
    visit = browser.open(page)
    wrong = [f"unreadable in the light: {text}" for text in browser.run(FAINT)]
    browser.resize(360)
    excess = browser.run("document.documentElement.scrollWidth - 360")
    if excess > 0:
        wide = browser.run(
            "[...document.querySelectorAll('article *')].filter(e => e.getBoundingClientRect().right > 361)"
            ".slice(0, 1).map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 60)}`).join()"
        )
        wrong.append(f"{excess} pixels too wide for 360: {wide}")
    browser.scheme(dark=True)
    if not browser.run(DARK):
        wrong.append("does not follow the system into the dark")
    wrong += [f"unreadable in the dark: {text}" for text in browser.run(FAINT)]
    wrong += [f"asked for {url}" for url in visit.outside]
    wrong += [f"console: {error}" for error in visit.errors]
    return wrong
