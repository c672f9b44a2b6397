"""Networks with learned weights: layers, architectures, losses, recipes and their training."""
