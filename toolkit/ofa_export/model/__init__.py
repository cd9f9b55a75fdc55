"""The PyTorch reference of Forward-OFA and PEEL: table, controller, mapper, backbone blocks, network, checkpoint."""
