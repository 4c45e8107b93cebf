"""Claims 3 to 6: verdicts follow the files, and a changed number changes them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from report import REPORT, claims
from report.claims import two_targets
from report.lab.pairs import PAIRS, by_size
from report.lab.published import PAPER, REFERENCE, published
from report.lab.statistics import Estimate, share


def row(folder, number):
    return next(claim for claim in claims.every() if claim.label.startswith(number)).judged([folder])


def test_without_files_nothing_is_tested_yet(tmp_path):
    for number in ("1a", "1b", "1c", "2.", "3a", "3b", "4.", "5.", "6.", "7a", "7b"):
        claim = row(tmp_path, number)
        assert claim.verdict == "not tested yet" and claim.told.startswith("needs `")


def test_the_handmade_claim_follows_its_file(tmp_path):
    shutil.copytree(REPORT / "results" / "handmade", tmp_path / "handmade")
    before = row(tmp_path, "4.")
    table = pd.read_csv(tmp_path / "handmade" / "runs.csv")
    default = (table.variant == "default") & (table.rule == "r-stdp")
    assert str(share(table[default].exact.sum(), default.sum())) in before.told
    table.loc[table.index[default][:30], "exact"] = 0
    table.to_csv(tmp_path / "handmade" / "runs.csv", index=False)
    after = row(tmp_path, "4.")
    assert after.verdict == "partly" and f"{100 * (1 - 30 / default.sum()):.1f} %" in after.told
    table.loc[default, "exact"] = 0
    table.to_csv(tmp_path / "handmade" / "runs.csv", index=False)
    assert row(tmp_path, "4.").verdict == "not"


def write_task2(folder, reward, plain, aware=(0.8, 0.2), seeds=3, pairs=PAIRS, same=1.0,
                overlap=(0.2, 0.4)):
    """A whole grid at two sizes whose accuracies scatter about two values; overlaps of features: by STDP `same`, by
    R-STDP with other pairs and with the same pair again."""
    rng, rows = np.random.default_rng(0), []
    (folder / "task2").mkdir(exist_ok=True)
    every = [{"seed": seed, "rule": rule, "pair": f"{pair:02d}", "others": others + rng.normal(0, 0.001),
              "again": again + rng.normal(0, 0.001)} for seed in range(seeds) for pair in range(pairs)
             for rule, (others, again) in (("stdp", (same, 0.8)), ("r-stdp", overlap))]
    pd.DataFrame(every).to_csv(folder / "task2" / "features.csv", index=False)
    for seed in range(seeds):
        for pair in range(pairs):
            for size in (4, 10):
                for rule, accuracy, part in (("r-stdp", reward, aware[0]), ("stdp", plain, aware[1])):
                    rows.append({"pair": f"{pair:02d}", "size": size, "rule": rule, "seed": seed,
                                 "accuracy": accuracy + rng.normal(0, 0.01), "aware": part + rng.normal(0, 0.01)})
    pd.DataFrame(rows).to_csv(folder / "task2" / "runs.csv", index=False)


@pytest.mark.parametrize("reward, plain, options, verdicts", [
    (0.936, 0.842, {}, ("reproduced", "reproduced")), (0.90, 0.842, {}, ("partly", "reproduced")),
    (0.842, 0.842, {}, ("undecided", "reproduced")), (0.80, 0.842, {}, ("not", "reproduced")),
    (0.936, 0.842, {"seeds": 1}, ("partly", "partly")),
    (0.936, 0.842, {"pairs": 5}, ("partly", "partly")), (0.936, 0.842, {"aware": (0.2, 0.2)}, ("reproduced", "partly")),
    (0.936, 0.842, {"overlap": (0.4, 0.4)}, ("reproduced", "partly")),
    (0.936, 0.842, {"overlap": (0.4, 0.4), "aware": (0.2, 0.2)}, ("reproduced", "undecided")),
    (0.936, 0.842, {"same": 0.9}, ("reproduced", "not"))])
def test_verdicts_of_task_2_follow_the_recorded_runs(tmp_path, reward, plain, options, verdicts):
    write_task2(tmp_path, reward, plain, **options)
    assert (row(tmp_path, "5.").verdict, row(tmp_path, "6.").verdict) == verdicts


def test_claim_6_waits_for_the_overlaps_alone(tmp_path):
    write_task2(tmp_path, 0.936, 0.842)
    (tmp_path / "task2" / "features.csv").unlink()
    assert (row(tmp_path, "5.").verdict, row(tmp_path, "6.").verdict) == ("reproduced", "not tested yet")


def test_curves_average_pairs_first_and_seeds_then(tmp_path):
    write_task2(tmp_path, 0.9, 0.8)
    table = pd.read_csv(tmp_path / "task2" / "runs.csv")
    by_seed = [table[(table.seed == seed) & (table["size"] == 10) & (table.rule == "stdp")].accuracy.mean()
               for seed in range(3)]
    found, expected = by_size([tmp_path], "stdp")[10], Estimate.of(by_seed)
    assert (found.mean, found.half, found.n) == (pytest.approx(expected.mean), pytest.approx(expected.half), 3)
    ours = {rule: by_size([tmp_path], rule) for rule in ("r-stdp", "stdp")}
    lines, more = two_targets.chart(ours, {}), two_targets.chart(ours, ours)
    assert len(more.axes[0].lines) == len(lines.axes[0].lines) + 2
    drawn = [np.asarray(line.get_ydata(), float) for line in lines.axes[0].lines if len(line.get_xdata()) == 2]
    assert any(abs(y[1] - 100 * np.mean(by_seed)) < 1e-5 for y in drawn)


def test_published_points_of_figure_4_agree_with_the_claims_table():
    points = pd.read_csv(REFERENCE / "figure4.csv").set_index(["rule", "maps"]).accuracy
    assert len(points) == 24
    for rule, name in (("r-stdp", "R-STDP"), ("stdp", "STDP")):
        for maps in (10, 40):
            assert points[rule, maps] == published(PAPER, f"task 2, {name}, {maps} maps")
