"""The page: what it is made from, and how its parts say things and show tables and figures."""

from __future__ import annotations

import html
import io
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure

from rstdp import data
from rstdp.network import Network, load_pretrained
from rstdp.show import figures

from .. import REPORT, RESULTS
from . import experiments, registry
from .results import Missing, Result, load


def vectors(figure: Figure, text: str) -> str:
    """A figure as SVG, for a page: with links where its texts have them, and `text` for who does not see it."""
    file = io.StringIO()
    figure.savefig(file, format="svg")
    drawn = file.getvalue()[file.getvalue().index("<svg"):]
    drawn = drawn.replace("<svg", f'<svg aria-label="{html.escape(text)}"', 1)
    # a link is drawn as shapes, so it says by a title where it leads
    return re.sub(r'<a xlink:href="#([^"]*)"[^>]*>', r'<a href="#\1"><title>\1</title>', drawn)


class Page:
    """What a part of the report gets: the results, and how to show something.

    preset: that makes this page; results: folder of what it has just computed; recorded: folders of recorded results,
    the first that has a result counts (relative ones start in report/); test_images: how many of MNIST the figures use,
    0 for all; spent: seconds that the build took before this page.
    """

    def __init__(self, preset: str, results: str = "", recorded: Sequence[str] = ("results",), test_images: int = 0,
                 spent: float = 0.0):
        self.preset, self.test_images, self.spent, self.started = preset, test_images, spent, time.perf_counter()
        self.results = REPORT / (results or f"output/{preset}/results")
        self.recorded = [REPORT / folder for folder in recorded]
        self.output = REPORT / "output" / preset  #: where the preset leaves its executed chapters
        self.problems: list[str] = []  #: results that are missing, in words
        self.failed: list[str] = []  #: parts that stopped with an error
        self.memo: dict[str, Any] = {}  #: what several parts need and takes long
        self._figures = 0
        figures.style()
        names = {*experiments.recorded_names(), *_names(self.recorded)}
        self.fresh = self._load(_names([self.results]), [self.results])  #: what the preset has just computed, by name
        self.kept = self._load(names, self.recorded)  #: what is recorded, by name

    @property
    def experiments(self) -> dict[str, Result]:
        """Recorded and just computed, by name; the latter where there are both."""
        return {**self.kept, **self.fresh}

    def _load(self, names: Iterable[str], folders: list[Path]) -> dict[str, Result]:
        found = {}
        for name in sorted(names):
            try:
                found[name] = load(name, folders)
            except Missing as missing:
                self.problems.append(str(missing))
        return found

    def say(self, text: str) -> None:
        """Text, with Markdown."""
        display(Markdown(text))

    def anchor(self, name: str) -> None:
        """A place that links lead to, as `#name`."""
        self.say(f'<a id="{name}"></a>')

    def source(self, name: str) -> str:
        """A link to the files of a result, relative to report/, where the page stands."""
        folder = next((folder / name for folder in self.recorded if (folder / name).is_dir()), RESULTS / name)
        files = sorted(path.name for path in folder.glob("*.csv"))
        where = os.path.relpath(folder, REPORT).replace(os.sep, "/")
        return f"`{name}`: " + (", ".join(f"[{file}]({where}/{file})" for file in [*files, "provenance.json"])
                                if files else "nothing recorded")

    def table(self, rows: Iterable[Iterable], columns: Sequence[str]) -> None:
        head = "| " + " | ".join(columns) + " |\n|" + "---|" * len(columns) + "\n"
        self.say(head + "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
                                  for row in rows))

    def show(self, figure: Figure, caption: str, anchor: str = "", linked: bool = False) -> None:
        """A figure with a numbered caption that serves as its alternative text too; `anchor` names it for links.
        linked: its labels lead somewhere, so it is shown as vectors."""
        self._figures += 1
        if anchor:
            self.anchor(f"figure-{anchor}")
        text = caption.replace("`", "")
        if linked:
            display(HTML(f'<div class="linked">{vectors(figure, text)}</div>'))
        else:
            display(figure, metadata={"image/png": {"alt": text}})
        self.say(f"*Figure {self._figures}. {caption}*")

    def add(self, *parts: Callable[[Page], None]) -> None:
        """Show parts one after the other; one that fails says so in its place, and the rest goes on."""
        for part in parts:
            try:
                part(self)
            except Missing as missing:
                self.say(str(missing))
            except Exception as error:
                self.failed.append(f"{part.__module__}: {type(error).__name__}: {error}")
                self.say(f"**Failed:** {self.failed[-1]}")
                traceback.print_exc(file=sys.stderr)

    def close(self) -> None:
        """Raises RuntimeError where a part has failed, so that whoever makes the page learns of it."""
        if self.failed:
            raise RuntimeError("the page is not whole: " + "; ".join(self.failed))

    @cached_property
    def networks(self) -> dict[str, Network]:
        """Networks that learned all of MNIST, by name; the first is the one whose layers are shown."""
        networks = {f"{name}/{key}": network for name in ("best", "paper", "mnist") if name in self.kept
                    for key, network in self.kept[name].networks().items()}
        return {**networks, "the package's": load_pretrained("mnist")}

    @property
    def main(self) -> str:
        return next(iter(self.networks))

    @cached_property
    def mnist(self) -> data.Dataset:
        """MNIST's test images. Raises Missing."""
        if not data.at_hand("mnist"):
            raise Missing("mnist", "MNIST's images are not on this machine", "make report PRESET=full")
        return data.load("mnist").subset(0, self.test_images)

    @cached_property
    def decided(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """Decisions and winning maps of every network on MNIST's test images. Raises Missing."""
        return {name: network.decide(network.features(self.mnist.test_images))
                for name, network in self.networks.items()}


def _names(folders: Iterable[Path]) -> set[str]:
    """Experiments that have results in these folders; studies may have a table of this name too."""
    names = {path.parent.name for folder in folders for path in folder.glob("*/accuracy.csv")}
    return names - registry.results().keys()
