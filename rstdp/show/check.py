"""What a chapter asserts and measures, said where the replication report finds it.

    from rstdp.show import check
    check.same("spike times, as stepping through time gives them", found, expected)
    check.that("one spike a neuron at most", wave.sum(0) <= 1)
    check.note("test accuracy", 0.93)

`same` and `that` are assertions. What they find goes into the notebook's outputs in the way of MyST-NB's `glue`:
nothing is shown, a page of the book can paste it, and the report reads it. Outside a notebook they only assert.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import display
from torch import Tensor

PREFIX = "application/papermill.record/"  #: MyST-NB's: what is kept under it is not shown
_kept: dict[str, tuple[int, dict]] = {}  # by name: in which execution of a cell it was said, and what


def same(what: str, found: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0, but_for: float = 0.0) -> None:
    """Assert that two arrays, tensors, numbers or (nested) lists hold the same values, or close ones.

    rtol, atol: as numpy's `isclose` has them, 0 for equal to the bit; but_for: the share of values that may differ.
    Said again under the same name in one cell, the counts add up. Raises AssertionError.
    """
    mine, theirs = _values(found), _values(expected)
    if _shape(found) != _shape(expected):
        different, compared = max(mine.size, theirs.size), max(mine.size, theirs.size)
        hint = f"; the shape is {_shape(found)}, not {_shape(expected)}"
    else:
        close = np.isclose(mine, theirs, rtol, atol) if rtol or atol else mine == theirs
        different, compared = int((~close).sum()), mine.size
        at = int((~close).argmax()) if different else 0
        hint = f"; the first of them, value {at}, is {mine.flat[at]}, not {theirs.flat[at]}" if different else ""
    _judge(what, compared, different, {"rtol": rtol, "atol": atol, "but_for": but_for}, different <= but_for * compared,
           hint)


def that(what: str, holds: Any) -> None:
    """Assert that all of a truth value, or an array or tensor of them, is true. Raises AssertionError."""
    each = _values(holds).astype(bool)
    _judge(what, each.size, int((~each).sum()), {}, bool(each.all()))


def note(what: str, value: float, unit: str = "%") -> None:
    """Keep a number that was measured, for example an accuracy in percent or a time in ms."""
    _keep(what, {"value": float(value), "unit": unit})


def _judge(what: str, compared: int, different: int, allowed: dict[str, float], holds: bool, hint: str = "") -> None:
    before = _before(what)
    _keep(what, {"compared": compared + before.get("compared", 0), "different": different + before.get("different", 0),
                 "allowed": {key: value for key, value in allowed.items() if value},
                 "holds": holds and before.get("holds", True)})
    if not holds:
        raise AssertionError(f"{what}: {different:,} of {compared:,} values are not as expected{hint}")


def _before(what: str) -> dict:
    """What the same execution of a cell has said under this name."""
    shell = get_ipython()
    count, record = _kept.get(what, (-1, {}))
    return record if shell is not None and count == shell.execution_count else {}


def _keep(what: str, record: dict) -> None:
    """Write a record into the notebook; over the one of the same name that the same execution has written."""
    shell = get_ipython()
    if shell is None:
        return
    again = bool(_before(what))
    _kept[what] = (shell.execution_count, record)
    short = f"{record['value']:g}" if "value" in record else f"{record['compared'] - record['different']:,}"
    display({PREFIX + "text/plain": short}, raw=True, update=again, display_id=f"check {what}",
            metadata={"scrapbook": {"name": what, "mime_prefix": PREFIX}, "check": record})


def _values(of: Any) -> np.ndarray:
    """All values in one row."""
    if isinstance(of, list | tuple):
        return np.concatenate([_values(each) for each in of]) if of else np.array([])
    return np.atleast_1d(of.detach().cpu().numpy() if isinstance(of, Tensor) else np.asarray(of)).ravel()


def _shape(of: Any) -> tuple:
    """As of an array; of lists of different lengths, those of what they hold."""
    if not isinstance(of, list | tuple):
        return tuple(np.shape(of))
    inner = [_shape(each) for each in of]
    return (len(of), *(inner[0] if len(set(inner)) == 1 else inner))
