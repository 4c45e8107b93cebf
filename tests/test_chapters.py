"""Every chapter alone, in a fresh kernel, with its default parameters, within two minutes."""

import time
from pathlib import Path

import papermill
import pytest

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_chapter_runs_alone_within_two_minutes(chapter, tmp_path):
    started = time.perf_counter()
    papermill.execute_notebook(str(chapter), str(tmp_path / chapter.name), cwd=str(BOOK), progress_bar=False,
                               kernel_name="python3")
    assert time.perf_counter() - started < 120
