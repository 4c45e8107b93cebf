"""Seeds of S1 and S2 crossed with seeds of S3: the diagonal, a table that goes on, its variances."""

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from report import RESULTS
from report.lab import registry, runner
from report.lab.statistics import components
from report.sections import seeds
from report.studies import crossed
from rstdp import SPYKETORCH, data
from rstdp.training import Trainer

SMALL = SPYKETORCH.replace({"s1.double_every": 10, "s2.double_every": 10, "s3.epochs": 2, "batch": 25})


def spread(function, tasks, what):
    return (function(*task) for task in tasks)


def test_the_diagonal_is_the_ordinary_run_and_both_seeds_matter():
    digits, pairs = data.load("digits").subset(100, 30), list(itertools.product((0, 3), repeat=2))
    found = {(rows[0]["features_seed"], rows[0]["s3_seed"]): [row["train_accuracy"] for row in rows]
             for rows in crossed.crossed(SMALL, digits, pairs, spread, quiet=True)}
    assert list(found) == pairs
    for seed in (0, 3):
        trainer = Trainer(SMALL, digits, seed, quiet=True)
        trainer.run()
        assert found[seed, seed] == [row["train_accuracy"] for row in trainer.rows]
    assert len({tuple(accuracies) for accuracies in found.values()}) == 4


def test_pairs_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(crossed, "SPYKETORCH", SMALL)
    result, found = registry.all_results()["crossed"], []
    for numbers in ((0,), (0, 1)):
        crossed.make(runner.Job(result, tmp_path, dataset="digits", seeds=numbers, jobs=1,
                                settings=SimpleNamespace(train=40, passes=2)))
        found.append(pd.read_csv(tmp_path / "crossed.csv"))
    assert [len(rows) for rows in found] == [2, 8]
    pd.testing.assert_frame_equal(found[0], found[1][:2])  # with their times


def test_components_find_what_was_put_in():
    random = np.random.default_rng(1)
    rows, columns = random.normal(0, 3, (200, 1)), random.normal(0, 1, (1, 200))
    found = components(rows + columns + random.normal(0, 0.5, (200, 200)), samples=50)
    assert found.rows == pytest.approx(3, rel=0.15)
    assert found.columns == pytest.approx(1, rel=0.15)
    assert found.rest == pytest.approx(0.5, rel=0.05)
    for value, (low, high) in zip((found.rows, found.columns, found.rest), found.intervals):
        assert low < value < high


def test_f_tests_tell_rows_that_differ_from_columns_that_do_not():
    random = np.random.default_rng(0)
    table = np.arange(5)[:, None] + random.normal(0, 0.5, (5, 5))
    (f, p), (_, other) = components(table, samples=10).tests
    means = table.mean(1)
    rest = table - means[:, None] - table.mean(0) + table.mean()
    assert f == pytest.approx((5 * ((means - table.mean()) ** 2).sum() / 4) / ((rest ** 2).sum() / 16))
    assert p < 1e-4 and other > 0.05 and components(table, samples=10).freedom == (4, 4, 16)


def test_components_by_hand():
    found = components([[1, 2], [3, 4]])  # rows differ by 2, columns by 1, and nothing is left
    assert (found.rows, found.columns, found.rest) == pytest.approx((np.sqrt(2), np.sqrt(0.5), 0))
    with pytest.raises(ValueError, match="2 by 2"):
        components([[1, 2]])
    with pytest.raises(ValueError, match="gaps"):
        components([[1, 2], [3, np.nan]])


def test_the_report_shows_every_pair_and_says_which_are_missing(tmp_path, monkeypatch):
    said = []
    (tmp_path / "crossed").mkdir()
    rows = pd.DataFrame([dict(features_seed=a, s3_seed=b, epoch=2, test_accuracy=0.9 + 0.01 * a + 0.001 * b)
                         for a, b in itertools.product((0, 1), repeat=2)])
    page = SimpleNamespace(recorded=[tmp_path, RESULTS], say=said.append,
                           table=lambda rows, columns: said.append(str(list(rows))))
    rows.to_csv(tmp_path / "crossed" / "crossed.csv", index=False)
    (tmp_path / "crossed" / "provenance.json").write_text('{"train": 60000}')
    monkeypatch.setattr(seeds, "stale", lambda name, facts: "")
    seeds.crossed(page)
    text = "\n".join(said)
    assert "60,000 training images" in text
    assert "91.10 %" in text and "the seed of S1 and S2 **0.71** points" in text and "r = " in text
    rows[:-1].to_csv(tmp_path / "crossed" / "crossed.csv", index=False)
    with pytest.raises(seeds.Missing, match="22 of 25 runs"):
        seeds.crossed(page)
