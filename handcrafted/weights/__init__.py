"""Weights for the published architectures, computed instead of learned."""
