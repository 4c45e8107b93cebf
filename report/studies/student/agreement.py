"""Run the earlier replication's own program beside `as_run`, batch by batch, where its folder is at hand.

The variable STUDENT_SRC names the folder `src` of a copy of github.com/Cl4ryty/synaptic_plasticity, which is no part of
this package. Both start every batch with the same weights, and every stage of ours gets what theirs gave before it, so
that a difference stays where it arises. Writes agreement.csv and provenance.json to report/results/student-agreement.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from rstdp.config import SPYKETORCH
from rstdp.encoding import BINS, spike_wave
from rstdp.network import Network

from ...lab import registry
from ...lab.runner import Job
from . import as_run

FILES = ("network.py", "neuron.py", "plasticity.py")  #: of theirs
CLOSE, ROUNDING = 1e-5, 1e-6  #: potentials that float32 sums may exchange; weights that are equal
COLUMNS = ["layer", "what", "values", "ties", "different"]


class Theirs:
    """Their network with given weights. Its neurons are written for an older SpikingJelly, whose multi-step mode calls
    charge and fire in every step; `forward` below does so here."""

    def __init__(self, weights: dict[str, Tensor]):
        folder = Path(os.environ.get("STUDENT_SRC", ""))
        if not (os.environ.get("STUDENT_SRC") and (folder / "plasticity.py").is_file()):
            raise ValueError("their program is not at hand: clone github.com/Cl4ryty/synaptic_plasticity and let "
                             "STUDENT_SRC name its folder src")
        self.files = {file: hashlib.md5((folder / file).read_bytes()).hexdigest() for file in FILES}
        sys.path.insert(0, str(folder))
        import network
        import neuron
        import plasticity
        self.k_winners = plasticity.get_k_winners
        neuron.SingleSpikeIFNode.forward = self.forward
        self.net: Any = network.Network(input_channels=6, number_of_classes=as_run.CLASSES)
        self.convs = {"s1": self.net.conv1, "s2": self.net.conv2, "s3": self.net.conv3}
        for name, conv in self.convs.items():
            conv.step_mode = "m"
            conv.weight.data.copy_(weights[name])
        for pool in (self.net.pool1, self.net.pool2):
            pool.step_mode = "m"
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=1.0)

    @staticmethod
    def forward(node, currents: Tensor) -> Tensor:
        node.v, node.spiked = torch.zeros_like(currents[0]), None
        spikes = []
        for current in currents:
            node.neuronal_charge(current)
            spikes.append(node.neuronal_fire())
        return torch.stack(spikes)

    def weight(self, name: str) -> Tensor:
        return self.convs[name].weight.detach().double()

    def show(self, frames: Tensor) -> dict[str, Tensor]:
        """What every stage gives for spikes (T, N, 6, H, W)."""
        names = ("", "s1", "", "c1", "v1", "", "s2", "", "c2", "v2", "", "n3", "v3")
        return {"image": frames, **{name: found for name, found in zip(names, self.net(frames)) if name}}

    def winners(self, name: str, seen: dict[str, Tensor]) -> Tensor:
        """Indices (N, count) of neurons of S1 or S2."""
        spikes, potential = seen[name], seen[f"v{name[1]}"]
        found = self.k_winners(potential, spikes, *as_run.LAYERS[name])
        height, width = potential.shape[2:]
        return (found[..., 0] * height + found[..., 1]) * width + found[..., 2]

    def learn(self, name: str, seen: dict[str, Tensor], plus: float) -> None:
        pre, post, potential = {"s1": ("image", "s1", "v1"), "s2": ("c1", "s2", "v2")}[name]
        count, radius = as_run.LAYERS[name]
        rule = {"s1": self.net.stdp1, "s2": self.net.stdp2}[name]
        rule.update_all_learning_rate(*as_run.both(plus))
        rule(seen[pre], seen[post], seen[potential], kwta=count, inhibition_radius=radius)
        self.update()

    def learn_s3(self, seen: dict[str, Tensor], right: Tensor, phi: tuple[float, float]) -> None:
        for rule, (plus, minus), factor in ((self.net.stdp3, as_run.REWARD, phi[0]),
                                            (self.net.anti_stdp3, as_run.PUNISHMENT, phi[1])):
            rule.update_all_learning_rate(plus * factor, minus * factor)
        for image, rewarded in enumerate(right.tolist()):
            rule = self.net.stdp3 if rewarded else self.net.anti_stdp3
            rule(seen["c2"], seen["n3"], seen["v3"], kwta=1, reward_batch=image)
        self.update()

    def update(self) -> None:
        self.optimizer.step()
        for name, (low, high) in (("s1", (0, 1)), ("s2", (0, 1)), ("s3", as_run.BOUNDS)):
            self.convs[name].weight.data.clamp_(low, high)
            self.convs[name].weight.grad = None


def spikes_apart(mine: Tensor, theirs: Tensor, inputs: Tensor, weight: Tensor) -> tuple[int, int, int]:
    """Neurons, those whose spike rounding explains (the potential lies on the threshold), and others that differ."""
    apart = (mine != theirs).any(0)
    if not apart.any():
        return apart.numel(), 0, 0
    potential = as_run.in_steps(lambda step: torch.nn.functional.conv2d(step, weight), inputs).cumsum(0)
    tie = ((potential - as_run.THRESHOLD).abs() <= CLOSE * as_run.THRESHOLD).any(0)
    return apart.numel(), int((apart & tie).sum()), int((apart & ~tie).sum())


def winners_apart(mine: Tensor, theirs: Tensor, left: Tensor, potential: Tensor) -> tuple[tuple, Tensor]:
    """Images, those whose winners rounding exchanges, others that differ; and the maps (F,) that won in the former.

    The first two that differ are a tie where both are as early, and their potentials are as near as the rounding
    of their rank, which adds up to T times the largest potential to it in float32.
    """
    steps, flat, size = left.flatten(1), potential.flatten(1), potential[0, 0].numel()
    images = (mine != theirs).any(1).nonzero()[:, 0]
    first = (mine != theirs)[images].int().argmax(1)
    one, other = mine[images, first], theirs[images, first]
    near = (flat[images, one] - flat[images, other]).abs() <= BINS * 2.0**-22 * potential.max()
    tie = (steps[images, one] == steps[images, other]) & near
    exchanged = (torch.cat([mine[images[tie]], theirs[images[tie]]]).flatten() // size).unique()
    return (len(mine), int(tie.sum()), int((~tie).sum())), exchanged


def weights_apart(mine: Tensor, theirs: Tensor, exchanged: Tensor) -> tuple[int, int, int]:
    """Weights, those of `exchanged` maps (n,) that differ by more than rounding, for a tie decides, and of others."""
    apart, tie = (mine - theirs).abs() > ROUNDING, torch.zeros(len(mine), 1, 1, 1, dtype=torch.bool)
    tie[exchanged] = True
    return apart.numel(), int((apart & tie).sum()), int((apart & ~tie).sum())


@torch.no_grad()
def compared(peer: Theirs, times: Tensor, labels: Tensor) -> Iterator[tuple]:
    """Rows of COLUMNS, one a batch: S1 learns from all images once, then S2, then S3."""
    frames = [spike_wave(part) for part in times.split(as_run.BATCH)]
    for name, before in (("s1", "image"), ("s2", "c1")):
        plus = as_run.FIRST_RATE
        for number, batch in enumerate(tqdm(frames, desc=f"{name.upper()} learns", unit="batch")):
            seen = peer.show(batch)
            double = {key: value.double() for key, value in seen.items()}
            weight, inputs = peer.weight(name), double[before]
            spikes, potential = as_run.layer(inputs, weight)
            yield name.upper(), "spikes", *spikes_apart(spikes, double[name], inputs, weight)
            after = f"c{name[1]}"
            cells = (as_run.pooled(double[name], name) != double[after]).any(0)
            yield after.upper(), "spikes", cells.numel(), 0, int(cells.sum())
            again = (double[after].sum(0) > 1).sum()
            yield after.upper(), "cells that spike again", int((double[after].sum(0) > 0).sum()), 0, int(again)
            post = as_run.left(double[name])
            won = as_run.winners(post, potential, *as_run.LAYERS[name])
            counted, exchanged = winners_apart(won, peer.winners(name, seen), post, potential)
            yield name.upper(), "images' winners", *counted
            mine = as_run.learned(weight, name, as_run.left(inputs), post, potential, plus)
            peer.learn(name, seen, plus)
            plus = as_run.later(plus, number)
            yield name.upper(), "weights after a batch", *weights_apart(mine, peer.weight(name), exchanged)
    phi = (1.0, 1.0)
    for batch, target in zip(tqdm(frames, desc="S3 learns", unit="batch"), labels.split(as_run.BATCH)):
        seen = peer.show(batch)
        weight, counts = peer.weight("s3"), seen["c2"].double().sum(0)
        potential, decisions = as_run.read_out(counts, weight), peer.net.get_decision().long()
        flat = potential.flatten(1)
        apart = as_run.decide(potential) != decisions
        strongest = seen["v3"].flatten(1).argmax(1)
        tie = flat.max(1).values - flat.gather(1, strongest[:, None])[:, 0] <= CLOSE * flat.max(1).values
        yield "S3", "decisions", len(apart), int((apart & tie).sum()), int((apart & ~tie).sum())
        right = decisions == target
        mine = as_run.learned_s3(weight, counts, potential, right, phi)
        other = strongest != flat.argmax(1)  # two neurons, of one map or two, that rounding exchanges
        size = potential[0, 0].numel()
        exchanged = torch.cat([strongest[other], flat.argmax(1)[other]]) // size
        peer.learn_s3(seen, right, phi)
        yield "S3", "weights after a batch", *weights_apart(mine, peer.weight("s3"), exchanged)
        phi = (1 - float(right.float().mean()), float(right.float().mean()))


@registry.result("student-agreement", "the earlier replication's own program, step by step, beside its rules in ours",
                 needs=("core", "student-as-run"), dataset="mnist", settings={"images": 500})
def make(job: Job) -> None:
    started, images = time.perf_counter(), job.data.train_images[:job.settings.images]
    config = SPYKETORCH.replace({f"{name}.std": 0.02 for name in ("s1", "s2", "s3")} | {"s1.padding": 0})
    network = Network(config)
    peer = Theirs(network.weights)
    rows = [*compared(peer, network.encode(images), job.data.train_labels[:len(images)])]
    table = pd.DataFrame(rows, columns=COLUMNS).groupby(COLUMNS[:2], sort=False, as_index=False).sum()
    job.write("agreement.csv", table)
    job.describe(images=len(images), their_files_md5=peer.files, seconds=round(time.perf_counter() - started, 1))
    print(table.to_string(index=False))
