"""The page "Be the dopamine" in headless browsers, from a server and from the file system: `make live-check`.

Counted are spike times of every layer, decisions and weights that differ from Python's; every control is used by mouse,
touch and keyboard; axe-core looks at everything opened, light and dark, wide and narrow; and ten digits are drawn as a
person would. Times are told, not judged. Chromium does all of it, Firefox, where there is one, what its part of the
list says. `--browser firefox` takes one of them, `--only NAME` a part; `--pictures FOLDER` keeps pictures; `--still`
makes the page's own.
"""

from __future__ import annotations

import argparse
import base64
import functools
import http.server
import json
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext"), str(ROOT / "tests")]
import firefox
from print_book import browser as chromium
from site_check import OPTIONS, THEMES, WIDTHS, Quiet

from report.studies import live_page
from rstdp import load, load_pretrained
from rstdp.data import at_hand
from rstdp.images.picture import centred
from rstdp.learning import learn_rstdp

PAGE = "book/be-the-dopamine.html"
SAMPLE = "#live-samples button:nth-child({})"
STAGES = {"input": "Input", "s1": "S1", "c1": "C1", "s2": "S2", "c2": "C2", "s3": "S3"}  #: and their titles
CARDS = ("contrast", "scramble", "shift", "blank", "s1", "s2", "insist", "inhibition")


def arc(x: float, y: float, width: float, height: float, start: float, end: float) -> list[tuple[float, float]]:
    """Points of an ellipse, angles in degrees, clockwise from the right."""
    angles = [math.radians(start + (end - start) * i / 20) for i in range(21)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


#: each digit as strokes, in shares of the pad
DRAWN = {
    0: [arc(.5, .5, .24, .36, -80, 285)],
    1: [[(.56, .12), (.53, .4), (.49, .65), (.46, .88)]],
    2: [arc(.48, .32, .22, .18, -170, 30) + [(.6, .52), (.42, .72), (.27, .86), (.45, .83), (.76, .85)]],
    3: [arc(.46, .3, .22, .18, -160, 80) + arc(.45, .66, .26, .2, -85, 150)],
    4: [[(.36, .12), (.31, .34), (.28, .52), (.5, .53), (.76, .5)], [(.66, .14), (.63, .5), (.6, .9)]],
    5: [[(.72, .14), (.36, .16), (.33, .44)] + arc(.46, .64, .25, .22, -120, 140)],
    6: [[(.62, .1), (.44, .3), (.33, .55)] + arc(.5, .68, .18, .19, 190, 540)],
    7: [[(.24, .17), (.5, .15), (.77, .15), (.65, .38), (.53, .62), (.45, .9)]],
    8: [arc(.52, .3, .17, .17, 60, -230) + arc(.5, .67, .2, .2, -70, 250) + [(.6, .48), (.67, .36)]],
    9: [arc(.5, .32, .19, .19, -20, -350) + [(.67, .4), (.64, .62), (.6, .9)]]}


BEYOND = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
IDLE = "() => document.querySelector('#live-teach').getAttribute('aria-busy') === 'false'"
LESSON = "n => document.querySelector('#live-lesson-number').textContent === `Lesson ${n}`"


class Check:
    """One window, and what is wrong with it, in words."""

    def __init__(self, page: Page | firefox.Firefox, address: str):
        self.faults: list[str] = []
        self.page = page
        home = address.rpartition("/book/")[0]
        page.on("request", lambda request: request.url.startswith((home, "data:", "blob:"))
                or self.faults.append(f"asks for {request.url}"))
        page.on("pageerror", lambda error: self.faults.append(f"error {error}"))
        page.goto(address)
        page.wait_for_selector("#live-maps canvas")
        self.until("verdict", "It says")
        page.wait_for_function(IDLE)

    def expect(self, right: object, what: str) -> None:
        """Note what is wrong."""
        if not right:
            self.faults.append(what)
            print(what, flush=True)

    def text(self, name: str) -> str:
        return self.page.locator(f"#live-{name}").inner_text()

    def until(self, name: str, words: str, timeout: int = 60_000) -> None:
        """Wait until the part of this name says so."""
        self.page.wait_for_function("([name, words]) => document.querySelector(name).textContent.includes(words)",
                                    arg=[f"#live-{name}", words], timeout=timeout)

    def says(self, name: str, words: str, what: str) -> None:
        """Note that the part of this name does not come to say so."""
        try:
            self.until(name, words)
        except Exception:
            self.expect(False, f"{what}: {self.text(name)!r}")

    def lesson(self, number: int) -> None:
        """Wait until so many lessons less one have been given."""
        self.page.wait_for_function(LESSON, arg=number, timeout=120_000)
        self.page.wait_for_function(IDLE)

    def settle(self) -> None:
        """Until the worker has nothing left to do: it answers one call after the other."""
        for _ in range(2):
            self.page.evaluate("() => window.live.ask('examine', [])")


def window(browser: Browser, **context) -> Page:
    """A window of Chromium for one part of the check."""
    page = browser.new_context(reduced_motion="reduce", **context).new_page()
    page.set_default_timeout(120_000)
    return page


def encoded(images: torch.Tensor) -> list[str]:
    return [base64.b64encode(image.numpy().tobytes()).decode() for image in images]


EXAMINE = """async images => window.live.ask("examine",
    images.map(text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0))))"""


def differences(page: Page, network, images: torch.Tensor) -> dict[str, int]:
    """For each layer, and for decisions, how many images differ."""
    times, found = live_page.layers(network, images), []
    decisions = network.decide(times["c2"])[0]
    for part in images.split(50):
        found += page.evaluate(EXAMINE, encoded(part))
    wrong = {name: sum(live_page.checksum(times[name][i]) != each[name] for i, each in enumerate(found))
             for name in live_page.LAYERS}
    return wrong | {"decisions": sum(int(decisions[i]) != each["decision"] for i, each in enumerate(found))}


def exact(check: Check, images: dict[str, torch.Tensor], lessons: int) -> None:
    """Spike times, decisions and lessons against Python's."""
    network = live_page.rounded(load_pretrained("mnist"))
    for name, part in images.items():
        started = time.perf_counter()
        wrong = differences(check.page, network, part)
        check.expect(not any(wrong.values()), f"{name}: differ {wrong}")
        each = 1000 * (time.perf_counter() - started) / len(part)
        print(f"{len(part)} images of {name}: {wrong} differ; {each:.0f} ms each, with Python's part", flush=True)
    digits = live_page.read(ROOT / live_page.FOLDER / "digits.js")
    shown, labels = live_page.as_images(digits["lessons"])
    shown, labels = shown[labels < 2], labels[labels < 2]
    c2 = network.features(shown)
    check.page.select_option("#live-classes", "2")
    check.lesson(1)
    check.page.click("#live-reset")
    check.settle()
    check.lesson(1)
    seed = check.page.evaluate("() => window.live.ask('inspect')")["seed"]
    taught = live_page.fresh(network, 2, seed)
    started, said = time.perf_counter(), 0
    for i in range(lessons):
        at = i % len(labels)
        check.lesson(i + 1)
        decision = int(taught.class_of(learn_rstdp(taught, c2[at:at + 1], labels[at:at + 1], (1.0, 1.0)))[0])
        said += check.text("says").startswith(f"The pupil says: {decision}")
        check.page.click("#live-reward" if decision == labels[at] else "#live-punish")
    check.settle()
    weights = check.page.evaluate("""async () => { const { weights } = await window.live.ask("inspect");
        let text = ""; const bytes = new Uint8Array(weights.buffer);
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return btoa(text); }""")
    mine = np.frombuffer(base64.b64decode(weights), np.float32)
    wrong = int((mine != taught.weights["s3"].flatten().numpy()).sum())
    check.expect(not wrong and said == lessons, f"lessons: {wrong} weights differ, {said} of {lessons} decisions agree")
    print(f"{lessons} lessons: {wrong} of {len(mine)} weights differ, {said} decisions agree; "
          f"{1000 * (time.perf_counter() - started) / lessons:.0f} ms each, clicks and pictures included", flush=True)


def draw(page: Page, strokes: list[list[tuple[float, float]]]) -> None:
    """With the mouse, on the pad."""
    box = page.locator("#live-pad").bounding_box()
    for stroke in strokes:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=1 if i == 0 else 4)
            if i == 0:
                page.mouse.down()
        page.mouse.up()


def ten_digits(check: Check, pictures: Path | None) -> None:
    """Draw them, and see what is read; what the page prepares is what `load_image` would."""
    right = prepared = 0
    page, network = check.page, live_page.rounded(load_pretrained("mnist"))
    page.locator("#live-pad").scroll_into_view_if_needed()
    for digit, strokes in DRAWN.items():
        page.click("#live-clear")
        draw(page, strokes)
        check.settle()
        page.wait_for_timeout(300)
        right += (said := check.text("verdict")) == f"It says: {digit}"
        ink, image = (np.array(page.evaluate(f"() => Array.from(window.live.watch.{name})"), np.uint8)
                      for name in ("pad.ink", "view.image"))
        wanted = centred(ink.reshape(280, 280).astype(float))
        prepared += np.array_equal(image.reshape(28, 28), wanted)
        decision = int(network.classify(torch.from_numpy(wanted)[None])[0])
        print(f"drawn {digit}: {said}; Python reads it as {decision}", flush=True)
        if pictures:
            page.screenshot(path=pictures / f"drawn-{digit}.png")
    check.expect(right >= 8, f"of ten drawn digits {right} are read")
    check.expect(prepared == 10, f"of ten drawings {prepared} are prepared as Python does")


def answer(page: Page, name: str, tap) -> None:
    """Guess, and so unlock."""
    tap(page.locator(f"#live-card-{name} .live-option").first)
    tap(page.locator(f"#live-card-{name} button[type=submit]"))


def slide(page: Page, name: str, value: int) -> None:
    page.locator(f"#live-{name}").fill(str(value))


def pointers(check: Check, touch: bool) -> None:
    """Every control, with the mouse or with a finger."""
    page = check.page
    tap = (lambda where: where.tap()) if touch else (lambda where: where.click())
    says = check.says

    def on(name: str) -> None:
        page.wait_for_function(IDLE)
        tap(page.locator(f"#live-{name}"))

    for label in (3, 0):
        tap(page.locator(SAMPLE.format(label + 1)))
        says("verdict", f"It says: {label}", f"sample {label}")
    on("back")
    says("time", "step 13 of 14", "back")
    on("forward")
    says("time", "step 14 of 14", "forward")
    page.select_option("#live-speed", "150")
    on("play")
    says("play", "Pause", "play")
    says("verdict", "So far", "play")
    on("play")
    says("play", "Play", "pause")
    slide(page, "step", 4)
    says("time", "step 4 of 14", "slider")
    on("as-table")
    check.says("table", "The largest potential", "tables")  # they are drawn when the page has time
    check.expect(page.locator("#live-table td").count() == 15 * 5 + 15 * 10, "the tables lack cells")
    on("as-table")
    for i, name in enumerate(STAGES):
        tap(page.locator("#live-tabs button").nth(i))  # alone and large
        tap(page.locator(f"#live-stage-{name} button"))
        says("neuron-name", f"A neuron of {STAGES[name]}", f"neuron of {name}")
        tap(page.locator(f"#live-stage-{name} canvas"))
    says("neuron-name", "A neuron of S3", "a canvas")
    if not touch:
        tap(page.locator("#live-tabs button").nth(len(STAGES)))
        shown = page.locator("#live-stages figure:visible").count()
        check.expect(shown == len(STAGES), f"of all stages {shown} are shown")
    page.locator("#live-neuron-map").fill("3")
    page.locator("#live-neuron-map").press("Tab")
    says("neuron-name", "map 3", "number of a map")
    page.select_option("#live-neuron-layer", "s1")
    says("neuron-name", "A neuron of S1", "choice of a layer")
    on("neuron-field")
    on("neuron-close")
    check.expect(page.locator("#live-neuron").is_hidden(), "the neuron does not close")
    slide(page, "step", 14)
    for name in CARDS:
        answer(page, name, tap)
        check.expect(page.locator(f"#live-card-{name} .live-unlocked").is_visible(), f"{name} stays locked")
    for name, value in (("contrast", 5), ("s1", 40), ("s2", 4), ("shift-right", 5), ("shift-down", 2)):
        slide(page, name, value)
        card = "shift" if name.startswith("shift") else name
        says(f"card-{card}", "Usually: 0", name)
        says("status", "Changed under", name)
        tap(page.locator("#live-status button"))
        says("verdict", "It says: 0", f"{name} back to normal")
    on("scramble")
    says("card-scramble", "Now: 0", "scramble")
    before, now = page.locator("#live-card-scramble .live-outcome").inner_text().split(" Now: ")
    same = before.partition(": ")[2].rstrip(".") == now.partition(". ")[0]
    check.expect(same, "scrambled times change the potentials")
    tap(page.locator("#live-status button"))
    on("blank")
    says("card-blank", "Now: silence", "blank")
    says("verdict", "Silence: no decision", "blank")
    tap(page.locator("#live-status button"))
    on("uncentred")
    says("card-shift", "Usually", "uncentred")
    tap(page.locator("#live-status button"))
    on("measure")
    says("measured", "are read", "measure")
    on("reset")
    says("lesson-number", "Lesson 1", "new pupil")
    for i, name in enumerate(("reward", "punish", "neutral")):
        on(name)
        says("lesson-number", f"Lesson {i + 2}", name)
    says("change-text", "No comment", "neutral")
    on("undo")
    says("lesson-number", "Lesson 3", "undo")
    on("phi")
    on("reward")
    says("lesson-number", "Lesson 4", "reward with phi")
    on("teach-20")
    says("lesson-number", "Lesson 24", "20 lessons")
    on("inhibition")
    on("reward")
    says("change-text", "other 9 maps", "without inhibition")
    on("inhibition")
    on("insist")
    says("insisted", "now it says", "rewarding a wrong answer")
    page.select_option("#live-classes", "10")
    page.wait_for_function("() => document.querySelectorAll('#live-maps canvas').length === 10")
    says("lesson-number", "Lesson 1", "ten digits")
    on("teach-500")
    page.wait_for_timeout(3000)
    tap(page.locator("#live-stop"))
    says("curve", "lessons", "curve")
    page.wait_for_function("() => document.querySelector('#live-stop').disabled")
    check.expect(check.text("lesson-number") not in ("Lesson 1", "Lesson 501"), "500 lessons cannot be stopped")
    on("check")
    says("checked", "to the last bit", "check")
    on("clear")
    says("verdict", "Silence", "clear")


def keyboard(check: Check) -> None:
    """The pad, time and judgements without a pointer."""
    page = check.page
    page.focus("#live-pad")
    for key, times in (("ArrowUp", 8), (" ", 1), ("ArrowDown", 16), (" ", 1)):
        for _ in range(times):
            page.keyboard.press(key)
    check.settle()
    page.wait_for_timeout(300)
    check.expect(check.text("verdict") == "It says: 1", f"a 1 by keyboard: {check.text('verdict')}")
    page.focus("#live-back")
    for key, step in (("ArrowLeft", 13), ("ArrowLeft", 12), ("ArrowRight", 13)):
        page.keyboard.press(key)
        check.expect(check.text("time") == f"step {step} of 14", f"keyboard: {key} leads to {check.text('time')}")
    said = page.locator("#live-said").text_content()
    check.expect(said.startswith("Step 13: Input "), f"the live region says {said!r}")
    page.evaluate("() => document.querySelector('#live-watch').focus()")
    page.keyboard.press(" ")
    check.expect(check.text("play") == "Pause", "space does not play")
    page.keyboard.press(" ")
    page.focus("#live-play")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.click("#live-reset")
    check.lesson(1)
    page.evaluate("() => document.querySelector('#live-teach').focus()")
    for i, key in enumerate("rpn"):
        page.keyboard.press(key)
        check.lesson(i + 2)
    # everything that can be used has its turn, and is large enough
    page.evaluate("() => document.querySelector('#live-watch').focus()")
    wanted = set(page.evaluate("""() => [...document.querySelectorAll(
        '.live button, .live input, .live select, #live-pad')]
        .filter(each => each.checkVisibility() && !each.disabled && each.type !== 'radio')
        .map((each, i) => each.dataset.turn = String(i))"""))
    met = set()
    for _ in range(2 * len(wanted) + 60):
        page.keyboard.press("Tab")
        met.add(page.evaluate("() => document.activeElement.dataset.turn"))
    check.expect(wanted <= met, f"{len(wanted - met)} controls are not reached by Tab")
    small = page.evaluate("""() => [...document.querySelectorAll('.live button, .live select, .live label, #live-pad')]
        .filter(each => each.checkVisibility()).map(each => [each.id || each.textContent, each.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 44 || height < 44).map(([name]) => name.trim())""")
    check.expect(not small, f"smaller than 44 pixels: {small[:5]}")


def by_keys(check: Check) -> None:
    """Every control by the keyboard alone: Tab leads there, and keys use it."""
    page = check.page

    def press(name: str, *keys: str) -> None:
        page.wait_for_function(IDLE)
        for _ in range(200):
            if page.evaluate("name => document.activeElement.matches(name)", name):
                break
            page.keyboard.press("Tab")
        else:
            check.expect(False, f"Tab does not lead to {name}")
        for key in keys:
            page.keyboard.press(key)

    def start(section: str) -> None:
        page.focus(f"#live-{section}")

    def guess(name: str) -> None:
        press(f"[name=live-{name}-guess]", " ")
        press(f"#live-card-{name} [type=submit]", "Enter")
        check.expect(page.evaluate("name => document.activeElement.matches(`#live-card-${name} .live-answer`)", name),
                     f"{name}: the answer has no focus")

    def normal(name: str, words: str) -> None:
        check.says(f"card-{name}", words, name)
        check.says("status", "Changed under", name)
        start("watch")
        press("#live-status button", "Enter")
        check.says("verdict", "It says: 3", f"{name} back to normal")
        check.expect(not check.text("status"), f"{name} stays changed")
        start("try")

    start("watch")
    press(SAMPLE.format(4), "Enter")
    check.says("verdict", "It says: 3", "sample 3")
    press("#live-back", "Enter", " ")
    check.says("time", "step 12 of 14", "back")
    press("#live-play", "Enter")
    check.says("play", "Pause", "play")
    page.keyboard.press("Enter")
    check.says("play", "Play", "pause")
    press("#live-step", "Home")
    check.says("time", "step 0 of 14", "first step")
    page.keyboard.press("End")
    check.says("verdict", "It says: 3", "last step")
    press("#live-speed", "ArrowDown")
    check.expect(page.evaluate("() => document.querySelector('#live-speed').value") == "150", "speed by keys")
    press("#live-as-table", " ")
    page.wait_for_function("() => document.querySelectorAll('#live-table td').length === 225")
    page.keyboard.press(" ")
    for name in STAGES:
        press(f"#live-stage-{name} button", "Enter")
        check.says("neuron-name", f"A neuron of {STAGES[name]}", name)
    press("#live-neuron-layer", "ArrowUp")
    check.says("neuron-name", "A neuron of C2", "choice of a layer")
    press("#live-neuron-map", "ArrowUp", "Tab")
    for field in ("row", "column"):
        press(f"#live-neuron-{field}", "ArrowUp", "Tab")
    press("#live-neuron-close", "Enter")
    check.expect(page.evaluate("() => document.activeElement.closest('#live-stage-c2') !== null"),
                 "the neuron's focus does not go back to its stage")
    press("#live-stage-c2 button", "Enter")
    start("try")
    for name, keys, words in (("contrast", ["Home"], "Input: "), ("scramble", [" "], "Now: 3"), ("shift", [], ""),
                              ("blank", ["Enter"], "Now: silence"), ("s1", ["End"], "S1: "), ("s2", ["Home"], "S2: ")):
        guess(name)
        if keys:
            press(f"#live-{name}", *keys)
            normal(name, words)
    for name, key in (("shift-right", "End"), ("shift-down", "Home"), ("uncentred", " ")):
        press(f"#live-{name}", key)
        check.says("card-shift", "Usually: 3", name)
    normal("shift", "Usually: 3")
    press("#live-measure", "Enter")
    check.says("measured", "are read", "measure")
    start("teach")
    press("#live-classes", "ArrowDown")
    check.says("ready", "on 201 held-out", "three digits")
    press("#live-reset", "Enter")
    check.lesson(1)
    press("#live-phi", " ", " ")
    for i, name in enumerate(("reward", "punish", "neutral")):
        press(f"#live-{name}", "Enter")
        check.lesson(i + 2)
    press("#live-undo", "Enter")
    check.lesson(3)
    press("#live-teach-20", "Enter")
    check.lesson(23)
    press("#live-teach-500", "Enter")
    page.wait_for_function("() => !document.querySelector('#live-stop').disabled")
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.id === 'live-stop'"):
            break
    page.keyboard.press("Enter")
    page.wait_for_function(IDLE)
    check.expect(check.text("lesson-number") != "Lesson 523", "500 lessons cannot be stopped")
    guess("insist")
    press("#live-insist", "Enter")
    check.says("insisted", "now it says", "rewarding a wrong answer")
    guess("inhibition")
    press("#live-inhibition", " ")
    start("teach")
    press("#live-reward", "Enter")
    check.says("change-text", "other 14 maps", "without inhibition")
    press("#live-check", "Enter")
    check.says("checked", "to the last bit", "check")


def fits(check: Check, pictures: Path | None) -> None:
    """A narrow window zoomed to 200 %: nothing is wider than it, each stage is shown by its tab, a digit is read."""
    page = check.page
    for i, name in enumerate(STAGES):
        page.click(f"#live-tabs button:nth-child({i + 1})")
        page.click(f"#live-stage-{name} button")
        check.says("neuron-name", "A neuron of", name)
        check.expect(page.evaluate(BEYOND) <= 0, f"{name}: wider than the window")
    page.click("#live-clear")
    draw(page, DRAWN[7])
    check.says("verdict", "It says: 7", "a 7 drawn")
    page.click("#live-reward")
    check.lesson(2)
    check.expect(page.evaluate(BEYOND) <= 0, "after a lesson: wider than the window")
    if pictures:
        page.screenshot(path=pictures / "zoomed.png")


def open_all(check: Check) -> None:
    page = check.page
    for name in CARDS:
        answer(page, name, lambda where: where.click())
    page.click("#live-stage-input button")
    check.lesson(1)
    page.click("#live-teach-20")
    check.lesson(21)
    page.click("#live-reward")
    page.click("#live-check")
    check.until("checked", "bit", 300_000)
    check.settle()


def barriers(check: Check, pictures: Path | None) -> None:
    """What axe-core finds in the page's own part, of any weight (`site_check` sees the rest), and what is wider than
    the window; pictures and tables, both themes, both widths and a window zoomed to 200 %."""
    page = check.page
    open_all(check)
    for table in (False, True):
        page.set_checked("#live-as-table", table)
        for theme in THEMES:
            for width in (*WIDTHS, 640):  # 1280 zoomed to 200 %
                page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                page.set_viewport_size({"width": width, "height": 800})
                page.wait_for_function("theme => document.documentElement.dataset.theme == theme", arg=theme)
                page.wait_for_timeout(600)
                beyond = page.evaluate(BEYOND)
                check.expect(beyond <= 0, f"{theme}, {width}: {beyond} pixels wider than the window")
                if pictures:
                    name = f"all-{width}-{theme}{'-table' if table else ''}.png"
                    page.screenshot(path=pictures / name, full_page=True)
                for found in Axe().run(page, context=".bd-article", options=OPTIONS).response["violations"]:
                    places = [str(node["target"][-1]) for node in found["nodes"]]
                    check.faults.append(f"{theme}, {width}: {found['id']} ({found['impact']}) at {places[:4]}")


def longest(trace: bytes) -> list[float]:
    """The longest tasks of the page's main thread in a trace of Chromium, in milliseconds of the processor."""
    events = json.loads(trace)["traceEvents"]
    main = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"
            and event["args"]["name"] == "CrRendererMain"}
    tasks = [event["tdur"] / 1000 for event in events if event["name"].endswith("RunTask") and "tdur" in event
             and (event["pid"], event["tid"]) in main]
    return sorted(tasks, reverse=True)[:5]


def motion(check: Check) -> None:
    """Where motion is welcome a digit plays by itself; how long the page is busy with one thing, and an image takes."""
    page, browser = check.page, check.page.context.browser
    page.emulate_media(reduced_motion="no-preference")

    def traced(what: str, steps) -> None:
        browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", "__metadata"])
        steps()
        page.wait_for_timeout(1500)
        told = ", ".join(f"{each:.0f}" for each in longest(browser.stop_tracing()))
        print(f"{what}: the page's longest tasks take {told} ms of the processor", flush=True)

    def plays() -> None:
        page.click(SAMPLE.format(9))
        check.until("play", "Pause")
        check.until("verdict", "It says: 8", 120_000)

    def draws() -> None:
        page.locator("#live-pad").scroll_into_view_if_needed()
        draw(page, DRAWN[3])
        check.until("verdict", "It says: 3", 120_000)

    def looks() -> None:
        for name in STAGES:
            page.click(f"#live-stage-{name} button")
        page.click("#live-neuron-close")
        page.set_checked("#live-as-table", True)
        page.set_checked("#live-as-table", False)

    def teaches() -> None:
        page.click("#live-reward")
        check.lesson(2)
        page.click("#live-teach-20")
        check.lesson(22)
        page.select_option("#live-classes", "10")
        check.lesson(1)
        page.click("#live-teach-20")
        check.lesson(21)

    for what, steps in (("while a digit plays", plays), ("while one is drawn, and plays", draws),
                        ("neurons and tables", looks), ("lessons", teaches)):
        traced(what, steps)
    once = "async () => (await window.live.ask('run', window.live.watch.pad.source)).milliseconds"
    print(f"an image takes {sorted(page.evaluate(once) for _ in range(9))[4]:.0f} ms in the worker", flush=True)


def still(check: Check) -> None:
    """The page's own picture, for those without JavaScript and for paper."""
    page = check.page
    slide(page, "step", 3)
    page.evaluate("""() => { document.querySelectorAll(
        ".bd-sidebar-primary, #live-stages button, #live-pad-help, #live-lead, .bd-header, .bd-header-article")
        .forEach(each => { each === document.querySelector("#live-lead") ? each.hidden = true : each.remove(); });
        document.activeElement.blur(); }""")
    page.wait_for_timeout(1000)
    page.set_viewport_size({"width": 1280, "height": int(page.locator("#live-watch").bounding_box()["height"]) + 300})
    path = ROOT / "book" / "_static" / "live-still.png"
    page.locator("#live-watch").screenshot(path=path)
    Image.open(path).convert("RGB").quantize(160).save(path, optimize=True)
    print(path)


def main() -> int:
    """Check all; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, nargs="?", default=Path("_build/html"))
    parser.add_argument("--pictures", type=Path, help="a folder")
    parser.add_argument("--still", action="store_true", help="only make the page's own picture")
    parser.add_argument("--browser", action="append", choices=("chromium", "firefox"), help="default: both")
    parser.add_argument("--only", default="", help="parts whose names contain this")
    parser.add_argument("--images", type=int, default=500, help="of MNIST's test set (default: 500)")
    options = parser.parse_args()
    options.browser = options.browser or ["chromium", "firefox"]
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(Quiet, directory=options.site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served, file = f"http://127.0.0.1:{server.server_port}/{PAGE}", (options.site / PAGE).resolve().as_uri()
    digits = load("digits")
    images = {"scikit-learn's digits": torch.cat([digits.train_images, digits.test_images])}
    if at_hand("mnist"):
        images["MNIST"] = load("mnist").test_images[:options.images]
    else:
        images["MNIST that the page carries"] = live_page.as_images(
            live_page.read(ROOT / live_page.FOLDER / "digits.js")["heldOut"])[0]
    few = {name: part[:50] for name, part in images.items()}
    wide, narrow = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
    in_chromium = [
        ("drawn digits", file, lambda check: ten_digits(check, options.pictures), {"viewport": wide}),
        ("keyboard", file, keyboard, {"viewport": wide}),
        ("every control by keyboard", file, by_keys, {"viewport": wide}),
        ("mouse", served, lambda check: pointers(check, touch=False), {"viewport": wide}),
        ("touch", file, lambda check: pointers(check, touch=True), {"viewport": narrow, "has_touch": True}),
        ("zoomed to 200 %", file, lambda check: fits(check, options.pictures),
         {"viewport": narrow, "device_scale_factor": 2}),
        ("motion", file, motion, {"viewport": wide}),
        ("barriers", served, lambda check: barriers(check, options.pictures), {"viewport": wide}),
        ("exactness from the file system", file, lambda check: exact(check, images, 100), {"viewport": wide}),
        ("exactness from a server", served, lambda check: exact(check, few, 10), {"viewport": wide})]
    in_firefox = [
        ("drawn digits", file, lambda check: ten_digits(check, None), wide),
        ("keyboard", file, keyboard, wide),
        ("every control by keyboard", served, by_keys, wide),
        ("zoomed to 200 %", file, lambda check: fits(check, options.pictures), {**narrow, "zoom": 2}),
        ("exactness from the file system", file, lambda check: exact(check, few, 20), wide)]
    parts = {"chromium": in_chromium, "firefox": in_firefox}
    if not any(options.only in name for browser in options.browser for name, *_ in parts[browser]):
        names = ", ".join(name for name, *_ in in_chromium)
        parser.error(f"no part's name contains {options.only!r}; parts are {names}")
    found: list[str] = []

    def look(name: str, page: Page | firefox.Firefox, address: str, steps: Callable[[Check], None]) -> None:
        started, faults = time.perf_counter(), []
        try:
            check = Check(page, address)
            faults = check.faults
            steps(check)
        except Exception as error:  # what else there is to find is looked for all the same
            where = [f"{each.name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)[1:4]]
            faults.append(f"{' '.join(where)}: {type(error).__name__}: {str(error)[:300]}")
        for fault in faults:
            print(f"{name}: {fault}", flush=True)
        found.extend(faults)
        print(f"{name}: {len(faults)} faults, {time.perf_counter() - started:.0f} s", flush=True)

    if "chromium" in options.browser or options.still:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])  # own pages only
            if options.still:
                still(Check(window(browser, viewport=wide, device_scale_factor=1.5), file))
                return 0
            for name, address, steps, context in in_chromium:
                if options.only in name:
                    page = window(browser, **context)
                    look(name, page, address, steps)
                    page.context.close()
            browser.close()
    if "firefox" in options.browser:
        for name, address, steps, size in in_firefox:
            if options.only in name and not firefox.program():
                print(f"Firefox, {name}: skipped, there is no {' or '.join(firefox.NAMES)}")
            elif options.only in name:
                page = firefox.Firefox(**size)
                look(f"Firefox, {name}", page, address, steps)
                page.close()
    print(f"{len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
