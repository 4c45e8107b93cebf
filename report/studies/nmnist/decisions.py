"""What networks that learned from simulated recordings decide on real ones that the simulator was not fitted to.

    python report/nmnist_decisions.py

Writes decisions.csv (a row for each network and recording: part, number, label, decision, -1 for a silent one) and
provenance.json to report/results/nmnist-decisions. Seconds for 900 recordings.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pandas as pd

from rstdp import event_datasets, event_encoding, nmnist, provenance
from rstdp.datasets import Dataset
from rstdp.files import write_json
from rstdp.network import Network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=Path, default=ROOT / "report" / "work" / "nmnist",
                        help="folder with the checkpoints of the experiment nmnist (default: report/work/nmnist)")
    parser.add_argument("--variant", default="mnist-thresholds", help="which of its variants (default: the one that "
                        "recordings held out chose)")
    parser.add_argument("--encoding", default=event_encoding.DEFAULT, help="that the networks were trained with")
    parser.add_argument("--out", type=Path, default=ROOT / "report" / "results" / "nmnist-decisions")
    options = parser.parse_args()
    files = sorted(options.networks.glob(f"{options.variant}-*/weights.npz"))
    if not files:
        parser.error(f"{options.networks} has no trained network of {options.variant}; "
                     "make some with `python -m rstdp experiment nmnist`")
    networks, found = [Network.load(path) for path in files], []
    parts = {part: event_datasets.recorded(part, options.encoding) for part in nmnist.FULL}
    for part, (times, labels, numbers) in parts.items():
        for network in networks:
            decisions, _ = network.decide(network.features(times))
            rows = pd.DataFrame({"seed": network.seed, "part": part, "number": numbers, "label": labels,
                                 "decision": decisions})
            unseen = rows.number.between(event_datasets.FITTED + 1, event_datasets.REAL) | (part == "Test")
            found.append(rows[unseen])
    options.out.mkdir(parents=True, exist_ok=True)
    table = pd.concat(found).sort_values(["seed", "part", "number"])
    table.to_csv(options.out / "decisions.csv", index=False)
    checksum = Dataset("nmnist", *parts["Train"][:2], *parts["Test"][:2]).checksum()
    facts = provenance.describe(dataset=f"nmnist/{options.encoding}", data_md5=checksum, variant=options.variant,
                                configuration=networks[0].config.digest(),
                                seeds=[network.seed for network in networks])
    write_json(options.out / "provenance.json", facts)
    print((table.decision == table.label).groupby([table.seed, table.part]).agg(["mean", "size"]))


if __name__ == "__main__":
    main()
