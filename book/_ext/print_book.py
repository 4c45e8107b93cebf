"""The whole book as one PDF: Sphinx's single page, printed by a headless Chromium. `make pdf` calls this."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
         "--disable-component-update", "--no-pdf-header-footer", "--generate-pdf-document-outline",
         "--virtual-time-budget=120000",  # as long as MathJax may take; the clock skips over waiting
         "--no-sandbox")  # in containers there is none, and the page is our own


def browser() -> str:
    """The path of a Chromium, or the end of the program with the reason."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else NAMES:
        if path := shutil.which(name):
            return path
    sys.exit(f"CHROMIUM={named} is no program." if named else
             "This needs Chromium or Chrome, and there is neither. Install one (on Debian: apt-get install chromium), "
             "or name it: make pdf CHROMIUM=/path/to/chromium")


def for_paper(html: str, solutions: bool = True) -> str:
    """The page with links between the book's files as links within the page, and with all that is folded opened.
    Without solutions, those of the exercises are hidden, and what the quizzes and the self-test say of each answer."""
    if not solutions:
        hidden = '.solution, .sd-summary-content, [id="document-book/primer"] + section .sd-dropdown'
        html = html.replace("</head>", f"<style>{hidden} {{ display: none !important; }}</style></head>", 1)
    html = re.sub(r'(<a [^>]*?href=")(\d\d-[\w-]+)\.html"', r'\1#document-book/\2"', html)
    return html.replace('href="book/index.html#', 'href="#').replace("<details ", "<details open ")


def main() -> None:
    """Print the page that Sphinx has left in a folder; without a folder, only say whether there is a browser."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("pdf", type=Path, nargs="?")
    parser.add_argument("--without-solutions", action="store_true", help="leave the solutions of the exercises out")
    options = parser.parse_args()
    program = browser()
    if options.folder is None:
        return
    printed = options.folder / "print.html"  # Sphinx writes the page as if it stood here, but into a folder
    page = (options.folder / "book" / "index.html").read_text(encoding="utf-8")
    printed.write_text(for_paper(page, not options.without_solutions), encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run([program, *FLAGS, f"--user-data-dir={profile}", f"--print-to-pdf={options.pdf.resolve()}",
                               printed.resolve().as_uri()], capture_output=True, text=True)
    if done.returncode or not options.pdf.exists():
        sys.exit(f"{program} failed\n{done.stderr[-2000:]}")
    print(f"open {options.pdf}")


if __name__ == "__main__":
    main()
