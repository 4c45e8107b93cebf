"""N-MNIST in the report: claims 7a and 7b follow their files, and thresholds are chosen without the real recordings."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest
from scipy import stats

from report import claims
from report.claims import nmnist_real, nmnist_simulated
from report.lab.figures import nmnist_curves
from report.lab.published import curve
from report.lab.results import Missing
from report.lab.statistics import Estimate, over_recordings
from report.sections import encodings


def row(folder, number):
    return next(claim for claim in claims.every() if claim.label.startswith(number)).judged([folder])


def write(folder, name, dataset, accuracies):
    """An experiment with one pass; accuracies: {variant: [(on simulated ones held out, on real ones), ... a seed]}."""
    rows = [(variant, seed, 1, 0.9, held_out, real, 0.0, 1.0)
            for variant, seeds in accuracies.items() for seed, (held_out, real) in enumerate(seeds)]
    columns = "variant seed epoch train_accuracy validation_accuracy test_accuracy silent seconds".split()
    (folder / name).mkdir(parents=True)
    pd.DataFrame(rows, columns=columns).to_csv(folder / name / "accuracy.csv", index=False)
    variants = {variant: {"s2.threshold": 15} for variant in accuracies}
    (folder / name / "provenance.json").write_text(json.dumps({
        "experiment": name, "dataset": dataset, "data_md5": "", "parameters": {"variants": variants}, "runs": [],
        "configurations": {}}))


def write_folds(folder, right, variant="s3-real"):
    """Two seeds of two folds of 50 recordings each; right: how many of a fold's are right."""
    rows = [(variant, seed, fold, 1, 50, 1.0, right / 50) for seed in (0, 1) for fold in (0, 1)]
    (folder / "nmnist-real").mkdir()
    pd.DataFrame(rows, columns="variant seed fold epoch recordings train_accuracy test_accuracy".split()).to_csv(
        folder / "nmnist-real" / "folds.csv", index=False)


@pytest.mark.parametrize("real", [(0.92, 0.93, 0.92), (0.86, 0.87, 0.86)])
def test_claim_7a_follows_its_file_and_gets_no_verdict(tmp_path, real):
    write(tmp_path, "nmnist", "nmnist-transfer", {"saccades": [(0.95, each) for each in real]})
    (tmp_path / "nmnist-decisions").mkdir()
    pd.DataFrame({"seed": [0] * 900 + [1] * 900}).to_csv(tmp_path / "nmnist-decisions" / "decisions.csv")
    found = row(tmp_path, "7a")
    assert found.verdict == "extension" and str(found.told) == str(over_recordings(Estimate.of(real), 900))


def test_claim_7b_counts_each_recording_once_and_leaves_out_unfinished_seeds(tmp_path):
    write_folds(tmp_path, 40)
    path = tmp_path / "nmnist-real" / "folds.csv"
    table = pd.read_csv(path)
    table[~((table.seed == 1) & (table.fold == 1))].to_csv(path, index=False)
    found = nmnist_real.cross_validated([tmp_path])
    assert found.seed.tolist() == [0] and found.recordings.tolist() == [100] and found.accuracy.tolist() == [0.8]
    assert row(tmp_path, "7b").verdict == "extension"


def test_that_fine_tuning_loses_is_said(tmp_path):
    write_folds(tmp_path, 40, "fine-tuned")
    path = tmp_path / "nmnist-real" / "folds.csv"
    table = pd.read_csv(path)
    pd.concat([table.assign(epoch=0, test_accuracy=0.9), table]).to_csv(path, index=False)
    rows = nmnist_real.cross_validated([tmp_path])
    assert "Fine-tuning **loses** 10.00 points" in nmnist_real.tuning(rows)
    assert "the best of 1 on the same folds" in row(tmp_path, "7b").told


def test_thresholds_are_chosen_on_simulated_recordings_not_on_real_ones(tmp_path):
    for name in encodings.EXPERIMENTS:
        write(tmp_path, name, f"nmnist-transfer/{name[7:]}", {"a": [(0.9, 0.5)], "b": [(0.8, 0.99)]})
    assert [(row.encoding, row.variant) for row in encodings.tried([tmp_path]) if row.chosen] == [
        (name[7:], "a") for name in encodings.EXPERIMENTS]


def test_encoding_and_rules_are_told_apart(tmp_path, monkeypatch):
    """Exact effects by hand: +40 from the encoding with our rules, +20 with theirs, and one run at chance."""
    means = {("first", encodings.ALL): 0.3, ("first", "none"): 0.5, ("saccades", encodings.ALL): 0.5,
             ("saccades", "none"): 0.9}
    rows = pd.DataFrame([(*key, seed, epoch, mean - 0.2 * (seed == 1 and mean == 0.3) if epoch == 20 else 0.0)
                         for key, mean in means.items() for seed in (0, 1) for epoch in (15, 20)],
                        columns=["encoding", "rules", "seed", "epoch", "test_accuracy"])
    (tmp_path / "student-nmnist").mkdir()
    (tmp_path / "student-nmnist" / "provenance.json").write_text('{"train": 10000}')
    rows.to_csv(tmp_path / "student-nmnist" / "runs.csv", index=False)
    tables, said = [], []
    page = SimpleNamespace(recorded=[tmp_path], say=said.append, source=lambda name: name,
                           table=lambda rows, columns: tables.append([list(map(str, row)) for row in rows]))
    monkeypatch.setattr(encodings, "stale", lambda name, facts: "")
    encodings.two_by_two(page)
    assert [row[:2] + row[3:] for row in tables[0]] == [
        ["theirs (`first`)", "theirs", "1"], ["theirs (`first`)", "ours", "0"],
        ["ours (`saccades`)", "theirs", "0"], ["ours (`saccades`)", "ours", "0"]]
    text = " ".join(said)  # seed 1: +40 and +40
    found = [text.index(part) for part in ("+35.00", "+35.00", "+40.00", "+30.00", "+5.00")]
    assert found == sorted(found) and "seeds: 2." in text
    rows[rows.rules == "none"].to_csv(tmp_path / "student-nmnist" / "runs.csv", index=False)
    with pytest.raises(Missing, match="both encodings"):
        encodings.two_by_two(page)


def test_the_share_of_recordings_has_an_exact_interval(tmp_path):
    table = pd.DataFrame({"seed": [0] * 100 + [1] * 100, "right": [True] * 90 + [False] * 110})
    found, exact = nmnist_simulated.recordings_share(table), stats.binomtest(90, 100).proportion_ci(0.95, "exact")
    assert (found.mean, found.low, found.high) == (0.9, exact.low, exact.high) and "100 recordings" in str(found)


def test_curves_show_the_mean_over_seeds():
    rows = pd.DataFrame({"seed": [0, 0, 1, 1], "epoch": [1, 2, 1, 2], "accuracy": [0.5, 0.6, 0.7, 0.8]})
    fig = nmnist_curves({"real": rows}, curve("student_nmnist"))
    line = next(line for line in fig.axes[0].lines if line.get_label() == "real")
    assert list(line.get_ydata()) == pytest.approx([60, 70])
