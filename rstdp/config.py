"""Every number of the model, under its name; two configurations: as in the paper, as in SpykeTorch.

PAPER and SPYKETORCH differ only where the paper and the authors' public code differ (book, chapter 07). Parameters
are changed by dotted names: `SPYKETORCH.replace({"s2.threshold": 15})`.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """One S layer (spiking convolution) and the pooling behind it."""

    maps: int  #: number of feature maps
    window: int  #: width and height of the receptive field
    padding: int  #: zeros around the input
    threshold: float  #: a neuron fires when its potential is strictly above it; infinite: read out the potential
    winners: int  #: k, how many neurons may learn from one image
    radius: int  #: inhibition radius around a winner; 0 silences its position only, -1 nothing but its map
    pool: int  #: pooling window
    stride: int  #: pooling stride
    ceil: bool = False  #: keep the incomplete window at the border
    pointwise: bool = True  #: only the first neuron to fire at a position may win
    mean: float = 0.8  #: initial weights, mean
    std: float = 0.05  #: initial weights, standard deviation
    plus: float = 0.004  #: a+, first learning rate of potentiation
    minus: float = -0.003  #: a-, first learning rate of depression
    double_every: int = 500  #: images after which both rates double
    plus_limit: float = 0.15  #: the rates stop doubling here
    overshoot: bool = False  #: the last doubling may pass the limit (the paper) or is cut off at it (SpykeTorch)
    epochs: int = 1  #: passes over the training images


@dataclass(frozen=True)
class Config:
    """The whole model. See `Layer` for S1 to S3."""

    name: str
    s1: Layer
    s2: Layer
    s3: Layer
    bins: int = 15  #: time steps; spike times are 0..bins-1, and `bins` means silent
    dog_threshold: float = 50.0  #: DoG responses under it are dropped
    dog_scale: str = "maximum"  #: what a DoG kernel is divided by: its largest value ("maximum") or its "centre"
    normalisation: int = 8  #: radius of the local normalisation in pixels, 0 for none
    remainder: str = "silent"  #: what happens to the spikes that do not fill a bin: "silent" or "last"
    classes: int = 10
    reward_plus: float = 0.004  #: a_r+
    reward_minus: float = -0.003  #: a_r-
    punish_plus: float = 0.0005  #: a_p+, for inputs that were late or silent
    punish_minus: float = -0.004  #: a_p-, for inputs that came in time
    low: float = 0.2  #: hard bounds of S3's weights
    high: float = 0.8
    batch: int = 1000  #: N, images over which phi_r and phi_p are counted
    s3_rule: str = "r-stdp"  #: how S3 learns: "r-stdp", or by "stdp" without reward, its maps labelled afterwards
    s2_reward: float = 0.0  #: rates of R-STDP in S2 as a multiple of S3's, while S3 learns; 0: S2 learns by STDP alone
    # An earlier replication's rules, to measure what they cost (`student`):
    decision: str = "map"  #: what gives a winner its class: its "map", or the "index" of (map, row, column) modulo 10
    competition: str = "once"  #: in S1 and S2 a map wins "once" an image, or is "free" to win again
    update_every: int = 1  #: images whose weight changes are summed before they are applied
    silent_is_miss: bool = False  #: whether a silent decision counts in phi_r

    def to_dict(self) -> dict[str, Any]:
        """As plain types that JSON can hold (an infinite threshold as the string "inf")."""
        values = dataclasses.asdict(self)
        for layer in ("s1", "s2", "s3"):
            if math.isinf(values[layer]["threshold"]):
                values[layer]["threshold"] = "inf"
        return values

    def digest(self) -> str:
        """A short fingerprint of all parameters but the name and the numbers of epochs: checkpoints carry it."""
        values = self.to_dict()
        del values["name"]
        for name in YOUNGER:
            if values[name] == getattr(SPYKETORCH, name):
                del values[name]
        for layer in ("s1", "s2", "s3"):
            del values[layer]["epochs"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def replace(self, changes: dict[str, Any]) -> Config:
        """A copy with parameters changed by dotted name, {"s2.threshold": 15, "bins": 30}.

        Raises ValueError that names an unknown parameter, or a value of the wrong type.
        """
        config = self
        for name, value in changes.items():
            layer, _, field = name.rpartition(".")
            known = parameter_names()
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                raise ValueError(f"unknown parameter {name!r}{hint}")
            owner = getattr(config, layer) if layer else config
            value = _convert(name, value, type(getattr(owner, field)))
            change: dict[str, Any] = {field: value}
            if layer:
                change = {layer: dataclasses.replace(owner, **change)}
            config = dataclasses.replace(config, **change)
        return config


def parameter_names() -> list[str]:
    """All parameters that `Config.replace` takes."""
    layers = [f"{layer}.{field.name}" for layer in ("s1", "s2", "s3") for field in dataclasses.fields(Layer)]
    return [field.name for field in dataclasses.fields(Config) if field.name not in ("name", "s1", "s2", "s3")] + layers


def _convert(name: str, value: Any, kind: type) -> Any:
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"parameter {name!r} takes one of {', '.join(CHOICES[name])}, got {value!r}")
    try:
        if kind is bool:
            if str(value).lower() not in ("true", "false", "0", "1"):
                raise ValueError
            return str(value).lower() in ("true", "1")
        converted = kind(value)
        if kind is int and float(value) != converted:
            raise ValueError
        return converted
    except (TypeError, ValueError):
        raise ValueError(f"parameter {name!r} takes a value of type {kind.__name__}, got {value!r}") from None


CHOICES = {"remainder": ("silent", "last"), "dog_scale": ("maximum", "centre"), "decision": ("map", "index"),
           "competition": ("once", "free"),
           "s3_rule": ("r-stdp", "stdp")}
#: parameters that the first recorded runs did not have: at SpykeTorch's value they leave the fingerprint as it was
YOUNGER = ("dog_scale", "s3_rule", "s2_reward", "decision", "competition", "update_every", "silent_is_miss")

SPYKETORCH = Config(
    name="spyketorch",
    s1=Layer(maps=30, window=5, padding=2, threshold=15.0, winners=5, radius=3, pool=2, stride=2, epochs=2),
    s2=Layer(maps=250, window=3, padding=1, threshold=10.0, winners=8, radius=1, pool=3, stride=3, epochs=4),
    s3=Layer(maps=200, window=5, padding=2, threshold=math.inf, winners=1, radius=0, pool=4, stride=4, epochs=680),
)

# Without local normalisation, filters divided by their maximum would make off-centre cells up to ten times as loud as
# on-centre ones, and S2 would fire almost everywhere; so here all centres have the same weight.
PAPER = dataclasses.replace(SPYKETORCH, name="paper", normalisation=0, dog_scale="centre", remainder="last").replace({
    "s1.std": 0.02, "s2.std": 0.02, "s3.std": 0.02,
    "s1.pointwise": False, "s2.pointwise": False,
    "s1.overshoot": True, "s2.overshoot": True,
    "s2.radius": 2, "s2.ceil": True, "s3.pool": 5, "s3.stride": 5,
})

CONFIGS = {config.name: config for config in (SPYKETORCH, PAPER)}


def get_config(name: str) -> Config:
    """A configuration by name. Raises ValueError with the known names."""
    if name not in CONFIGS:
        raise ValueError(f"unknown configuration {name!r}; known are {', '.join(CONFIGS)}")
    return CONFIGS[name]
