"""Figures, each a function from arrays to a matplotlib figure."""

__all__ = ["argument", "basin", "canvas", "curves", "scenes", "seeds", "style"]
