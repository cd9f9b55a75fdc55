"""Many bundles from one checkpoint: groups x budgets x runtimes, every entry stored once."""
