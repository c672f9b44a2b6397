"""Networks with learned weights: layers, architectures, losses, recipes and their training."""

__all__ = [
    "adversarial",
    "architecture",
    "classifiers",
    "export",
    "layers",
    "losses",
    "model",
    "optimizer",
    "published",
    "recipe",
    "sparse",
    "state",
    "steps",
    "streaming",
    "torch_twin",
    "training",
]
