"""`ofa-export validate`: bundles against the PyTorch reference."""
