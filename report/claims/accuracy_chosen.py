"""Claim 1c: the paper's accuracy with parameters that were chosen on images held out of the training set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..lab import figures
from ..lab.accuracy import choices, judged, same_runs
from ..lab.claim import Claim
from ..lab.page import Page
from ..lab.published import on_mnist
from ..lab.results import LONG, Missing, Result, lacking, load, load_joined, unmade
from ..lab.statistics import SINGLE, Estimate, main_effects, points

POWER, FIRST = "search-power", "search"
SWITCHES = ("ceil", "radius", "sigma", "contrast", "pointwise", "last", "bins", "N")  #: of both
MEANING = ("`ceil`: incomplete windows kept at C2; `radius`: inhibition radius 2 in S2; `sigma`: first weights with a "
           "standard deviation of 0.02; `contrast`: no local normalisation and DoG centres of equal weight; "
           "`pointwise`: no pointwise inhibition; `last`: left-over spikes in the last bin, and the last doubling "
           "passes the limit; `bins`: 30 instead of 15; `N`: 100 instead of 1000.")
HELD_OUT = "validation_accuracy"


def searched(folders: Sequence[Path]) -> Result:
    """The search with power where all of its runs are there, else the first one. Raises Missing."""
    return load(FIRST if lacking(POWER, folders) else POWER, folders)


def candidates(page: Page) -> None:
    """Every configuration that was tried, the best first."""
    search = searched(page.recorded)
    tried = {variant: Estimate.of(search.at(variant, column=HELD_OUT)) for variant in search.variants}
    best, facts = search.chosen(), search.facts["parameters"]
    page.say(f"{len(tried)} configurations were tried on {search.images:,} images, of which "
             f"{facts.get('validation', 0):,} were held out. The winner is **`{best}`** with {tried[best]} on the "
             f"held-out images (experiment `{search.name}`)."
             + (f" Of the same search with all images, more passes and two seeds, `{POWER}`, "
                f"{unmade(page.recorded, POWER)}." if search.name == FIRST else ""))
    page.table([(f"`{name}`", search.changes(name), search.passes(name), estimate)
                for name, estimate in sorted(tried.items(), key=lambda pair: -pair[1].mean)],
               ["configuration", "changes from `spyketorch`", "passes", "validation accuracy"])


def switches(page: Page) -> None:
    """What each switch of the factorial changes."""
    search = searched(page.recorded)
    try:
        effects = main_effects({name: search.at(name, column=HELD_OUT) for name in search.variants}, SWITCHES)
    except ValueError as error:
        raise Missing(search.name, f"variants of experiment `{search.name}`: {error}") from None
    helpful = [f"`{name}`" for name, effect in effects.items() if effect.low > 0]
    harmful = [f"`{name}`" for name, effect in effects.items() if effect.high < 0]
    page.show(figures.estimates(effects, "change of validation accuracy (percentage points)"),
              "What each switch changes on average over the combinations of the others, with simultaneous 95 % "
              "intervals (pooled variance, Bonferroni). "
              + MEANING, "search")
    page.say("The combinations are a fractional factorial, in which no pair of switches is mistaken for a single one. "
             f"Better than SpykeTorch's choice, by an interval without zero: {', '.join(helpful) or 'none'}; worse: "
             f"{', '.join(harmful) or 'none'}.")
    if "radius" in search.variants:  # it stands beside the factorial
        alone, base = (search.at(name, column=HELD_OUT) for name in ("radius", "spyketorch"))
        page.say("An inhibition radius of 2 in S2 alone, less SpykeTorch's, seed by seed: "
                 f"{points(Estimate.of(alone - base))} points on the held-out images.")


def trained(page: Page) -> None:
    """How the winner does on the test set."""
    best, search = load_joined("best", page.recorded), searched(page.recorded)
    variant = best.variants[0]
    same = best.facts["configurations"][variant] == search.facts["configurations"][search.chosen()]
    page.say(f"The experiment `best` "
             f"{'trains this winner' if same else '**does not train this winner** but other parameters'}: after "
             f"{best.passes(variant)} passes {Estimate.of(best.at(variant))} on the test set; best pass, chosen on "
             f"the test set, {Estimate.of(best.best(variant))}."
             + (" These are the runs of claim 1b: the search chose SpykeTorch's configuration."
                if same_runs(page.recorded) else ""))


CLAIM = Claim("1c. Accuracy on MNIST, the parameters that a validation split chose", on_mnist,
              lambda folders: judged(folders, "best"), SINGLE, (*LONG, FIRST, POWER), (candidates, switches, trained),
              "curves", lambda folders: choices(folders, "best"))
