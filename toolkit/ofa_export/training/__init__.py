"""The training of a checkpoint: stages, loop, recipes, processes, and the baselines beside it."""
