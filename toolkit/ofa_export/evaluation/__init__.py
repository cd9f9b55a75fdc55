"""Quality of a checkpoint beside baselines, controls and other ways to spend the same bytes."""
