"""Results on disk, and what they come to over many runs."""
