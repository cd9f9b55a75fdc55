"""PyTorch to LiteRT by way of ONNX, by onnx2tf."""
