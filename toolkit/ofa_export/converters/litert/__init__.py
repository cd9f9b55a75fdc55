"""PyTorch to LiteRT, by litert-torch."""
