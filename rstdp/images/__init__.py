"""Images: the data sets that come along (`sources`), one's own picture of a digit (`picture`). Chapters: 01, 07."""

from . import picture, sources

__all__ = ["picture", "sources"]
