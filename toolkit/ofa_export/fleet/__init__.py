"""Many bundles from one checkpoint: groups x budgets x backends, every entry stored once."""
