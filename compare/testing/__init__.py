"""Tests that other packages run on what they add."""

__all__ = ["backends"]
