"""Every chapter alone, in a fresh kernel, with its default parameters; pytest's list of durations has their times."""

from pathlib import Path

import papermill
import pytest

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_chapter_runs_alone(chapter, tmp_path):
    papermill.execute_notebook(str(chapter), str(tmp_path / chapter.name), cwd=str(BOOK), progress_bar=False,
                               kernel_name="python3")
