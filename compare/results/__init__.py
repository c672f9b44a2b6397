"""Results on disk, and what they come to over many runs."""

__all__ = ["ledger", "power", "runs", "schema", "statistics", "table"]
