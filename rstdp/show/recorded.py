"""Recorded results of the replication that chapters show: the same files in a checkout and where rstdp is installed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent.parent
#: where rstdp is installed, pyproject.toml puts tables of report/results and report/reference into the last one
FOLDERS = (HERE.parent / "report" / "results", HERE.parent / "report", HERE / "recorded")


def path(name: str) -> Path:
    """A recorded file by its name under report/results, "mnist/accuracy.csv", or a published one, "reference/...csv".
    Raises FileNotFoundError."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"no recorded result {name}; `python -m report run {name.partition('/')[0]}` in a checkout "
                            "of the repository makes it")


def recorded(name: str) -> pd.DataFrame:
    """A recorded table. Raises FileNotFoundError where there is none."""
    return pd.read_csv(path(name), dtype={"pair": str})


def scoreboard() -> pd.DataFrame:
    """Accuracies on MNIST's test images in percent, from recorded runs: `who` decides, `mean`, `lowest` and `highest`
    over `n` seeds, and the `source`. The paper's is one number, without seeds."""
    readout, shipped = recorded("readout/readout.csv"), recorded("shipped/accuracy.csv").iloc[0]
    published = recorded("reference/published.csv")
    paper = published[published.source.str.startswith("Mozafari") & (published.what == "accuracy")].value

    def linear(features: str) -> list[float]:
        return readout[(readout.features == features) & (readout.classifier == "linear SVM")].test_accuracy.tolist()

    def last(name: str) -> list[float]:
        rows = recorded(f"{name}/accuracy.csv").query("variant == 'spyketorch'").sort_values("epoch")
        return rows.groupby("seed").test_accuracy.last().tolist()

    committee = recorded("committee/committee.csv")
    together = committee[committee.members == committee.members.max()].test_accuracy.tolist()
    rows = [("chance, ten digits", [1 / 10], "one in ten"),
            ("linear classifier on pixels (SVM)", linear("pixels"), "readout"),
            ("linear classifier on C2, fired or not (SVM)", linear("C2: spikes or not"), "readout"),
            (f"the network that comes with rstdp, {shipped.passes:.0f} passes", [shipped.test_accuracy], "shipped"),
            ("21 passes", last("mnist"), "mnist"),
            ("680 passes", last("paper") + last("best"), "paper, best"),
            ("a committee of three S3, an idea of ours", together, "committee"),
            ("the paper", paper.astype(float).tolist(), "one number, no seeds")]
    return pd.DataFrame([{"who": who, "mean": 100 * sum(values) / len(values), "lowest": 100 * min(values),
                          "highest": 100 * max(values), "n": len(values), "source": source}
                         for who, values, source in rows])
