"""Many seeds at once on one device: S3 of several networks learns in one batch, image by image, to the same bits.

For a GPU, where one network leaves most of the device idle. The weights of S3 are float32 numbers between 0.2 and
0.8, multiples of 2**-26, so their float64 sums are exact in any order and the result is that of the fast path.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from ..competition import SILENT
from ..learning import Passes
from ..plasticity import additive, hits_and_misses, reward_rates

if TYPE_CHECKING:
    from ..network import Network
    from ..training import Trainer


class Batch:
    """S3 of several networks of one configuration, their weights stacked on `device`.

    weight: (R, F, C K K) float32, with R networks; exact: the same in float64, for the sums. Raises ValueError where
    S3 learns by another rule than "additive", which has no batched form.
    """

    def __init__(self, networks: list[Network], device: str):
        self.networks, self.config, self.device = networks, networks[0].config, torch.device(device)
        if self.config.s3.rule != "additive":
            raise ValueError(f"the rule {self.config.s3.rule!r} has no batched form; run without a device")
        weights = torch.stack([network.weights["s3"] for network in networks]).to(self.device)
        self.weight = weights.flatten(2)
        self.exact = self.weight.double()
        self.decision = networks[0].decision_map.to(self.device)
        self.each = torch.arange(len(networks), device=self.device)

    def fields(self, c2: Tensor) -> Tensor:
        """Spike times (B, C, H, W) -> which inputs of each position spike, (B, C K K, positions) float64."""
        spec = self.config.s3
        return F.unfold((c2 < self.config.bins).double(), spec.window, padding=spec.padding)

    def winners(self, potentials: Tensor) -> tuple[Tensor, Tensor]:
        """The first (map, position) with the highest of the potentials (B, F, positions); map -1 where all are 0."""
        positions, flat = potentials.shape[2], potentials.flatten(1)
        order = torch.arange(flat.shape[1], device=flat.device)
        top = flat.amax(1, keepdim=True)
        best = torch.where(flat == top, order, flat.shape[1]).amin(1)  # argmax promises no order among equals
        return torch.where(top[:, 0] > 0, best // positions, SILENT), best % positions

    def learn(self, c2: Tensor, label: Tensor, rates: Tensor) -> Tensor:
        """One image for each network, c2 (R, C, H, W), with its label (); returns the winning maps (R,).

        rates: (R, 2, 2) float32, for each network (plus, minus) of punishment, then of reward.
        """
        fields = self.fields(c2)
        feature, position = self.winners(torch.bmm(self.exact, fields))
        plus, minus = rates[self.each, (self.decision[feature] == label).long()].T[:, :, None]
        silent = 1 - fields[self.each, :, position]  # a spike counts as time 0, silence as 1
        old = self.weight[self.each, feature]
        new = additive(old, silent, 0, plus, minus).clamp(self.config.low, self.config.high)
        new = torch.where((feature == SILENT)[:, None], old, new)
        self.weight[self.each, feature] = new
        self.exact[self.each, feature] = new.double()
        return feature

    def epoch(self, c2: list[Tensor], labels: Tensor, phis: list[tuple[float, float]], on_images=lambda count: None,
              ) -> list[tuple[float, tuple[float, float]]]:
        """One pass of all networks over their C2, (N, C, H, W) each; as `learning.rstdp_epoch` returns it, for each."""
        size, images = self.config.batch, len(labels)
        inputs, labels = [times.to(self.device) for times in c2], labels.to(self.device)
        hits = [0] * len(phis)
        for start in range(0, images, size):
            rates = torch.tensor([reward_rates(self.config, *phi)[::-1] for phi in phis], device=self.device)
            features = torch.stack([
                self.learn(torch.stack([times[i] for times in inputs]), labels[i], rates)
                for i in range(start, min(images, start + size))])
            decisions = torch.where(features >= 0, self.decision[features], SILENT).T
            counts = [hits_and_misses(each, labels[start:start + size]) for each in decisions]
            phis = [(wrong / len(features), right / len(features)) for right, wrong in counts]
            hits = [one + right for one, (right, _) in zip(hits, counts)]
            on_images(len(features))
        for network, weight in zip(self.networks, self.weight.cpu()):
            network.weights["s3"] = weight.reshape(network.weights["s3"].shape).clone()
        return [(hit / images, phi) for hit, phi in zip(hits, phis)]

    def accuracy(self, c2: list[Tensor], labels: Tensor, batch: int = 500) -> list[tuple[float, float]]:
        """As `learning.accuracy`, for each network."""
        scores = []
        for exact, times in zip(self.exact, c2):
            features = torch.cat([self.winners(exact @ self.fields(part.to(self.device)))[0]
                                  for part in times.split(batch)])
            decisions = torch.where(features >= 0, self.decision[features], SILENT).cpu()
            scores.append((float((decisions == labels).double().mean()), float((decisions == SILENT).double().mean())))
        return scores


def learn_s3(trainers: list[Trainer], device: str) -> None:
    """Train runs of one configuration and data set that differ in their seeds: the lower layers one after the other,
    S3 of all at once on `device`. Each trainer writes its checkpoints; runs that are behind catch up first. Raises
    ValueError for passes of a study, which have no batched form."""
    if any(type(trainer.passes) is not Passes for trainer in trainers):
        raise ValueError("passes of a study have no batched form; run without a device")
    inputs = [trainer.prepare() for trainer in trainers]
    while not all(trainer.finished for trainer in trainers):
        first = min(trainer.progress.epoch for trainer in trainers)
        behind = [i for i, trainer in enumerate(trainers) if trainer.progress.epoch == first]
        runs, started = [trainers[i] for i in behind], time.perf_counter()
        batch, data = Batch([run.network for run in runs], device), runs[0].data
        train, validation, test = ([inputs[i][split] for i in behind] for split in range(3))
        with tqdm(total=len(data.train_labels), desc=f"s3 epoch {first + 1}, {len(runs)} seeds", unit="img",
                  disable=runs[0].quiet or None, leave=False) as bar:
            learned = batch.epoch(train, data.train_labels, [run.progress.phi for run in runs],
                                  bar.update)
        held_out = [batch.accuracy(c2, labels) if len(labels) else [(None, None)] * len(runs) for c2, labels in
                    ((validation, runs[0].validation_labels), (test, data.test_labels))]
        seconds = (time.perf_counter() - started) / len(runs)
        for run, (right, phi), (validated, _), tested in zip(runs, learned, *held_out):
            run.finish_epoch(phi, (right, validated, *tested), seconds)
    for trainer in trainers:
        trainer.close()
