"""Agreement with SpykeTorch, step by step: on recorded values, live where it can be imported, and at full size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rstdp import data, fast
from rstdp.layers import pool_first_spike

from .. import ROOT
from ..lab.page import Page
from ..lab.registry import command
from ..lab.results import read_table, stale
from ..studies.verify import agreement, oracle

GOLDEN = ROOT / "tests" / "golden_spyketorch_digits.npz"


def records(page: Page) -> dict[str, dict[str, Tensor]]:
    """What SpykeTorch wrote down or does now, by name."""
    found = {}
    if GOLDEN.exists():
        with np.load(GOLDEN) as file:
            found["recorded values"] = {key: torch.from_numpy(file[key]) for key in file.files}
    if oracle.available():
        digits = data.load("digits")
        found["live run"] = oracle.record(digits.train_images[300:400], digits.train_labels[300:400])
        page.say("SpykeTorch can be imported here, so the comparison also runs **live**, on 100 other images.")
    else:
        page.say("SpykeTorch cannot be imported here, so the comparison uses **recorded** values, which SpykeTorch "
                 "itself wrote for 300 of scikit-learn's digits. With SpykeTorch on the Python path the same "
                 "comparison also runs live.")
    return found


def stages(record: dict[str, Tensor]) -> Iterator[tuple]:
    """Rows (stage, compared, different, rounding ties, largest difference of a weight)."""
    times = fast.encode(record["images"])
    yield "encoder", f"{times.numel():,} spike times", int((times != record["spike_times"]).sum()), "—", "—"
    c1 = pool_first_spike(fast.conv_times(record["spike_times"], record["w1"], 15.0, 2), 2, 2)
    c2 = pool_first_spike(fast.conv_times(c1, record["w2"], 4.0, 1), 3, 3)
    for name, mine, theirs in (("S1 and C1", c1, record["c1_times"]), ("S2 and C2", c2, record["c2_times"])):
        yield name, f"{mine.numel():,} spike times", int((mine != theirs).sum()), "—", "—"
    for name in ("s1", "s2", "s3"):
        steps = len(record[f"{name}_winners"])
        found = agreement.compare_rstdp(record, steps) if name == "s3" else agreement.compare_stdp(record, name, steps)
        yield (f"{name.upper()} learning", f"{steps:,} steps", found.different, found.ties,
               f"{max(found.weight_error.values()):.1g}")


def small(page: Page) -> None:
    """A small network, compared now."""
    for name, record in records(page).items():
        page.say(f"**{name.capitalize()}**")
        page.table(stages(record), ["stage", "compared", "different", "rounding ties",
                                    "largest difference of a weight"])


def full_size(page: Page) -> None:
    """The full-size network, as recorded."""
    rows, facts = read_table("verify/agreement.csv", page.recorded)
    page.say(
        f"The full-size network on {facts.get('images', 0):,} images of "
        f"{facts.get('dataset', 'unknown data').upper()}, recorded by `{command('verify')}`: "
        f"**{rows.different.sum():,}** of {rows.steps.sum():,} "
        f"comparisons differ and {rows.ties.sum()} are rounding ties.{stale('verify', facts)}")
    page.table([(row.layer.upper() if len(row.layer) == 2 else row.layer, row.partner, f"{row.steps:,}",
                 f"{row.same:,}", row.ties, row.different,
                 "—" if pd.isna(row.largest_weight_difference) else f"{row.largest_weight_difference:.1g}")
                for row in rows.itertuples()],
               ["layer", "compared with", "steps or spike times", "same", "rounding ties", "different",
                "largest difference of a weight"])


PARTS = (small, full_size)
