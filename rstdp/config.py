"""Every number of the model, under its name: `SPYKETORCH.replace({"s2.threshold": 15})` changes one.

Two configurations, PAPER and SPYKETORCH, differ only where the paper and the authors' public code do (chapter 07).
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
from dataclasses import asdict, fields
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass

LAYERS = ("s1", "s2", "s3")
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Layer:
    """One S layer (spiking convolution) and the pooling behind it. S3 has no use for winners, radius, pool, a+, a-."""
    maps: Count  #: number of feature maps
    window: Count  #: width and height of the receptive field
    padding: Natural  #: zeros around the input
    threshold: Annotated[float, Field(ge=0)]  #: strictly above it a neuron fires; infinite: read out the potential
    winners: Natural  #: k, how many neurons may learn from one image
    radius: Annotated[int, Field(ge=-1)]  #: inhibition around a winner; 0 silences its position only, -1 just its map
    pool: Count  #: pooling window
    stride: Count  #: pooling stride
    ceil: bool = False  #: keep the incomplete window at the border
    pointwise: bool = True  #: only the first neuron to fire at a position may win
    mean: Share = 0.8  #: initial weights, mean
    std: Positive = 0.05  #: initial weights, standard deviation
    plus: Annotated[float, Field(gt=0)] = 0.004  #: a+, first learning rate of potentiation
    minus: Finite = -0.003  #: a-, first learning rate of depression
    double_every: Count = 500  #: both rates double before this image, before the one twice as far on, ...
    plus_limit: Finite = 0.15  #: the rates stop doubling here
    overshoot: bool = False  #: the last doubling may pass the limit (the paper) or is cut off at it (SpykeTorch)
    epochs: Natural = 1  #: passes over the training images
    rule: str = "stdp"  #: how a weight changes, a name that `plasticity.get_rule` knows


@dataclass(frozen=True)
class Config:
    """The whole model. See `Layer` for S1 to S3. A study with parameters of its own adds them in a subclass."""
    name: str
    s1: Layer
    s2: Layer
    s3: Layer
    bins: Annotated[int, Field(ge=1, le=254)] = 15  #: time steps; spike times are 0..bins-1, and `bins` means silent
    dog_threshold: Positive = 50.0  #: DoG responses under it are dropped
    dog_scale: Literal["maximum", "centre"] = "maximum"  #: what a DoG kernel is divided by: its largest value or centre
    normalisation: Natural = 8  #: radius of the local normalisation in pixels, 0 for none
    remainder: Literal["silent", "last"] = "silent"  #: what happens to the spikes that do not fill a bin
    classes: Count = 10
    reward_plus: Finite = 0.004  #: a_r+
    reward_minus: Finite = -0.003  #: a_r-
    punish_plus: Finite = 0.0005  #: a_p+, for inputs that were late or silent
    punish_minus: Finite = -0.004  #: a_p-, for inputs that came in time
    low: Share = 0.2  #: hard bounds of S3's weights
    high: Share = 0.8
    batch: Count = 1000  #: N, images over which phi_r and phi_p are counted

    def __post_init__(self):
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must lie under high ({self.high})")

    @classmethod
    def of(cls: type[C], config: Config) -> C:  #: as an object of this class, its own parameters at their defaults
        return cls.from_dict(config.to_dict())

    @classmethod
    def from_dict(cls: type[C], values: dict[str, Any]) -> C:
        """The inverse of `to_dict`, also of another class: what is not there has its default, what this class does not
        know is left out; the fingerprint tells whether that mattered. Raises KeyError, TypeError or ValueError."""
        return cls(**values | {layer: asdict(getattr(SPYKETORCH, layer)) | values[layer] for layer in LAYERS})

    def to_dict(self) -> dict[str, Any]:
        """As plain types that JSON can hold: an infinite threshold as the string "inf"."""
        return json.loads(json.dumps(asdict(self)).replace("Infinity", '"inf"'))

    def digest(self) -> str:
        """A short fingerprint of all parameters but the name and the numbers of epochs: checkpoints carry it.
        A parameter that the first recorded runs did not have counts only where it differs from its default, so that
        a new one leaves every recorded fingerprint as it was."""
        usual = {each.name: each.default for each in fields(self)}
        values = {name: value for name, value in self.to_dict().items() if name in FIRST or value != usual[name]}
        del values["name"]
        for layer in LAYERS:
            usual = asdict(getattr(SPYKETORCH, layer)) | {"epochs": values[layer]["epochs"]}
            values[layer] = {name: value for name, value in values[layer].items()
                             if name in FIRST_OF_LAYER or value != usual[name]}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def replace(self: C, changes: dict[str, Any]) -> C:
        """A copy with parameters changed by dotted name, {"s2.threshold": 15, "bins": 30}.

        Raises ValueError that names an unknown parameter, or one with a value of the wrong type or out of range."""
        known, values = parameter_names(type(self)), asdict(self)
        for name, value in changes.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                raise ValueError(f"unknown parameter {name!r}{hint}")
            layer, _, parameter = name.rpartition(".")
            (values[layer] if layer else values)[parameter] = value
        try:
            return type(self)(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name, what = ".".join(map(str, first["loc"])), first["msg"].lower().removeprefix("value error, ")
            raise ValueError(f"parameter {name!r}: {what}, got {changes[name]!r}" if name else what) from None


C = TypeVar("C", bound=Config)

#: the parameters that the first recorded runs had
FIRST = frozenset("s1 s2 s3 bins dog_threshold normalisation remainder classes reward_plus reward_minus punish_plus "
                  "punish_minus low high batch".split())
FIRST_OF_LAYER = frozenset("maps window padding threshold winners radius pool stride ceil pointwise mean std plus "
                           "minus double_every plus_limit overshoot".split())


def parameter_names(kind: type[Config] = Config) -> list[str]:
    """All parameters that `Config.replace` takes, for a configuration of this kind."""
    layers = [f"{layer}.{each.name}" for layer in LAYERS for each in fields(Layer)]
    return [each.name for each in fields(kind) if each.name not in ("name", *LAYERS)] + layers


SPYKETORCH = Config(
    name="spyketorch",
    s1=Layer(maps=30, window=5, padding=2, threshold=15.0, winners=5, radius=3, pool=2, stride=2, epochs=2),
    s2=Layer(maps=250, window=3, padding=1, threshold=10.0, winners=8, radius=1, pool=3, stride=3, epochs=4),
    s3=Layer(maps=200, window=5, padding=2, threshold=math.inf, winners=1, radius=0, pool=4, stride=4, epochs=680,
             rule="additive"),
)

# Without local normalisation, filters divided by their maximum would make off-centre cells up to ten times as loud as
# on-centre ones, and S2 would fire almost everywhere; so here all centres have the same weight.
PAPER = dataclasses.replace(SPYKETORCH, name="paper").replace({
    "normalisation": 0, "dog_scale": "centre", "remainder": "last",
    "s1.std": 0.02, "s2.std": 0.02, "s3.std": 0.02, "s1.pointwise": False, "s2.pointwise": False,
    "s1.overshoot": True, "s2.overshoot": True, "s2.radius": 2, "s2.ceil": True, "s3.pool": 5, "s3.stride": 5,
})

CONFIGS = {config.name: config for config in (SPYKETORCH, PAPER)}


def get_config(name: str) -> Config:
    if name not in CONFIGS:
        raise ValueError(f"unknown configuration {name!r}; known are {', '.join(CONFIGS)}")
    return CONFIGS[name]
