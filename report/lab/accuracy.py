"""What claims 1a to 1c share: the final accuracy on all of MNIST, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .page import Page
from .published import PAPER, published
from .results import load_joined
from .statistics import Estimate, verdict


def final(folders: Sequence[Path], name: str, variant: str | None = None) -> Estimate:
    """Final test accuracy of a variant, by default the first, with what other experiments ran of it. Raises Missing."""
    result = load_joined(name, folders)
    return Estimate.of(result.at(variant or result.variants[0]))


def judged(folders: Sequence[Path], name: str, variant: str | None = None) -> tuple[Estimate, str]:
    """`final` and the verdict against the paper's figure. Raises Missing."""
    ours = final(folders, name, variant)
    return ours, verdict(ours, published(PAPER, "accuracy"))


def ending(page: Page, variant: str) -> None:
    """How the long run of a variant of the experiment `paper` ends."""
    paper = load_joined("paper", page.recorded)
    rows = paper.part(variant)
    page.say(
        f"The variant `{variant}` of experiment `paper` ends after {paper.passes(variant)} passes at "
        f"{Estimate.of(paper.at(variant))}. Its best epoch reaches {Estimate.of(paper.best(variant))}; that epoch is "
        f"best on the *test* set and is named only to compare with others. S3's training with its tests took "
        f"{rows.groupby('seed').seconds.sum().mean() / 3600:.1f} hours.")
