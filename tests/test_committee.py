"""A committee of S3: a member alone is a run with slow weights, potentials add up, an interrupted run goes on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from report.lab import registry, runner
from report.lab.results import Missing
from report.sections import committees
from report.studies import committee
from report.studies.committee import Member, class_potentials
from report.studies.reward import blocks
from report.studies.shifted import nine_times
from report.studies.slow_weights import SlowWeightsPasses
from rstdp import SPYKETORCH, learning
from rstdp.competition import SILENT
from rstdp.network import Network
from rstdp.training import Trainer

SMALL = committee.CONFIG.replace({"s1.maps": 6, "s2.maps": 10, "s3.maps": 20, "batch": 9, "s2.threshold": 4,
                                  "s1.epochs": 1, "s2.epochs": 1, "s1.double_every": 5, "s2.double_every": 5})


def test_a_member_alone_is_a_run_with_slow_weights():
    """The first member of seed 0 has the network's own first weights, and sees what a trainer would show it."""
    data, seed = blocks(), 0
    found = committee.committee(SMALL, data, seed, 2, 2, quiet=True)
    below = Trainer(SMALL, data, seed, quiet=True)
    below.prepare()
    whole = nine_times(data)
    network, way, phi = Network(SMALL, seed), SlowWeightsPasses(), (1.0, 1.0)
    times, test = below.network.features(whole.train_images), below.network.features(data.test_images)
    for _ in range(2):
        right, phi = way.rstdp(network, times, whole.train_labels, phi, learning.ignore)
    assert found[0]["train_accuracy"] == right
    assert found[0]["alone"] == found[0]["test_accuracy"] == way.accuracy(network, test, data.test_labels)[0]
    one, other = (committee.member(SMALL, committee.seed_of(seed, number), 1, times, whole.train_labels, test)
                  for number in (0, 1))
    assert not np.array_equal(one.potentials, other.potentials) and [row["members"] for row in found] == [1, 2]


def test_the_highest_potential_of_a_class_is_that_of_its_decision():
    network, random = Network(SPYKETORCH.replace({"s2.maps": 5}), 3), np.random.default_rng(0)
    c2 = torch.from_numpy(random.integers(5, 16, (30, 5, 4, 4)).astype(np.uint8))
    c2[0] = 15  # silent
    found = class_potentials(network, c2)
    assert found.shape == (30, 10)
    assert torch.equal(committee.decisions(found.numpy()), network.decide(c2)[0])
    assert committee.decisions(found.numpy())[0] == SILENT


def test_potentials_add_up_and_an_interrupted_run_goes_on(tmp_path, monkeypatch):
    data, made = blocks(), []
    one = np.full((len(data.test_labels), 10), 1, dtype=np.float32)
    one[:, 0] = 3

    def learned(config, first, *rest):
        made.append(first)
        potentials = one.copy()
        if first % 100:  # the second one is sure of a 1, and louder
            potentials[:, 1] = 9
        return Member(potentials, 0.5, 7.0)

    monkeypatch.setattr(committee, "member", learned)
    zeros, ones = (float((data.test_labels == digit).double().mean()) for digit in (0, 1))
    rows = committee.committee(SMALL, data, 4, 1, 1, tmp_path, quiet=True)
    assert [row["test_accuracy"] for row in rows] == [zeros] and made == [400]
    rows = committee.committee(SMALL, data, 4, 2, 1, tmp_path, quiet=True)
    assert made == [400, 401], "the first member is not made again"
    assert rows[1]["seconds"] - rows[0]["seconds"] == pytest.approx(7) and rows[0]["seconds"] > 7
    assert [(row["alone"], row["test_accuracy"]) for row in rows] == [(zeros, zeros), (ones, ones)]
    committee.committee(SMALL, data, 4, 1, 2, tmp_path, quiet=True)
    assert made[2:] == [400], "other passes are another member"
    for kept in tmp_path.glob("*.npz"):
        kept.write_bytes(b"half a file")
    committee.committee(SMALL, data, 4, 1, 1, tmp_path, quiet=True)
    assert made[3:] == [400], "a damaged file is not believed"


def test_seeds_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(committee, "CONFIG", SMALL)
    result, found = registry.all_results()["committee"], []
    for seeds in ((1,), (1, 2)):
        committee.make(runner.Job(result, tmp_path / "out", tmp_path, dataset="digits", seeds=seeds, jobs=1,
                                  settings=SimpleNamespace(train=30, members=2, passes=1)))
        found.append(pd.read_csv(tmp_path / "out" / "committee.csv"))
    assert [len(rows) for rows in found] == [2, 4]
    pd.testing.assert_frame_equal(found[0], found[1][:2])  # with their times


@pytest.mark.parametrize(("last", "reached"), [(0.974, "is reached"), (0.970, "is **not** reached")])
def test_the_report_says_what_was_reached(tmp_path, monkeypatch, last, reached):
    rows = pd.DataFrame([dict(seed=seed, members=number, train_accuracy=0.96, alone=0.965, silent=0.0,
                              test_accuracy=0.965 if number == 1 else last) for seed in range(5) for number in (1, 2)])
    (tmp_path / "committee").mkdir()
    rows.to_csv(tmp_path / "committee" / "committee.csv", index=False)
    (tmp_path / "committee" / "provenance.json").write_text('{"members": 2, "passes": 9, "train": 60000}')
    said = []
    page = SimpleNamespace(recorded=[tmp_path], say=said.append, source=lambda name: name,
                           table=lambda rows, columns: said.append(str([list(map(str, row)) for row in rows])))
    monkeypatch.setattr(committees, "stale", lambda name, facts: "")
    committees.members(page)
    text = "\n".join(said)
    assert reached in text and reached in committees.in_short([tmp_path])
    assert "one member by itself 96.50 % ± 0.00 (5 seeds)" in committees.in_short([tmp_path])
    assert f"Together they read {100 * (last - 0.965):+.2f} ± 0.00 points more" in text
    assert f"{100 * last:.2f} % ± 0.00 (5 seeds)" in text
    rows[rows.seed < 3].to_csv(tmp_path / "committee" / "committee.csv", index=False)
    committees.members(page)
    assert "not to be judged yet: 3 of 5 seeds" in said[-1]
    rows[:0].to_csv(tmp_path / "committee" / "committee.csv", index=False)
    with pytest.raises(Missing, match="rows in"):
        committees.members(page)
