"""Runs: planned, carried out on this machine or others, repeated, timed."""
