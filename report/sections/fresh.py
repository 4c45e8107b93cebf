"""What the preset has computed just now: accuracy, features, confusions."""

from __future__ import annotations

from rstdp import data
from rstdp.show import figures
from rstdp.show.reconstruction import reconstruct

from ..lab.figures import over_passes
from ..lab.page import Page
from ..lab.results import Result
from ..lab.statistics import Estimate, percent
from .layers import most_right


def accuracy(page: Page) -> None:
    """How each experiment went, or that there is none."""
    if not page.fresh:
        recorded = (f"The preset `{page.preset}` trains nothing: all above is recorded, or computed from recorded "
                    "weights. `make report PRESET=quick` trains on scikit-learn's digits in minutes.")
        absent = f"**No results in `{page.results}`.** Make them with `make report PRESET={page.preset}`."
        page.say(recorded if page.preset == "full" else absent)
    for name, result in page.fresh.items():
        page.say(f"### Experiment `{name}`\n\n{result.facts['parameters'].get('description', '')}.")
        for variant in result.variants:
            seconds = result.part(variant).seconds.median()
            page.say(
                f"After {result.passes(variant)} passes of S3 the variant `{variant}` is right on "
                f"**{Estimate.of(result.at(variant))}** of the test images and on "
                f"{Estimate.of(result.at(variant, column='train_accuracy'))} of the training images during the last "
                f"pass. {percent(result.at(variant, column='silent').mean())} of its decisions are silent. A pass with "
                f"its test took {seconds:.1f} s.")
        page.show(over_passes(result.rows),
                  f"Accuracy over passes of S3 in the experiment {name}; training accuracy is counted while learning, "
                  "test accuracy after each pass.")


def networks(page: Page) -> None:
    """What the first network of each experiment has learned."""
    for name, result in page.fresh.items():
        _network(page, name, result)


def _network(page: Page, name: str, result: Result) -> None:
    key, network = next(iter(result.networks().items()))
    shown = data.load(result.facts["dataset"]).subset(None, result.facts["parameters"].get("test", 0))
    decisions, winners = network.decide(network.features(shown.test_images))
    chosen, titles = most_right(network, shown.test_labels, decisions, winners)
    where = f"of {key} in the experiment {name}"
    page.show(figures.filters(network.weights["s1"]),
              f"The {len(network.weights['s1'])} maps of S1 {where}: on-centre minus off-centre weights.")
    page.show(figures.features(reconstruct(network, "s3", chosen), labels=titles),
              f"Reconstructed features of S3 {where}: for each digit the two maps that decided rightly most often, in "
              "brackets how many test images.")
    page.show(figures.confusion(shown.test_labels, decisions),
              f"Confusion matrix {where}: {int((decisions == shown.test_labels).sum())} of {len(decisions)} decisions "
              "lie on the diagonal.")


PARTS = (accuracy, networks)
