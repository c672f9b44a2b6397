"""Figures, each a function from arrays to a matplotlib figure."""
