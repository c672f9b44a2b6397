"""Solvers: handcrafted, closed forms and learned."""

__all__ = [
    "adversarial",
    "base",
    "catalogue",
    "computed",
    "direct",
    "fixed",
    "learned",
    "torchvision",
]
