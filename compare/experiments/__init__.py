"""Runs: planned, carried out on this machine or others, repeated, timed."""

__all__ = [
    "basin",
    "bench",
    "cluster",
    "comparison",
    "environment",
    "estimate",
    "exactness",
    "executors",
    "grid",
    "memory",
    "meter",
    "plan",
    "rerun",
    "run",
    "values",
]
