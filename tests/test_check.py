"""What a chapter asserts and measures: that it is asserted, and that it stands in the executed notebook once."""

import nbformat
import numpy as np
import papermill
import pytest
import torch
from papermill import PapermillExecutionError

from rstdp.competition import Winner
from rstdp.show import check


@pytest.mark.parametrize("found, expected", [
    (1, 1), ([0, 1, 3], torch.tensor([0, 1, 3])), ([], []), (None, None), (torch.eye(2), np.eye(2)),
    ([Winner(1, 2, 3, 4, 0.5)], [Winner(1, 2, 3, 4, 0.5)]), ([(1, 0), None], [(1, 0), None]),
    ([[1, 2], [3]], [[1, 2], [3]])])
def test_what_is_the_same_passes(found, expected):
    check.same("a", found, expected)


@pytest.mark.parametrize("found, expected", [
    (1, 2), ([0, 1, 3], torch.tensor([0, 1, 2])), ([], [1]), (None, (1, 0)), (torch.eye(2), np.eye(2).ravel()),
    ([Winner(1, 2, 3, 4, 0.5)], [Winner(1, 2, 3, 4, 0.6)]), ([[1, 2], [3]], [[1], [2, 3]]),
    (float("nan"), float("nan"))])
def test_what_differs_does_not(found, expected):
    with pytest.raises(AssertionError, match="^a: "):
        check.same("a", found, expected)


def test_tolerance_and_share():
    check.same("a", 1.001, 1.0, atol=0.01)
    check.same("a", [0.0] * 99 + [1.0], [0.0] * 100, but_for=0.01)
    with pytest.raises(AssertionError, match="a: 2 of 100 values"):
        check.same("a", [0.0] * 98 + [1.0] * 2, [0.0] * 100, but_for=0.01)
    with pytest.raises(AssertionError, match="b: 1 of 2 values"):
        check.that("b", torch.tensor([True, False]))


def test_a_notebook_keeps_each_outcome_once_and_shows_none(tmp_path):
    cells = ["from rstdp.show import check", "for i in range(3):\n    check.same('a loop', [i, i], [i, i])",
             "check.note('accuracy', 93.5)\ncheck.that('fails', [True, 1 > 2])"]
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={
        "kernelspec": {"name": "python3", "display_name": "", "language": "python"}}), tmp_path / "a.ipynb")
    with pytest.raises(PapermillExecutionError, match="fails: 1 of 2 values are not as expected"):
        papermill.execute_notebook(str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb"), progress_bar=False)
    outputs = [output for cell in nbformat.read(tmp_path / "b.ipynb", 4).cells for output in cell.get("outputs", [])
               if "scrapbook" in output.get("metadata", {})]
    assert all(kind.startswith(check.PREFIX) for output in outputs for kind in output["data"])
    assert {output.metadata["scrapbook"]["name"]: output.metadata["check"] for output in outputs} == {
        "a loop": {"compared": 6, "different": 0, "allowed": {}, "holds": True},
        "accuracy": {"value": 93.5, "unit": "%"},
        "fails": {"compared": 2, "different": 1, "allowed": {}, "holds": False}}
    assert len(outputs) == 3
