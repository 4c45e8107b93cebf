"""The network S1-C1-S2-C2-S3-C3: weights, forward pass, decision, files. Book chapters: 05 and 07."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import competition, kernels, kernels_reward, kernels_s3, layers
from .config import Config, Layer
from .encoding import encode
from .files import CheckpointError, check_digest, read_npz, write_npz

LAYERS = ("s1", "s2", "s3")
SILENT = -1  #: the decision where no neuron of S3 received a spike


class Network:
    """The model of one configuration.

    config: its parameters; seed: of the initial weights; device: where the reference path runs (the fast path runs
    on the CPU). `weights` is a dictionary of float32 tensors, s1 (30, 6, 5, 5), s2 (250, 30, 3, 3), s3 (200, 250, 5,
    5) in the published sizes.
    """

    def __init__(self, config: Config, seed: int = 0, channels: int = 6, device: str = "cpu"):
        self.config, self.seed, self.device = config, seed, torch.device(device)
        generator = torch.Generator().manual_seed(seed)
        self.weights: dict[str, Tensor] = {}
        for name in LAYERS:
            spec = self.layer(name)
            shape = (spec.maps, channels, spec.window, spec.window)
            weight = torch.normal(spec.mean, spec.std, shape, generator=generator)
            low, high = (config.low, config.high) if name == "s3" else (0.0, 1.0)
            self.weights[name] = weight.clamp(low, high)
            channels = spec.maps
        per_class = -(-config.s3.maps // config.classes)
        self.trained_on = ""  #: name of the data set, once trained
        #: the class that each feature map of S3 stands for: blocks of maps, 0 0 ... 9 9
        self.decision_map = (torch.arange(config.s3.maps) // per_class).clamp(max=config.classes - 1)

    def classes(self, positions: int) -> Tensor:
        """The class that each neuron of S3 stands for, (maps, positions) int64."""
        maps = len(self.decision_map)
        if self.config.decision == "index":
            return torch.arange(maps * positions).reshape(maps, positions) % self.config.classes
        return self.decision_map[:, None].expand(maps, positions).contiguous()

    def label_maps(self, winners: Tensor, labels: Tensor) -> None:
        """Let each map of S3 stand for the class of most images (N,) that it won; -1 where it won none.

        winners: (N, 2) as (map, position), map -1 where silent.
        """
        maps, spoke = len(self.decision_map), winners[:, 0] >= 0
        votes = torch.zeros(maps, self.config.classes, dtype=torch.int64)
        votes.index_put_((winners[spoke, 0], labels[spoke].long()), torch.tensor(1), accumulate=True)
        self.decision_map = torch.where(votes.any(1), votes.argmax(1), SILENT)

    def class_of(self, winners: Tensor, c2: Tensor) -> Tensor:
        """Winners (N, 2) as (map, position), found on C2 spike times (N, C, H, W) -> decisions (N,), -1 if silent."""
        if self.config.decision == "map":
            return torch.where(winners[:, 0] >= 0, self.decision_map[winners[:, 0]], SILENT)
        table = self.classes(self.positions(c2))
        return torch.where(winners[:, 0] >= 0, table[winners[:, 0], winners[:, 1]], SILENT)

    def positions(self, c2: Tensor) -> int:
        """How many neurons a map of S3 has, given the spike times of C2."""
        spec = self.config.s3
        return int(np.prod([size + 2 * spec.padding - spec.window + 1 for size in c2.shape[2:]]))

    def layer(self, name: str) -> Layer:
        return getattr(self.config, name)

    def encode(self, images) -> Tensor:
        """Images (N, H, W) uint8 -> spike times (N, 6, H, W). Spike times (N, C, H, W) stay what they are.

        Raises ValueError for spike times with more bins or other channels than the network has.
        """
        config = self.config
        if getattr(images, "ndim", 3) == 4:
            times, channels = torch.as_tensor(images), self.weights["s1"].shape[1]
            if times.shape[1] != channels or (len(times) and times.max() > config.bins):
                raise ValueError(f"the network sees {channels} channels and {config.bins} bins, these spike times have "
                                 f"{times.shape[1]} channels and times up to {times.max()}")
            return times
        return encode(images, config.bins, config.dog_threshold, config.normalisation, config.remainder,
                      scale=config.dog_scale)

    def spike_times(self, name: str, times: Tensor, path: str = "fast") -> Tensor:
        """Spike times of one S layer, given those of its input."""
        spec = self.layer(name)
        times, weight = self.placed(path, times, self.weights[name])
        return layers.conv_times(times, weight, spec.threshold, spec.padding, self.config.bins, path).cpu()

    def placed(self, path: str, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors on the device where a path runs: the reference path on `device`, the fast path on the CPU."""
        return tuple(tensor.to(self.device) if path == "reference" else tensor for tensor in tensors)

    def pooled(self, name: str, times: Tensor, path: str = "fast", batch: int = 500) -> Tensor:
        """Spike times of C1 (`name` "s1") or C2 ("s2"), given those of the S layer's input; in batches."""
        spec = self.layer(name)
        return torch.cat([layers.pool_first_spike(self.spike_times(name, part, path), spec.pool, spec.stride, spec.ceil)
                          for part in times.split(batch)])

    def features(self, images, path: str = "fast") -> Tensor:
        """Images (N, H, W) -> spike times of C2, the input of S3."""
        return self.pooled("s2", self.pooled("s1", self.encode(images), path), path)

    def potentials(self, c2: Tensor, path: str = "fast") -> Tensor:
        """Final potentials (N, maps, H, W) float64 of S3, given the spike times of C2."""
        c2, weight = self.placed(path, c2, self.weights["s3"])
        return layers.final_potentials(c2, weight, self.config.s3.padding, self.config.bins, path).cpu()

    def winners(self, c2: Tensor, path: str = "fast", screening: tuple | None = None) -> Tensor:
        """The neuron of S3 with the highest potential, as (map, position) (N, 2) int64; map -1 where all are silent.

        Behind a finite threshold it is the first to fire, of equals that of the highest potential. screening: what
        `screening()` gave for the present weights, where it was called before.
        """
        if self.first_spike:
            return self._first_spikes(c2, path)
        if path == "reference":
            potentials = self.potentials(c2, path).flatten(2)
            best = potentials.flatten(1).argmax(1)
            winners = torch.stack([best // potentials.shape[2], best % potentials.shape[2]], dim=1)
            return torch.where(potentials.flatten(1).any(1, keepdim=True), winners, SILENT)
        no_labels, no_change = np.zeros(len(c2), dtype=np.int64), (0.0, 0.0)
        return torch.from_numpy(kernels_s3.learn_rstdp(
            c2.contiguous().numpy(), no_labels, self.classes(self.positions(c2)).numpy(), self.weights["s3"].numpy(),
            *(screening or self.screening()), self.config.s3.padding, self.config.bins, no_change, no_change,
            *self.bounds(), False))

    @property
    def first_spike(self) -> bool:
        """Whether S3 has a threshold, so that its first spike decides."""
        return bool(np.isfinite(self.config.s3.threshold))

    def _first_spikes(self, c2: Tensor, path: str) -> Tensor:
        spec, bins, weight = self.config.s3, self.config.bins, self.weights["s3"]
        if path == "reference":
            found = []
            for image in c2:
                image, weight = self.placed(path, image[None], weight)
                times, potentials = layers.step_through(image, weight, spec.threshold, spec.padding, bins)
                times = times[0].cpu()
                at_spike = competition.potential_at_spike(potentials[:, 0].cpu(), times)
                best = competition.k_winners(times, at_spike, 1, 0, bins)
                found.append([best[0].feature, best[0].row * times.shape[2] + best[0].column] if best else [SILENT, -1])
            return torch.tensor(found, dtype=torch.int64).reshape(-1, 2)
        return torch.from_numpy(kernels_reward.learn_first_spike(
            c2.contiguous().numpy(), np.zeros(len(c2), dtype=np.int64), self.classes(self.positions(c2)).numpy(),
            weight.numpy(), kernels.maps_last(weight.numpy()), spec.threshold, spec.padding, bins, (0.0, 0.0),
            (0.0, 0.0), *self.bounds(), False))

    def decide(self, c2: Tensor, path: str = "fast") -> tuple[Tensor, Tensor]:
        """Decisions (N,) int64, -1 where silent, and the winning (map, position) of each image (N, 2)."""
        winners = self.winners(c2, path)
        return self.class_of(winners, c2), winners

    def classify(self, images, path: str = "fast") -> Tensor:
        """Images (N, H, W) uint8 -> decisions (N,); -1 where the network stays silent."""
        return self.decide(self.features(images, path), path)[0]

    def bounds(self) -> tuple[float, float]:
        return self.config.low, self.config.high

    def screening(self) -> tuple[np.ndarray, np.ndarray]:
        """The 8-bit copy of S3's weights and its error bounds, for `kernels_s3.learn_rstdp`."""
        return kernels_s3.screening_weights(self.weights["s3"].numpy(), *self.bounds())

    def save(self, path: str | os.PathLike, **extra) -> None:
        """Write weights and configuration as a compressed .npz; an older file stays until the new one is whole."""
        write_npz(path, compressed=True, config=json.dumps(self.config.to_dict()), digest=self.config.digest(),
                  seed=self.seed, trained_on=self.trained_on, decision_map=self.decision_map.numpy(),
                  **{name: weight.numpy() for name, weight in self.weights.items()}, **extra)

    @classmethod
    def load(cls, path: str | os.PathLike, config: Config | None = None) -> Network:
        """Read a network from `save`. Raises CheckpointError for a file that is damaged or of another configuration."""
        data = read_npz(path)
        try:
            stored = json.loads(str(data["config"]))
            stored_layers = {name: Layer(**{**stored[name], "threshold": float(stored[name]["threshold"])})
                             for name in LAYERS}
            found = Config(**{**stored, **stored_layers})
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} holds no network of this package ({error}); train one with "
                                  "'python -m rstdp train'") from error
        check_digest(path, str(data["digest"]), config or found)
        network = cls(config or found, int(data["seed"]), channels=data["s1"].shape[1])
        network.trained_on = str(data.get("trained_on", ""))
        for name in LAYERS:
            if network.weights[name].shape != data[name].shape:
                raise CheckpointError(f"{path}: {name} has the shape {data[name].shape}, the configuration says "
                                      f"{tuple(network.weights[name].shape)}")
            network.weights[name] = torch.from_numpy(data[name])
        if "decision_map" in data:
            network.decision_map = torch.from_numpy(data["decision_map"])
        return network


PRETRAINED = Path(__file__).parent / "pretrained"
RECORDED = Path(__file__).parent.parent / "report" / "results"


def weight_names() -> dict[str, Path]:
    """The trained weights that can be loaded by name: those of the package, and in a checkout the recorded runs'."""
    recorded = {path.relative_to(RECORDED).with_suffix("").as_posix(): path for path in RECORDED.glob("*/*.npz")}
    return recorded | {path.stem: path for path in PRETRAINED.glob("*.npz")}


def load_pretrained(name: str = "mnist") -> Network:
    """A trained network by name: "mnist", the SpykeTorch configuration after 20 epochs of S3, comes with the package.

    In a checkout also the final weights of the recorded experiments, as "<experiment>/<variant>-<seed>". Raises
    CheckpointError that lists what there is.
    """
    known = weight_names()
    if name not in known:
        raise CheckpointError(f"there are no trained weights named {name!r}; known are {', '.join(sorted(known))}")
    return Network.load(known[name])
