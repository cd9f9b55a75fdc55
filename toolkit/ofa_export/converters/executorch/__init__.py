"""PyTorch to ExecuTorch."""
