"""What people write, checked before anything runs: experiments, presets, values on the command line; and what is read.

Every mistake is a ValueError of one line that names the file, the key, what was expected and what is there.
"""

from __future__ import annotations

import json
import reprlib
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rstdp.config import Natural
from rstdp.data import DATASETS

from . import registry

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        raise ValueError('a table: a name with a point is written in quotes, as in "s1.epochs" = 2')
    if type(value) not in KINDS:
        raise ValueError("should be a number, a text, true or false")
    return value


def _distinct(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError("should name each number once")
    return values


def known_data_set(name: str) -> str:
    """The name of a data set as it is. Raises ValueError for an unknown one."""
    registry.discover()  # some may be a study's
    if name.partition("/")[0] not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(DATASETS)}")
    return name


Plain = Annotated[Any, AfterValidator(_plain)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
DataSet = Annotated[str, AfterValidator(known_data_set)]
Name = Annotated[str, Field(pattern=r"^\w[\w.+-]*$")]  #: becomes the name of a folder


class Strict(BaseModel):
    """Values of these types only, and no other keys."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Changes(BaseModel):
    """What a variant changes: parameters by dotted name, besides these two."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Plain]
    config: str = ""
    passes: str = ""


class ExperimentFile(Strict):
    """A file of report/experiments, or one's own."""

    description: str = ""
    dataset: DataSet = "digits"
    train: Natural = 0
    test: Natural = 0
    validation: Natural = 0
    seeds: Annotated[list[Seed], Field(min_length=1), AfterValidator(_distinct)] = [0]
    weights: bool = True
    defaults: Changes = Changes()
    variants: dict[Name, Changes] = {}


class PresetFile(Strict):
    """A file of report/presets."""

    description: str = ""
    experiments: list[str] = []
    chapters: dict[str, Plain] = {}
    recorded: bool = False  #: the report is that of the recorded results, which FROM_SCRATCH=1 makes anew


class Run(BaseModel):
    """What provenance.json says of a run."""

    variant: str
    seed: int
    sessions: Annotated[list[dict[str, Any]], Field(min_length=1)]


class Parameters(BaseModel):
    """An experiment's file as it was."""

    variants: dict[str, dict[str, Any]]


class Facts(BaseModel):
    """What provenance.json says of an experiment."""

    experiment: str
    dataset: str
    data_md5: str
    parameters: Parameters
    configurations: dict[str, str]
    runs: list[Run]


Kind = TypeVar("Kind", bound=BaseModel)


def check(where: object, kind: type[Kind], values: Any) -> Kind:
    """The values as one of these models. Raises ValueError."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = ".".join(str(part) for part in wrong["loc"] if part != "[key]")
        if wrong["type"] == "extra_forbidden":
            told = f"unknown key {key!r}; known are {', '.join(sorted(kind.model_fields))}"
        else:
            message = wrong["msg"].removeprefix("Value error, ").replace("Input should", "should")
            told = f"{key}: {message}, got {reprlib.repr(wrong['input'])}"
        raise ValueError(f"{where}: {told}") from None


def read(path: Path, kind: type[Kind]) -> tuple[Kind, dict]:
    """A TOML file as one of these models, and as it is written. Raises ValueError, or OSError where there is none."""
    try:
        raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from None
    return check(path, kind, raw), raw


def facts(folder: Path) -> dict:
    """The provenance of an experiment's result. Raises ValueError where the folder holds none."""
    try:
        found = json.loads((folder / "provenance.json").read_bytes())
        told = check("provenance.json", Facts, found)
        if unknown := {run.variant for run in told.runs} - told.parameters.variants.keys():
            raise ValueError(f"runs of {min(unknown)!r}, which is no variant")
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder} holds no result of an experiment ({error})") from None
    return found


def same_kind(where: str, value: Any, usual: Any) -> None:
    """Raise ValueError where a value is not of the type of the usual one; a whole number is a number too."""
    if type(value) is not type(usual) and not (type(usual) is float and type(value) is int):
        raise ValueError(f"{where} takes {KINDS[type(usual)]}, as {usual!r}, got {value!r}")
