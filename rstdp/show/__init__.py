"""Pictures: figures in one style, animations that play on the page, and what features look for."""
