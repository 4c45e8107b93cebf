"""Every page of the built site in a headless Chromium, light and dark, wide and narrow: `make site-check`.

Reported are violations that axe-core calls serious or critical, requests to anywhere but the site, errors of the page's
own programs, pages that scroll sideways, and parts of them that do without a name or a place in the order of the Tab
key. `--pictures FOLDER` also keeps a picture of every page.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import itertools
import sys
import threading
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "book" / "_ext"))
from print_book import browser as chromium

WIDTHS, THEMES = (1280, 360), ("light", "dark")
OPTIONS = {"preload": False, "resultTypes": ["violations"]}  # no second look at style sheets, no lists of what is well

SIDEWAYS = """() => [...document.querySelectorAll(".bd-article *")].filter(part =>
  part.clientWidth && part.scrollWidth > part.clientWidth + 2 && /auto|scroll/.test(getComputedStyle(part).overflowX)
  && !(part.tabIndex === 0 && (part.ariaLabel || part.matches("mjx-container")))
).map(part => `${part.tagName} ${part.className}`)"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not print every request."""

    def log_message(self, *arguments) -> None:
        """Print nothing."""


def visit(page: Page, site: str, name: str, pictures: Path | None) -> list[str]:
    """What is wrong with one page, in words. It is loaded once and then seen in every theme and width."""
    faults = []
    listeners = {
        "request": lambda request: request.url.startswith((site, "data:", "blob:"))
        or faults.append(f"asks for {request.url}"),
        "response": lambda response: response.status < 400 or faults.append(f"{response.status} for {response.url}"),
        "pageerror": lambda error: faults.append(f"error {error}")}
    for event, listener in listeners.items():
        page.on(event, listener)
    page.goto(f"{site}/{name}")
    page.evaluate("() => window.MathJax?.startup?.promise")
    for theme, width in itertools.product(THEMES, WIDTHS):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 800})
        # the report knows no themes
        page.wait_for_function("theme => (document.documentElement.dataset.theme ?? theme) == theme", arg=theme)
        page.wait_for_timeout(600)  # the theme notices a new width after half a second
        if pictures:
            page.screenshot(path=pictures / f"{Path(name).stem}-{width}-{theme}.png", full_page=True)
        beyond = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if beyond > 0:
            faults.append(f"{theme}, {width}: {beyond} pixels wider than the window")
        faults += [f"{theme}, {width}: {part} scrolls sideways and does not say so" for part in page.evaluate(SIDEWAYS)]
        for violation in Axe().run(page, options=OPTIONS).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                places = [str(node["target"][-1]) for node in violation["nodes"]]
                faults.append(f"{theme}, {width}: {violation['id']} ({violation['impact']}) at {len(places)} places, "
                              + ", ".join(places[:3]))
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    return faults


def main() -> int:
    """Visit all pages; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, nargs="?", default=Path("_build/html"))
    parser.add_argument("--pictures", type=Path, help="a folder")
    parser.add_argument("--only", default="", help="pages whose names contain this")
    options = parser.parse_args()
    pages = sorted(str(path.relative_to(options.site)) for path in options.site.rglob("*.html")
                   if "_static" not in path.parts and path != options.site / "index.html" and options.only in str(path))
    handler = functools.partial(Quiet, directory=options.site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])  # own pages only
        page = browser.new_page()
        page.set_default_timeout(300_000)
        for name in pages:
            for fault in visit(page, f"http://127.0.0.1:{server.server_port}", name, options.pictures):
                found += 1
                print(f"{name}: {fault}", flush=True)
        browser.close()
    print(f"{len(pages)} pages, {' and '.join(THEMES)}, {' and '.join(map(str, WIDTHS))} pixels wide: {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
