"""STDP against R-STDP in S3."""

from __future__ import annotations

from rstdp.show import figures

from ..lab.page import Page
from ..lab.results import load
from ..lab.statistics import Estimate, difference, points


def rules(page: Page) -> None:
    result = load("s3-rule", page.recorded)
    reward, plain = result.at("r-stdp"), result.at("stdp")
    apart = difference(reward, plain)
    page.say(f"R-STDP reaches {Estimate.of(reward)} and STDP {Estimate.of(plain)} after {result.passes('r-stdp')} "
             f"passes. Reward changes the accuracy by {points(apart)} points; the interval "
             f"{'excludes' if apart.excludes_zero else 'does not exclude'} zero.")
    page.show(figures.learning_curve(result.rows),
              "Test accuracy over passes with R-STDP and with STDP in S3, a line a seed.", "s3-rule")


PARTS = (rules,)
