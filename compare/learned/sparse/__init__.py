"""The shortcut for sparse pictures: one background and a small window for each."""
