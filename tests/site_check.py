"""Every page of the built site in a headless Chromium, light and dark, wide and narrow: `make site-check`.

Reported are violations that axe-core calls serious or critical, requests to anywhere but the site, errors of the page's
own programs, and pages that scroll sideways. `--pictures FOLDER` also keeps a picture of every page.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, sync_playwright

WIDTHS, THEMES = (1280, 360), ("light", "dark")
NOT_PAGES = {"genindex.html", "index.html"}  # an index without entries, and the way to the first page


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not print every request."""

    def log_message(self, *arguments) -> None:
        """Print nothing."""


def visit(context: BrowserContext, site: str, name: str, picture: Path | None) -> list[str]:
    """What is wrong with one page, in words."""
    faults, page = [], context.new_page()
    page.on("request", lambda request: request.url.startswith((site, "data:", "blob:"))
            or faults.append(f"asks for {request.url}"))
    page.on("pageerror", lambda error: faults.append(f"error {error}"))
    page.on("response", lambda response: response.ok or response.status == 304
            or faults.append(f"{response.status} for {response.url}"))
    page.goto(f"{site}/{name}", wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    if picture:
        page.screenshot(path=picture, full_page=True)
    beyond = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if beyond > 0:
        faults.append(f"is {beyond} pixels wider than the window")
    for violation in Axe().run(page, options={"preload": False}).response["violations"]:
        if violation["impact"] in ("serious", "critical"):
            places = [str(node["target"][-1]) for node in violation["nodes"]]
            faults.append(f"{violation['id']} ({violation['impact']}) at {len(places)} places, {', '.join(places[:3])}")
    page.close()
    return faults


def main() -> int:
    """Visit all pages; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, nargs="?", default=Path("_build/html"))
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    pages = sorted(str(path.relative_to(options.site)) for path in options.site.rglob("*.html")
                   if "_static" not in path.parts and path.name not in NOT_PAGES)
    pages += ["book/index.html"]
    handler = functools.partial(Quiet, directory=options.site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site, found = f"http://127.0.0.1:{server.server_port}", 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if not chromium else [])
        for theme in THEMES:
            for width in WIDTHS:
                context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})
                for name in pages:
                    picture = None
                    if options.pictures:
                        picture = options.pictures / f"{Path(name).stem}-{width}-{theme}.png"
                    for fault in visit(context, site, name, picture):
                        found += 1
                        print(f"{name} ({theme}, {width}): {fault}")
                context.close()
        browser.close()
    print(f"{len(pages)} pages, {len(pages) * len(WIDTHS) * len(THEMES)} visits, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
