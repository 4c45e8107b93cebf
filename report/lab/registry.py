"""What the studies offer by name: results, passes, and fingerprints of what they compute.

A study registers these when its module is imported, and all modules in report/studies are: a new study is one new file
or folder there.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rstdp.config import Config
from rstdp.fast import compiled
from rstdp.learning import Passes
from rstdp.plasticity import BUILT_IN

from .. import REPORT


@dataclass(frozen=True)
class Result:
    """A folder in report/results that no experiment makes, and the function that makes it."""

    name: str
    about: str  #: one line
    make: Callable[[Any], int | None]  #: gets a `runner.Job`; may return an exit code
    needs: tuple[str, ...]  #: the fingerprints that it depends on
    dataset: str = ""  #: read where the command names no other; "" where there is no choice
    seeds: tuple[int, ...] = ()  #: the same
    settings: Mapping[str, Any] = field(default_factory=dict)  #: what --set changes, with its defaults
    runs: int = 0  #: how many a whole result has, where its provenance says how many were made (`runs_made`)
    recorded: bool = True  #: else a tool, which leaves nothing in report/results


@dataclass(frozen=True)
class Fingerprint:
    """A tiny run of what a study computes."""

    probe: Callable[[], Iterable]  #: yields arrays, tensors or plain values, in seconds, without a download
    first: str  #: what counts for results that were recorded before there were such fingerprints; "" for none


class PassesByName(NamedTuple):
    """Rules of learning that a study adds."""

    kind: type[Passes]
    parameters: tuple[str, ...]  #: of a variant, by which it asks for them
    check: Callable[[Any], None]  #: raises ValueError for a configuration that they cannot learn by


_results: dict[str, Result] = {}
_passes: dict[str, PassesByName] = {}
_fingerprints: dict[str, Fingerprint] = {}


def result(name: str, about: str, needs: Sequence[str], **options):
    """Decorator of the function that makes a result; see `Result`. One function may make several."""
    def register(make):
        _results[name] = Result(name, about, make, tuple(needs), **options)
        return make
    return register


def passes(name: str, *parameters: str, check: Callable[[Any], None] = lambda config: None):
    """Decorator of a class of `rstdp.learning.Passes`: a variant asks for it by `passes = "NAME"`.

    It needs a fingerprint under the same name (`fingerprint`). parameters: those of a variant that no other passes
    know, by which results that were recorded without the name are known; new passes need none. check: raises ValueError
    for a configuration that does not go with these passes; called when an experiment is read.
    """
    def register(cls):
        _passes[name] = PassesByName(cls, parameters, check)
        return cls
    return register


def built_in(config: Config, *layers: str) -> None:
    """Raise ValueError where one of these layers has a rule of one's own, which compiled passes do not know."""
    for layer in layers:
        if (rule := getattr(config, layer).rule) not in BUILT_IN:
            raise ValueError(f"{layer}.rule = {rule!r}: these passes are compiled and know the rules "
                             f"{' and '.join(BUILT_IN)} only; leave the passes out, or the rule")


def fingerprint(name: str, first: str = ""):
    """Decorator of the tiny run of what a study, passes or a rule computes, under its name; see `Fingerprint`.

    first: of results that were recorded before they carried fingerprints. What is new leaves it out: then a result
    without this fingerprint is stale.
    """
    def register(probe):
        _fingerprints[name] = Fingerprint(probe, first)
        return probe
    return register


@functools.cache
def discover() -> None:
    """Import every study; what they compiled before the compiled twins changed is compiled anew."""
    compiled.drop_stale(REPORT / "studies")
    for module in pkgutil.walk_packages([str(REPORT / "studies")], "report.studies."):
        importlib.import_module(module.name)


def all_results() -> dict[str, Result]:
    """Whatever `python -m report run` makes besides experiments, tools too, by name."""
    discover()
    return dict(sorted(_results.items()))


def results() -> dict[str, Result]:
    """The results of studies that are recorded in report/results, by name."""
    return {name: one for name, one in all_results().items() if one.recorded}


def all_passes() -> dict[str, PassesByName]:
    """Rules of learning by name."""
    discover()
    return _passes


def all_fingerprints() -> dict[str, Fingerprint]:
    """The tiny runs by name."""
    discover()
    return _fingerprints


def needs(name: str) -> tuple[str, ...]:
    """The fingerprints that the result of a study depends on."""
    return all_results()[name].needs


def command(name: str) -> str:
    """What makes a result, of a study or of an experiment, as one types it in the repository's root."""
    return f"python -m report run {name}"
