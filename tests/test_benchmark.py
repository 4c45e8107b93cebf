"""The benchmark: its table's arithmetic, peers that differ or are missing, and the sentences made of it."""

import copy
from dataclasses import replace

import pandas as pd
import pytest
import torch

from report.lab import provenance
from report.lab.page import Page
from report.sections import speed
from report.studies import benchmark
from report.studies.benchmark import GPU, LATER, OURS, TRAINING, floor
from report.studies.verify import agreement, oracle
from rstdp import SPYKETORCH, fast, learning
from rstdp.network import Network

C2, NOTHING = ("S3 learning", "C2"), ("S3 learning", "nothing")
DECISION = ("image to decision", "nothing")


@pytest.fixture(scope="module")
def network():
    return Network(SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4}))


@pytest.fixture(scope="module")
def images():
    return torch.rand(5, 28, 28, generator=torch.Generator().manual_seed(0)).mul(256).to(torch.uint8)


def made_up(spyker: bool = True) -> pd.DataFrame:
    """Two rounds: ours takes 2 ms from C2, 10 ms from nothing."""
    rows = []
    for stage, mine, one, many in ((C2, 2, 180, 160), (LATER["S3 learning"], 4, 180, 160), (NOTHING, 10, 200, 100),
                                   (DECISION, 8, 360, 320), (TRAINING, 5, 50, 40)):
        for by in (-1, 1):
            rows += [(*stage, OURS, 7, mine + by), (*stage, "SpykeTorch", 1, 3 * one + by),
                     (*stage, "Spyker", 1, one + by if spyker else None),
                     (*stage, "Spyker", 64, many + by if spyker else None)]
    return benchmark.table([*rows, (*C2, GPU, 10, None)], {(OURS, 7): 500, ("Spyker", 64): 300}, "a machine")


def test_ratios_are_medians_to_ours_of_the_same_stage_from_the_same_start():
    found = made_up().set_index(["stage", "cached", "peer", "batch"])
    assert found.ms[*C2, OURS, 7] == 2 and found.ms[*NOTHING, "Spyker", 64] == 100
    assert found.ratio[*C2, "Spyker", 1] == 90 and found.ratio[*C2, "Spyker", 64] == 80
    assert found.ratio[*C2, "SpykeTorch", 1] == 270 and found.ratio[*NOTHING, "SpykeTorch", 1] == 60
    assert found.peak_memory_mb.dropna().to_dict() == {(*TRAINING, OURS, 7): 500, (*TRAINING, "Spyker", 64): 300}
    assert pd.isna(found.ms[*C2, GPU, 10]) and pd.isna(found.ratio[*C2, GPU, 10])


def test_sentences_say_which_comparison_a_number_is(tmp_path):
    said = ("with C2 cached on both sides S3 learns 270 times as fast as SpykeTorch and 80 times as fast as Spyker "
            "where the same few images are timed again and again, and 135 times as fast as SpykeTorch and 40 times as"
            " fast as Spyker pass after pass over all of them, from the 7th on, with 20 passes behind it{}; with "
            "nothing cached on either S3 learns 60 times as fast as SpykeTorch and 10 times as fast as Spyker, an "
            "image comes to its decision 135 times as fast as SpykeTorch and 40 times as fast as Spyker, and a whole "
            "training run of one pass over each layer is {}")
    told = speed.like_for_like(made_up(), [tmp_path])
    whole = told.rpartition("layer is ")[2]
    assert told == said.format("", whole) and "times as fast as SpykeTorch and" in whole
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "provenance.json").write_text("{}")
    pd.DataFrame({"start": "x", "pass": [1, 1, 2], "learn_ms": [4.0, 8.0, 1.0]}).to_csv(
        tmp_path / "benchmark" / "passes.csv")
    assert speed.like_for_like(made_up(), [tmp_path]) == said.format(
        " (in a first pass at least 68 times as fast as SpykeTorch and 20 times as fast as Spyker)", whole)


@pytest.mark.parametrize("missing", [[], ["Spyker"]])
def test_the_report_says_who_is_missing(missing, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(Page, "say", lambda page, text: said.append(text))
    (tmp_path / "benchmark").mkdir()
    made_up(not missing).to_csv(tmp_path / "benchmark" / "benchmark.csv", index=False)
    provenance.write_json(tmp_path / "benchmark" / "provenance.json", {"images": 7, "missing": missing})
    speed.stages(Page("quick", str(tmp_path), [str(tmp_path)]))
    text = "\n".join(said)
    assert "7 images" in text and "none was at hand" in text and "rstdp 500 (7 at a time)" in text
    assert ("Not at hand, so that their cells are empty: Spyker." in text) == bool(missing)
    spyker = "— | — |" if missing else "180.00 (90.0) | 160.00 (80.0) |"
    assert f"| S3 learning | C2 | 2.000 | 540.00 (270.0) | {spyker}" in text


def test_without_any_peer_it_says_so():
    rows = made_up()
    assert speed.like_for_like(rows[rows.peer == OURS], []) == "no peer was at hand to compare with"
    assert "Spyker" not in speed.like_for_like(made_up(spyker=False), []).replace("SpykeTorch", "")


class Other(benchmark.Ours):
    """A peer that takes two images at a time, and may be wrong."""

    batch, late, decides = 2, 0, 0

    def times(self, spikes):
        return (spikes + self.late).clamp(max=self.network.config.bins)

    def decide(self, c2):
        return super().decide(c2) + self.decides


def test_agreement_counts_every_value(network, images):
    rows = benchmark.agree("Other", Other(network), network, images)
    assert rows == [("Other", 2, "C1", 5 * 6 * 14 * 14, 0, 0), ("Other", 2, "C2", 5 * 8 * 4 * 4, 0, 0),
                    ("Other", 2, "decisions", 5, 0, 0)]


@pytest.mark.parametrize("wrong, message", [("late", "Other gives other C1 than ours, "),
                                            ("decides", "Other gives other decisions than ours, 5 of 5 values")])
def test_a_peer_that_differs_is_not_timed(network, images, monkeypatch, wrong, message):
    monkeypatch.setattr(Other, wrong, 1)
    with pytest.raises(ValueError, match=message):
        benchmark.agree("Other", Other(network), network, images)


@pytest.mark.parametrize("lower, explained", [(1e-6, True), (1, False)])
def test_only_what_a_rounding_error_lifts_over_the_threshold_is_a_tie(network, images, lower, explained):
    times, layer, weight = network.encode(images), network.layer("s1"), torch.full((6, 6, 5, 5), 0.5)
    sums, rounded = (fast.pooled_times(times, weight, replace(layer, threshold=15 - by), 15) for by in (0, lower))
    assert (sums != rounded).any()  # potentials of exactly 15 are there
    assert bool(agreement.within_rounding(rounded, times, weight, layer, 15).all()) == explained


def test_rounds_compare_what_is_asked_for(network, images, monkeypatch):
    monkeypatch.setattr(benchmark, "REPEATS", 2)
    labels = torch.arange(5)
    rows = benchmark.compare(network, images, labels, {("Other", 2): Other, ("absent", 1): None}, "cpu")
    found = benchmark.table(rows, {}, "").set_index(["stage", "cached", "peer", "batch"])
    stages = list(benchmark.stages(benchmark.Ours, network, images, labels))
    assert set(found.index) == {(*stage, *peer) for stage in stages
                                for peer in ((OURS, 5), ("Other", 2), ("absent", 1))} | {(*C2, GPU, 10)}
    assert found.ms.notna().groupby("peer").all().to_dict() == {OURS: True, "Other": True, "absent": False, GPU: True}


def test_training_in_small_is_what_the_network_learns(network, images):
    """The stages' whole training run gives the weights of one pass over each layer."""
    labels, expected = torch.arange(5), benchmark.Ours(network)
    trained = benchmark.train(benchmark.Ours(network), images, labels).network
    times = expected.network.encode(images)
    for name in ("s1", "s2", "s3"):
        expected.learn(name, times, labels)
        times = times if name == "s3" else expected.network.pooled(name, times)
    assert all(torch.equal(trained.weights[name], expected.network.weights[name]) for name in trained.weights)
    assert not torch.equal(trained.weights["s3"], network.weights["s3"])


def test_passes_in_a_row_are_those_of_a_training_run(network, images):
    """The same weights as by `rstdp_epoch`, and a peer's time beside ours is that of the images shown once."""
    c2, labels = network.features(images), torch.arange(5)
    mine, expected, phi = copy.deepcopy(network), copy.deepcopy(network), oracle.PHI
    rows = pd.DataFrame(benchmark.passes("20 passes", mine, (c2, c2), (labels, labels), 8), columns=benchmark.PASSES)
    for _ in range(8):
        right, phi = learning.rstdp_epoch(expected, c2, labels, phi)
    assert torch.equal(mine.weights["s3"], expected.weights["s3"])
    assert rows["pass"].tolist() == [*range(1, 9)] and rows.right.iloc[-1] == right
    measured = benchmark.later([(*C2, OURS, 5, 1.0), (*C2, "other", 1, 9.0), (*NOTHING, "other", 1, 7.0),
                                (*C2, GPU, 10, None)], rows, 5)
    learned, tested = LATER["S3 learning"], LATER["S3 test"]
    assert [row[:4] for row in measured] == [*[(*learned, OURS, 5)] * 2, *[(*tested, OURS, 5)] * 2,
                                             (*learned, "other", 1)]
    assert measured[-1][-1] == 9.0


def test_a_floor_counts_every_weight_that_an_input_meets():
    spikes = torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 2.0, 0], [0, 0, 0, 0]])[None, None]
    maps = torch.ones(7, 3, 3)
    assert floor.reached(spikes, maps, 1) == 7 * (4 + 9)  # in the corner four places see it, inside nine
    maps[:, 0] = 0
    assert floor.reached(spikes, maps, 1) == 7 * (2 + 6)  # whoever looks down on it only does not count


def test_the_floor_of_a_stage(network, images):
    times, found = network.encode(images), floor.forced(network, images)
    fires = times < network.config.bins
    inside = torch.nn.functional.pad(torch.ones(24, 24), (2, 2, 2, 2))  # whose whole windows lie in the image
    assert found["S1 forward"] == found["S1 learning"]
    assert 6 * 25 * (fires * inside).sum() / 5 < found["S1 forward"] < 6 * 25 * fires.sum() / 5
    rows = list(floor.rows(network, images, benchmark.table([(*C2, OURS, 5, 2.0)], {}, "")))
    assert rows[0][:3] == ("S3 learning", round(found["S3 learning"]), 2.0)
    assert [row[0] for row in rows[1:]] == [f"core, {kind}" for kind in floor.LANES]
    assert all(row[3] > 0 for row in rows[1:])


def test_the_report_shows_passes_and_floor(tmp_path, monkeypatch):
    tables = []
    monkeypatch.setattr(Page, "say", lambda page, text: None)
    monkeypatch.setattr(Page, "table", lambda page, rows, heads: tables.append((rows, heads)))
    (tmp_path / "benchmark").mkdir()
    pd.DataFrame([("first weights", 1, 0.2, 0.1, 0.8, 0.8), ("first weights", 2, 0.1, 0.05, 0.9, 0.8)],
                 columns=benchmark.PASSES).to_csv(tmp_path / "benchmark" / "passes.csv", index=False)
    pd.DataFrame([("S1 forward", 800000, 0.1, 8.0), ("core, uint8", None, None, 50.0)],
                 columns=floor.COLUMNS).to_csv(tmp_path / "benchmark" / "floor.csv", index=False)
    page = Page("quick", str(tmp_path), [str(tmp_path)])
    speed.in_a_row(page)
    speed.beside_the_floor(page)
    assert tables == [([("first weights", "0.200 (0.100)", "0.100 (0.050)")], ["trained for", "1", "2"]),
                      ([("S1 forward", "800,000", "0.1000", "8.0")],
                       ["stage", "additions an image", "ms", "billions a second"])]
