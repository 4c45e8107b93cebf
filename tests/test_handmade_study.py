"""The study of the handmade problem: what counts as learned, and the recorded seeds computed again."""

import json

import numpy as np
import pandas as pd
import pytest

from report import RESULTS
from report.__main__ import main
from report.studies.handmade.variants import VARIANTS, outcomes, preferred
from rstdp import handmade
from rstdp.handmade import BARS, Problem


def test_a_blurred_bar_is_preferred_but_not_learned():
    blurred = 0.3 + 0.1 * np.stack([BARS[2], BARS[0], BARS[1]]).astype(np.float32)
    assert preferred(blurred) == ["falling", "horizontal", "vertical"]
    assert handmade.learned(blurred) == ["other"] * 3 and handmade.diagnostic(preferred(blurred))


@pytest.mark.parametrize("variant, rule", [("default", "r-stdp"), ("adaptive rates", "stdp")])
def test_recorded_seeds_come_out_the_same(variant, rule):
    table = pd.read_csv(RESULTS / "handmade" / "runs.csv")
    rows = table[(table.variant == variant) & (table.rule == rule)]
    assert rows.seed.tolist() == list(range(len(rows))) and len(rows) >= 500
    found = outcomes(Problem(**VARIANTS[variant]), rule, range(20))
    assert found == rows.head(20).drop(columns="variant").to_dict("records")


def test_every_variant_and_rule_is_a_part_of_the_table(tmp_path, monkeypatch):
    for variant, changes in VARIANTS.items():
        monkeypatch.setitem(VARIANTS, variant, {**changes, "images": 60})
    assert main(["run", "handmade", "--out", str(tmp_path), "--jobs", "1", "--set", "count=2"]) == 0
    table, facts = pd.read_csv(tmp_path / "runs.csv"), json.loads((tmp_path / "provenance.json").read_text())
    recorded = pd.read_csv(RESULTS / "handmade" / "runs.csv")
    assert list(table.columns) == list(recorded.columns) and len(table) == 4 * len(VARIANTS)
    assert list(table.variant.unique()) == list(recorded.variant.unique())
    assert facts["seeds"] == 2 and list(facts["studies"]) == ["handmade"]
