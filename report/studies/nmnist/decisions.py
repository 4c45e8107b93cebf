"""What networks that learned from simulated recordings decide on real ones that the simulator was not fitted to.

Writes decisions.csv (a row for each network and recording: part, number, label, decision, -1 for a silent one) and
provenance.json to report/results/nmnist-decisions. Seconds for 900 recordings, once the experiment nmnist is trained.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rstdp.config import SPYKETORCH
from rstdp.data import ENCODERS, Dataset
from rstdp.events import encodings, nmnist
from rstdp.events.data import FITTED, REAL, recorded
from rstdp.network import Network

from ...lab.registry import command, fingerprint, result
from ...lab.runner import Job

Parts = dict[str, tuple[Tensor, Tensor, Tensor]]  #: spike times, labels and numbers of "Train" and of "Test"


def decisions(networks: list[Network], parts: Parts) -> pd.DataFrame:
    """seed, part, number, label and decision of each network and recording that the simulator was not fitted to."""
    found = []
    for part, (times, labels, numbers) in parts.items():
        for network in networks:
            decided, _ = network.decide(network.features(times))
            rows = pd.DataFrame({"seed": network.seed, "part": part, "number": numbers, "label": labels,
                                 "decision": decided})
            found.append(rows[rows.number.between(FITTED + 1, REAL) | (part == "Test")])
    return pd.concat(found).sort_values(["seed", "part", "number"])


@fingerprint("nmnist-decisions", first="6bdd4bcb61d9")
def probe() -> Iterator:
    """Untrained networks on made-up spike times, whose numbers lie around the bounds."""
    config = SPYKETORCH.replace({"s1.maps": 6, "s2.maps": 8, "s3.maps": 20, "s2.threshold": 4})
    times = torch.from_numpy(np.random.default_rng(0).integers(0, 30, (6, 6, 28, 28)).clip(max=15).astype(np.uint8))
    numbers = torch.tensor([1, FITTED, FITTED + 1, REAL, REAL + 1, 5])
    parts = {part: (times, torch.arange(6), numbers) for part in nmnist.FULL}
    yield decisions([Network(config, seed) for seed in (1, 0)], parts).to_csv(index=False)


@result("nmnist-decisions", "what the networks of experiment nmnist decide on real recordings; seconds",
        needs=("core", "events", "nmnist-decisions"),
        settings={"variant": "mnist-thresholds", "encoding": encodings.DEFAULT})
def make(job: Job) -> None:
    """Decide, write, print. Settings: the variant, which recordings held out chose, and its encoding."""
    variant, encoding, networks = job.settings.variant, job.settings.encoding, job.root / "work" / "nmnist"
    files = sorted(networks.glob(f"{variant}-*/weights.npz"))
    if not files:
        raise ValueError(f"{networks} has no trained network of {variant}; make some with `{command('nmnist')}`")
    trained = [Network.load(path) for path in files]
    parts = {part: recorded(part, ENCODERS[encoding][0]) for part in nmnist.FULL}
    table = decisions(trained, parts)
    job.write("decisions.csv", table)
    job.describe(dataset=f"nmnist/{encoding}", data_md5=Dataset("nmnist", *parts["Train"][:2], *parts["Test"][:2])
                 .checksum(), variant=variant, configuration=trained[0].config.digest(),
                 seeds=[network.seed for network in trained])
    print((table.decision == table.label).groupby([table.seed, table.part]).agg(["mean", "size"]))
