"""The network S1-C1-S2-C2-S3-C3: weights, forward pass, decision, files. Book chapters: 05 and 07."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from . import competition, encoding, layers, plasticity
from . import fast as twins  # the one place where the model meets its compiled twin
from .competition import SILENT, Winner
from .config import LAYERS, Config, Layer
from .files import CheckpointError, check_digest, read_npz, write_npz


class Network:
    """The model of one configuration: float32 `weights` s1 (30, 6, 5, 5), s2 (250, 30, 3, 3), s3 (200, 250, 5, 5).
    seed: of the initial weights; channels: of the input. fast: take the compiled twins of the readable functions, with
    the same result; device: where the readable ones step through time. Raises ValueError for an unknown rule."""

    def __init__(self, config: Config, seed: int = 0, channels: int = 6, fast: bool = True, device: str = "cpu"):
        self.config, self.seed, self.use_fast, self.device = config, seed, fast, torch.device("cpu" if fast else device)
        generator = torch.Generator().manual_seed(seed)
        self.weights: dict[str, Tensor] = {}
        for name in LAYERS:
            layer, _ = self.layer(name), self.rule(name)
            shape = (layer.maps, channels, layer.window, layer.window)
            weight = twins.normal(layer.mean, layer.std, shape, generator)
            self.weights[name], channels = weight.clamp(*self.bounds(name)).to(self.device), layer.maps
        per_class = -(-config.s3.maps // config.classes)
        self.trained_on = ""  #: name of the data set, once trained
        #: the class that each feature map of S3 stands for: blocks of maps, 0 0 ... 9 9
        self.decision_map = (torch.arange(config.s3.maps) // per_class).clamp(max=config.classes - 1)

    @property
    def fast(self) -> Any:  #: the compiled twins, or None where the network steps through time
        return twins if self.use_fast else None

    def layer(self, name: str) -> Layer:
        return getattr(self.config, name)

    def rule(self, name: str) -> plasticity.Rule:
        """The rule that the layer's weights change by."""
        return plasticity.get_rule(self.layer(name).rule)

    def bounds(self, name: str) -> tuple[float, float]:
        """Between which values the layer's weights stay."""
        return (self.config.low, self.config.high) if name == "s3" else (0.0, 1.0)

    def compiled(self, name: str) -> bool:
        """Whether the layer learns in the compiled pass: a rule of one's own has none."""
        return self.fast is not None and self.rule(name) in self.fast.RULES

    def encode(self, images) -> Tensor:
        """Images (N, H, W) uint8, or spike times (N, C, H, W) as they are -> spike times. Raises ValueError."""
        config, channels = self.config, self.weights["s1"].shape[1]
        images = torch.as_tensor(images)
        if images.ndim != 4:
            images = encoding.as_images(images, 28 if self.trained_on in ("digits", "mnist", "mnist-small") else 0)
            return (self.fast or encoding).encode(images, config.bins, config.dog_threshold, config.normalisation,
                                                  config.remainder, config.dog_scale)
        if images.shape[1] != channels or (len(images) and not 0 <= images.min() <= images.max() <= config.bins):
            raise ValueError(f"the network sees {channels} channels and {config.bins} bins, not {(*images.shape,)} and "
                             f"times up to {images.max() if images.numel() else 0}; images need .squeeze(1): (N, H, W)")
        return images

    def spike_times(self, name: str, times: Tensor) -> Tensor:
        """Spike times of one S layer, given those of its input."""
        layer = self.layer(name)
        return (self.fast or layers).conv_times(times.to(self.device), self.weights[name], layer.threshold,
                                                layer.padding, self.config.bins).cpu()

    def pooled(self, name: str, times: Tensor, batch: int = 500) -> Tensor:
        """Spike times of C1 (`name` "s1") or C2 ("s2"), given those of the S layer's input; in batches."""
        pool, layer = (self.fast or layers).pooled_times, self.layer(name)
        return torch.cat([pool(part.to(self.device), self.weights[name], layer, self.config.bins).cpu()
                          for part in times.split(batch)])

    def features(self, images) -> Tensor:
        """Images (N, H, W) -> spike times of C2, the input of S3."""
        return self.pooled("s2", self.pooled("s1", self.encode(images)))

    def potentials(self, c2: Tensor) -> Tensor:
        """Final potentials (N, maps, H, W) float64 of S3, given the spike times of C2."""
        return (self.fast or layers).final_potentials(c2.to(self.device), self.weights["s3"], self.config.s3.padding,
                                                      self.config.bins).cpu()

    def winners(self, c2: Tensor) -> Tensor:
        """The neuron of S3 with the highest potential, as (map, position) (N, 2) int64; map -1 where all are silent."""
        return self.readout().winners(c2.to(self.device))

    def class_of(self, winners: Tensor) -> Tensor:
        """Winners (N, 2) as (map, position) -> decisions (N,) int64: what the map stands for, -1 where silent."""
        return torch.where(winners[:, 0] >= 0, self.decision_map[winners[:, 0]], SILENT)

    def decide(self, c2: Tensor) -> tuple[Tensor, Tensor]:
        """Decisions (N,) int64, -1 where silent, and the winning (map, position) of each image (N, 2)."""
        winners = self.winners(c2)
        return self.class_of(winners), winners

    def classify(self, images) -> Tensor:
        """Images (N, H, W) uint8 -> decisions (N,); -1 where the network stays silent."""
        return self.decide(self.features(images))[0]

    def find_winners(self, name: str, image: Tensor) -> list[Winner]:
        """The neurons of S1 or S2 that may learn from one image, spike times (C, H, W)."""
        return (self.fast or competition).find_winners(image.to(self.device), self.weights[name], self.layer(name),
                                                       self.config.bins)

    def readout(self) -> competition.Readout:
        """What finds S3's winners."""
        return (self.fast or competition).Readout(self.weights["s3"], self.config.s3.padding, self.config.bins,
                                                  *self.bounds("s3"))

    def arrays(self) -> dict[str, np.ndarray]:
        """What learning changes: the weights, and what the maps of S3 stand for."""
        return {"decision_map": self.decision_map.numpy(),
                **{name: weight.numpy(force=True) for name, weight in self.weights.items()}}

    def restore(self, arrays: dict[str, np.ndarray], path: str | os.PathLike) -> None:
        """Take over `arrays()` as read from a file. Raises CheckpointError where one is missing or of another kind."""
        arrays = {"decision_map": self.decision_map.numpy(), **arrays}  # older files have none
        for name, mine in self.arrays().items():
            found = arrays.get(name, np.empty(0))
            if (found.shape, found.dtype) != (mine.shape, mine.dtype):
                raise CheckpointError(f"{path}: {name} is {found.dtype} {found.shape}, the configuration says "
                                      f"{mine.dtype} {mine.shape}")
        self.weights = {name: torch.from_numpy(arrays[name]).to(self.device) for name in self.weights}
        self.decision_map = torch.from_numpy(arrays["decision_map"])

    def save(self, path: str | os.PathLike, compressed: bool = True, **extra) -> None:
        """Write weights and configuration as an .npz; an older file stays until the new one is whole."""
        write_npz(path, compressed, config=json.dumps(self.config.to_dict()), digest=self.config.digest(),
                  seed=self.seed, trained_on=self.trained_on, **self.arrays(), **extra)

    @classmethod
    def load(cls, path: str | os.PathLike, config: Config | None = None) -> Network:
        """Read a network from `save`. Raises CheckpointError for a file that is damaged or of another configuration."""
        data = read_npz(path)
        try:
            found = Config.from_dict(json.loads(str(data["config"])))
            digest, seed, channels = str(data["digest"]), int(data["seed"]), data["s1"].shape[1]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CheckpointError(f"{path} holds no network of this package ({error}); 'python -m rstdp train' makes "
                                  "one") from error
        check_digest(path, digest, config or found)
        network = cls(config or found, seed, channels)
        network.trained_on = str(data.get("trained_on", ""))
        network.restore(data, path)
        return network


PRETRAINED = Path(__file__).parent / "pretrained"


def load_pretrained(name: str = "mnist") -> Network:
    """Trained weights of the package: "mnist" is the SpykeTorch configuration after 20 passes over S3. Raises
    CheckpointError that lists what there is."""
    known = sorted(path.stem for path in PRETRAINED.glob("*.npz"))
    if name not in known:
        raise CheckpointError(f"there are no trained weights named {name!r}; known are {', '.join(known)}; those "
                              "of a run are in a file that ends in .npz")
    return Network.load(PRETRAINED / f"{name}.npz")
