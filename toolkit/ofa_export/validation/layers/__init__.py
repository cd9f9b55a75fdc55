"""The per-layer error of a bundle."""
