"""Turns trained recommenders into per-budget device bundles that adapt to their user in one forward pass."""

__version__ = "0.1.0"
