"""How good a checkpoint is: against baselines, controls and other ways to spend the same bytes."""
