"""A headless Firefox, driven by WebDriver BiDi, which it speaks without a driver.

What `live_check` needs of Playwright's `Page`, under the same names: Playwright drives only a Firefox of its own.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from websockets.sync.client import connect

NAMES = ("firefox-esr", "firefox")
PREFERENCES = {"ui.prefersReducedMotion": 1, "browser.shell.checkDefaultBrowser": False,
               "datareporting.policy.dataSubmissionEnabled": False, "app.update.auto": False}
KEYS = {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015", "Tab": "\ue004",
        "Enter": "\ue006", "Escape": "\ue00c", "End": "\ue010", "Home": "\ue011"}
INTO_VIEW = """name => { const it = document.querySelector(name);
    it.scrollIntoView({ block: "center", behavior: "instant" });
    const { x, y, width, height } = it.getBoundingClientRect(); return { x, y, width, height }; }"""


def program() -> str | None:
    """The path of a Firefox, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """One window. `zoom` 2 is a page at 200 %; width and height are in the page's own pixels."""

    def __init__(self, width: int = 1280, height: int = 900, zoom: float = 1):
        self.profile = tempfile.TemporaryDirectory()
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (Path(self.profile.name) / "user.js").write_text("".join(lines), encoding="utf-8")
        self.process = subprocess.Popen(
            [program() or "firefox", "--headless", "--no-remote", "--remote-debugging-port=0", "--profile",
             self.profile.name], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        found = (re.search(r"ws://\S+", line) for line in self.process.stderr or ())
        address = next(filter(None, found), None)
        if address is None:
            raise RuntimeError("Firefox ended before it could be driven.")
        self.socket = connect(f"{address[0]}/session", max_size=None)
        self.number, self.listeners = 0, dict[str, list[Callable]]()
        self.keyboard = SimpleNamespace(press=self.press)
        self.mouse = SimpleNamespace(move=self.move, down=lambda: self.point({"type": "pointerDown", "button": 0}),
                                     up=lambda: self.point({"type": "pointerUp", "button": 0}))
        self.call("session.new", capabilities={})
        # a new tab has the focus; the first does not, and there no key presses a button
        self.window = self.call("browsingContext.create", type="tab")["context"]
        self.call("browsingContext.setViewport", context=self.window, viewport={"width": width, "height": height},
                  devicePixelRatio=zoom)
        self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])

    def call(self, method: str, **parameters) -> dict:
        """Send a command and wait for its answer; events that come before it go to who listens."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=600))
            if answer.get("type") == "event":
                self.told(answer["method"], answer["params"])
            elif answer.get("id") == self.number:
                if answer["type"] == "error":
                    raise RuntimeError(f"{method}: {answer['message']}")
                return answer["result"]

    def told(self, event: str, about: dict) -> None:
        """Pass an event on under Playwright's names."""
        if event == "network.beforeRequestSent":
            for listener in self.listeners.get("request", []):
                listener(SimpleNamespace(url=about["request"]["url"]))
        elif about["level"] == "error" and about["type"] == "javascript":
            for listener in self.listeners.get("pageerror", []):
                listener(about["text"])

    def on(self, event: str, listener: Callable) -> None:
        """Listen to "request" or "pageerror"."""
        self.listeners.setdefault(event, []).append(listener)

    def goto(self, address: str) -> None:
        """Load a page."""
        self.call("browsingContext.navigate", context=self.window, url=address, wait="complete")

    def evaluate(self, function: str, argument: object = None):
        """What a function of the page's returns, as JSON."""
        declared = f"async text => JSON.stringify((await ({function})(JSON.parse(text))) ?? null)"
        done = self.call("script.callFunction", functionDeclaration=declared, awaitPromise=True,
                         target={"context": self.window}, arguments=[{"type": "string", "value": json.dumps(argument)}])
        if done["type"] == "exception":
            raise RuntimeError(done["exceptionDetails"]["text"])
        return json.loads(done["result"]["value"])

    def wait_for_function(self, function: str, *, arg: object = None, timeout: float = 120_000) -> None:
        """Until a function of the page's says so; milliseconds."""
        end = time.monotonic() + timeout / 1000
        while not self.evaluate(function, arg):
            if time.monotonic() > end:
                raise TimeoutError(f"{timeout} ms: {function} {arg}")
            time.sleep(0.05)

    def wait_for_selector(self, name: str) -> None:
        """Until there is such an element."""
        self.wait_for_function("name => !!document.querySelector(name)", arg=name)

    def wait_for_timeout(self, milliseconds: float) -> None:
        """Do nothing for a while."""
        time.sleep(milliseconds / 1000)

    def act(self, kind: str, steps: list[dict], **more) -> None:
        """Let a mouse or a keyboard do something."""
        self.call("input.performActions", context=self.window,
                  actions=[{"type": kind, "id": kind, "actions": steps, **more}])

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        value = KEYS.get(key, key)
        self.act("key", [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}])

    def point(self, *steps: dict) -> None:
        """Let the mouse do something."""
        self.act("pointer", list(steps), parameters={"pointerType": "mouse"})

    def move(self, x: float, y: float, steps: int = 1) -> None:
        """Move the mouse there, in the window, at once or over a while."""
        self.point({"type": "pointerMove", "x": round(x), "y": round(y), "duration": 20 * (steps - 1)})

    def click(self, name: str) -> None:
        """Scroll to an element and click it."""
        box = self.evaluate(INTO_VIEW, name)
        self.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.mouse.down()
        self.mouse.up()

    def focus(self, name: str) -> None:
        """Give an element the focus."""
        self.evaluate("name => document.querySelector(name).focus()", name)

    def select_option(self, name: str, value: str) -> None:
        """Choose from a list."""
        self.evaluate("""([name, value]) => { const it = document.querySelector(name); it.value = value;
            it.dispatchEvent(new Event("change", { bubbles: true })); }""", [name, value])

    def locator(self, name: str) -> SimpleNamespace:
        """The first element of this name."""
        get = "name => document.querySelector(name).{}"
        return SimpleNamespace(
            inner_text=lambda: self.evaluate(get.format("innerText"), name),
            text_content=lambda: self.evaluate(get.format("textContent"), name),
            bounding_box=lambda: self.evaluate(get.format("getBoundingClientRect().toJSON()"), name),
            scroll_into_view_if_needed=lambda: self.evaluate(INTO_VIEW, name), click=lambda: self.click(name))

    def screenshot(self, path: Path) -> None:
        """Keep what the window shows."""
        path.write_bytes(base64.b64decode(self.call("browsingContext.captureScreenshot", context=self.window)["data"]))

    def close(self) -> None:
        """End it."""
        try:
            self.call("browser.close")
            self.process.wait(30)
        finally:
            self.process.kill()
            self.profile.cleanup()
