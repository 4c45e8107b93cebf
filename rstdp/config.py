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
from dataclasses import dataclass, field
from typing import Any, TypeVar

LAYERS = ("s1", "s2", "s3")


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
    rule: str = "stdp"  #: how a weight changes, a name of `plasticity.RULES`


@dataclass(frozen=True)
class Config:
    """The whole model. See `Layer` for S1 to S3. A study with parameters of its own adds them in a subclass."""

    name: str
    s1: Layer
    s2: Layer
    s3: Layer
    bins: int = 15  #: time steps; spike times are 0..bins-1, and `bins` means silent
    dog_threshold: float = 50.0  #: DoG responses under it are dropped
    #: what a DoG kernel is divided by: its largest value or its centre
    dog_scale: str = field(default="maximum", metadata={"choices": ("maximum", "centre")})
    normalisation: int = 8  #: radius of the local normalisation in pixels, 0 for none
    #: what happens to the spikes that do not fill a bin
    remainder: str = field(default="silent", metadata={"choices": ("silent", "last")})
    classes: int = 10
    reward_plus: float = 0.004  #: a_r+
    reward_minus: float = -0.003  #: a_r-
    punish_plus: float = 0.0005  #: a_p+, for inputs that were late or silent
    punish_minus: float = -0.004  #: a_p-, for inputs that came in time
    low: float = 0.2  #: hard bounds of S3's weights
    high: float = 0.8
    batch: int = 1000  #: N, images over which phi_r and phi_p are counted

    @classmethod
    def of(cls: type[C], config: Config) -> C:
        """`config` as an object of this class: a study's own parameters at their defaults."""
        return cls(**{each.name: getattr(config, each.name) for each in dataclasses.fields(config)})

    @classmethod
    def from_dict(cls: type[C], values: dict[str, Any]) -> C:
        """The inverse of `to_dict`. What this version does not know is left out: the fingerprint tells whether it
        mattered (`files.check_digest`). Raises KeyError, TypeError or ValueError where the values are no configuration.
        """
        known = {each.name for each in dataclasses.fields(cls)} & values.keys()
        parameters = {each.name for each in dataclasses.fields(Layer)}
        layers = {name: dataclasses.replace(getattr(SPYKETORCH, name), **{
            key: value for key, value in {**values[name], "threshold": float(values[name]["threshold"])}.items()
            if key in parameters}) for name in LAYERS}
        return cls(**{**{name: values[name] for name in known}, **layers})

    def to_dict(self) -> dict[str, Any]:
        """As plain types that JSON can hold (an infinite threshold as the string "inf")."""
        values = dataclasses.asdict(self)
        for layer in LAYERS:
            if math.isinf(values[layer]["threshold"]):
                values[layer]["threshold"] = "inf"
        return values

    def digest(self) -> str:
        """A short fingerprint of all parameters but the name and the numbers of epochs: checkpoints carry it.

        A parameter that the first recorded runs did not have counts only where it differs from its default, so that
        a new one leaves every recorded fingerprint as it was.
        """
        values = {name: value for name, value in self.to_dict().items()
                  if name != "name" and (name in FIRST or value != _default(type(self), name))}
        for layer in LAYERS:
            usual = getattr(SPYKETORCH, layer)
            values[layer] = {name: value for name, value in values[layer].items()
                             if name in FIRST_OF_LAYER or (name != "epochs" and value != getattr(usual, name))}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]

    def replace(self: C, changes: dict[str, Any]) -> C:
        """A copy with parameters changed by dotted name, {"s2.threshold": 15, "bins": 30}.

        Raises ValueError that names an unknown parameter, or a value of the wrong type.
        """
        config, known = self, parameter_names(type(self))
        for name, value in changes.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
                raise ValueError(f"unknown parameter {name!r}{hint}")
            layer, _, parameter = name.rpartition(".")
            owner = getattr(config, layer) if layer else config
            change: dict[str, Any] = {parameter: _convert(name, value, owner, parameter)}
            if layer:
                change = {layer: dataclasses.replace(owner, **change)}
            config = dataclasses.replace(config, **change)
        return config


C = TypeVar("C", bound=Config)

#: the parameters that the first recorded runs had
FIRST = frozenset("s1 s2 s3 bins dog_threshold normalisation remainder classes reward_plus reward_minus punish_plus "
                  "punish_minus low high batch".split())
FIRST_OF_LAYER = frozenset("maps window padding threshold winners radius pool stride ceil pointwise mean std plus minus "
                           "double_every plus_limit overshoot".split())


def parameter_names(kind: type[Config] = Config) -> list[str]:
    """All parameters that `Config.replace` takes, for a configuration of this kind."""
    layers = [f"{layer}.{each.name}" for layer in LAYERS for each in dataclasses.fields(Layer)]
    return [each.name for each in dataclasses.fields(kind) if each.name not in ("name", *LAYERS)] + layers


def _default(kind: type, name: str) -> Any:
    return next(each.default for each in dataclasses.fields(kind) if each.name == name)


def _convert(name: str, value: Any, owner: Any, parameter: str) -> Any:
    """`value` as the type that the parameter has; raises ValueError that names it."""
    kind = type(getattr(owner, parameter))
    choices = next(each.metadata.get("choices") for each in dataclasses.fields(owner) if each.name == parameter)
    if choices and value not in choices:
        raise ValueError(f"parameter {name!r} takes one of {', '.join(choices)}, got {value!r}")
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


SPYKETORCH = Config(
    name="spyketorch",
    s1=Layer(maps=30, window=5, padding=2, threshold=15.0, winners=5, radius=3, pool=2, stride=2, epochs=2),
    s2=Layer(maps=250, window=3, padding=1, threshold=10.0, winners=8, radius=1, pool=3, stride=3, epochs=4),
    s3=Layer(maps=200, window=5, padding=2, threshold=math.inf, winners=1, radius=0, pool=4, stride=4, epochs=680,
             rule="additive"),
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
