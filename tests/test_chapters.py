"""Every chapter alone, in a fresh kernel, with its default parameters; pytest's list of durations has their times."""

from pathlib import Path

import papermill
import pytest

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
MIDDLE = 5  # those from here on stand in test_later_chapters.py, so that two processes share the work


def run_alone(chapter, folder):
    papermill.execute_notebook(str(chapter), str(folder / chapter.name), cwd=str(BOOK), progress_bar=False,
                               kernel_name="python3")


@pytest.mark.parametrize("chapter", CHAPTERS[:MIDDLE], ids=lambda chapter: chapter.stem)
def test_chapter_runs_alone(chapter, tmp_path):
    run_alone(chapter, tmp_path)
