"""Backbones and the layers they consist of."""
