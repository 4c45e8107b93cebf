"""Where the paper, SpykeTorch and ours differ, and what each difference changes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rstdp.config import PAPER, SPYKETORCH, Config

from ..lab import figures
from ..lab.page import Page
from ..lab.published import REFERENCE
from ..lab.results import Missing, load, load_joined
from ..lab.statistics import Estimate, points


def value(config: Config, names: str) -> str:
    """The values of parameters such as "bins s1.std"; one where all are the same."""
    def one(name: str) -> str:
        layer, _, field = name.rpartition(".")
        return str(getattr(getattr(config, layer) if layer else config, field))
    found = dict.fromkeys({"True": "yes", "False": "no"}.get(word := one(name), word) for name in names.split())
    return ", ".join(found if len(found) == 1 else map(one, names.split())) or "—"


def read_details() -> pd.DataFrame:
    """Columns detail, paper, spyketorch, parameters (names in `Config`), variant (that takes it from the paper)."""
    return pd.read_csv(REFERENCE / "details.csv", dtype=str).fillna("")


def measured(page: Page, details: pd.DataFrame) -> dict[str, Estimate]:
    """What each deviation changes, by the name in the column `variant`, where it was measured."""
    found, kept = {}, page.kept
    if "deviations" in kept and "spyketorch" in kept["deviations"].variants:
        found |= kept["deviations"].effects("spyketorch", details.variant)
    if "student" in kept and {"exact", "no-padding"} <= set(kept["student"].variants):
        found["student/no-padding"] = kept["student"].effects("exact", ["no-padding"])["no-padding"]
    if "paper" in kept:
        long = load_joined("paper", page.recorded)
        gains = [long.best(variant) - long.at(variant) for variant in long.variants]
        found["best epoch"] = Estimate.of(np.concatenate(gains))
    return found


def details(page: Page) -> None:
    """Every deviation, with the values of the code."""
    rows = read_details()
    effects = measured(page, rows)
    page.table([(row.detail, row.paper, row.spyketorch, value(PAPER, row.parameters), value(SPYKETORCH, row.parameters),
                 points(effects[row.variant]) if row.variant in effects else "not measured")
                for row in rows.itertuples()],
               ["detail", "the paper", "SpykeTorch", "ours, `paper`", "ours, `spyketorch`", "effect (points)"])


def effects(page: Page) -> None:
    """What each variant of the experiment `deviations` changes."""
    result = load("deviations", page.recorded)
    base = result.at("spyketorch")
    every = result.effects("spyketorch", read_details().variant)
    single = {name: effect for name, effect in every.items() if name != "paper"}
    if not single:
        raise Missing("deviations", "all variants but `spyketorch` of experiment `deviations`")
    largest = max(single, key=lambda name: abs(single[name].mean))
    clear = [f"`{name}`" for name, effect in single.items() if effect.excludes_zero]
    median = 100 * np.median([effect.half or np.nan for effect in single.values()])
    page.say(
        f"Measured on {result.images:,} training images with {len(base)} seeds, "
        f"{result.passes('spyketorch')} passes; `spyketorch` reaches {Estimate.of(base)}. Intervals are simultaneous, "
        "with the pooled variance of all variants and Dunnett's correction. The largest effect is that of "
        f" `{largest}`, {points(single[largest])} points. Intervals without zero: {', '.join(clear) or 'none'}. The "
        f"median half-width is {median:.1f} points: smaller effects would not have been seen."
        + (f" All together, `paper`: {points(every['paper'])} points." if "paper" in every else ""))
    page.show(figures.estimates(every), "Effect of each deviation on the test accuracy with simultaneous 95 % "
              f"intervals; {len(clear)} of {len(single)} single ones exclude zero.", "deviations")


PARTS = (details, effects)
