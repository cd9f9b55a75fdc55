"""What trained models are worth, measured."""
