"""Recommenders that other code trained: their tensors become the static net of a checkpoint, score for score."""
