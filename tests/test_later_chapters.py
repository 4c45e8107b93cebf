"""The second half of the chapters, as test_chapters.py has the first."""

import pytest
from test_chapters import CHAPTERS, MIDDLE, run_alone


@pytest.mark.parametrize("chapter", CHAPTERS[MIDDLE:], ids=lambda chapter: chapter.stem)
def test_chapter_runs_alone(chapter, tmp_path):
    run_alone(chapter, tmp_path)
