"""Right and wrong decisions on MNIST's test images, computed anew from the weights that are kept."""

from __future__ import annotations

import pandas as pd

from rstdp.show import figures

from ..lab.page import Page
from ..lab.statistics import percent


def confusions(page: Page) -> None:
    """Which digits the main network takes for which."""
    labels, decisions = page.mnist.test_labels, page.decided[page.main][0]
    right, silent = decisions == labels, decisions < 0
    wrong = pd.Series([f"{a} taken for {b}" for a, b in zip(labels[~right].tolist(), decisions[~right].tolist())])
    common = ", ".join(f"{name} ({count})" for name, count in wrong.value_counts().head(3).items())
    page.show(figures.confusion(labels, decisions),
              f"Confusion matrix of the network `{page.main}` on {len(right):,} test images: {int(right.sum()):,} "
              f"decisions lie on the diagonal. The most frequent confusions: {common}.", "confusion")
    page.say(f"The network `{page.main}` is right on {percent(right.double().mean())} of {len(right):,} test images; "
             f"{int(silent.sum())} decisions are silent.")
    of_digit = [(digit, labels == digit) for digit in range(10)]
    page.table([(digit, int(which.sum()), percent(right[which].double().mean(), 1), int(silent[which].sum()))
                for digit, which in of_digit], ["digit", "images", "right", "silent"])


def hardest(page: Page) -> None:
    """The images that most networks get wrong."""
    data, decided = page.mnist, [decisions for decisions, _ in page.decided.values()]
    errors = sum((decisions != data.test_labels).long() for decisions in decided)
    worst = errors.argsort(descending=True, stable=True)[:24]
    titles = [f"{int(data.test_labels[i])} ({int(errors[i])})" for i in worst]
    page.show(figures.images(data.test_images[worst], titles),
              f"The {len(worst)} test images that the {len(decided)} networks most often get wrong: above each its "
              "label and, in brackets, how many networks are wrong.", "worst")
    always = int((errors == len(decided)).sum())
    page.say(f"All {len(decided)} networks are wrong on {always} images ({percent(always / len(errors))}), and at "
             f"least one is wrong on {int((errors > 0).sum())}. The networks: "
             f"{', '.join(f'`{name}`' for name in page.networks)}.")


PARTS = (confusions, hardest)
