"""What limits S3: ideas one at a time, on images held out of the training set."""

from __future__ import annotations

from ..claims.accuracy_chosen import HELD_OUT
from ..lab import figures
from ..lab.page import Page
from ..lab.results import Missing, load
from ..lab.statistics import Estimate, collapsed, percent, points

PLAIN = "plain"  #: the variant without any


def _ahead(every: dict[str, Estimate]) -> str:
    """Which idea reads most, and how small a change would not have shown."""
    if not every or any(effect.half is None for effect in every.values()):
        return ""
    name, effect = max(every.items(), key=lambda item: item[1].mean)
    unseen = max(each.half or 0 for each in every.values())
    return (f". Ahead by the mean is `{name}`, {points(effect)} points; a change of less than {100 * unseen:.2f} "
            "points would not have shown")


def ideas(page: Page) -> None:
    """Held-out accuracy of every idea, and which of them change it."""
    result = load("limits", page.recorded)
    others, absent = [name for name in result.variants if name != PLAIN], result.absent()
    if not others:
        raise Missing("limits", "all variants but `plain` of experiment `limits`")
    base = result.at(PLAIN, column=HELD_OUT)
    lost = [name for name in others if collapsed(result.at(name, column=HELD_OUT), base)]
    every = result.effects(PLAIN, [name for name in others if name not in lost], HELD_OUT)
    better, worse = ([f"`{name}`" for name, effect in every.items() if effect.excludes_zero
                      and (effect.mean > 0) == up] for up in (True, False))
    plain, learned = (Estimate.of(result.at(PLAIN, column=column)) for column in (HELD_OUT, "train_accuracy"))
    least = min((effect.n for effect in every.values()), default=1)
    page.say(f"After {result.passes(PLAIN)} passes plain R-STDP reads **{plain}** of "
             f"{result.facts['parameters']['validation']:,} held-out images right, and {learned} of those that it "
             f"learns from. Of {len(others)} ideas, each alone, with at least {least} seed{'s' * (least > 1)}: "
             + ("nothing is said of differences before there are two seeds of each." if least < 2 else
                f"better by an interval without zero: {', '.join(better) or 'none'}; worse: "
                f"{', '.join(worse) or 'none'}{_ahead(every)}.")
             + (f" Runs of {', '.join(f'`{name}`' for name in lost)} collapse and are not compared." if lost else "")
             + (f" Not run yet: {', '.join(absent)}." if absent else "")
             + " What they do together, after more passes or on test images, was not looked at.")
    page.table([(f"`{name}`", result.changes(name), Estimate.of(result.at(name, column=HELD_OUT)),
                 "collapsed" if name in lost else points(every[name]) if name in every else "—",
                 percent(result.at(name, column="train_accuracy").mean())) for name in result.variants],
               ["idea", "changes from `spyketorch`", "held-out accuracy", "less plain (points)",
                "while learning, last pass"])
    page.show(figures.estimates(every, "change of held-out accuracy (percentage points)"),
              "What each idea changes in the accuracy on held-out images, with simultaneous 95 % intervals (pooled "
              "variance, Dunnett). Ideas whose runs collapse are in the table alone.", "capacity")


PARTS = (ideas,)
