"""STDP against R-STDP in S3."""

from __future__ import annotations

from ..lab import figures
from ..lab.page import Page
from ..lab.results import load
from ..lab.statistics import Estimate, difference, percent, points


def rules(page: Page) -> None:
    result = load("s3-rule", page.recorded)
    reward, plain = result.at("r-stdp"), result.at("stdp")
    apart = difference(reward, plain)
    page.say(f"On {result.images:,} training images R-STDP reaches "
             f"{Estimate.of(reward)} and STDP {Estimate.of(plain)} after {result.passes('r-stdp')} "
             f"passes. Reward changes the accuracy by {points(apart)} points; the interval "
             f"{'excludes' if apart.excludes_zero else 'does not exclude'} zero.")
    part = result.part("stdp").groupby("epoch").test_accuracy.mean()
    peak, last = int(part.idxmax()), int(part.index.max())
    page.say(f"The comparison is after the last pass. STDP has its highest mean, {percent(part[peak])}, after {peak} "
             f"passes and {percent(part[last])} after {last}"
             + (": it is **decaying** when it is compared, so the difference depends on when it is taken."
                if part[last] < part[peak] and peak < last else ".")
             + f" At STDP's best pass R-STDP is at {percent(result.at('r-stdp', peak).mean())}.")
    page.show(figures.over_passes(result.rows),
              "Test accuracy over passes with R-STDP and with STDP in S3, a line a seed.", "s3-rule")


PARTS = (rules,)
