"""Training stages, baselines and the metrics that compare them."""
