"""Smaller versions of a checkpoint: caps, rank order, fewer items, no adaptation."""
