"""Solvers: handcrafted, closed forms and learned."""
