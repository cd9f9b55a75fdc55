"""The quality of a checkpoint: against baselines, controls and other ways to spend the same bytes."""
