"""Runs: planned, carried out here or elsewhere, repeated, timed."""
