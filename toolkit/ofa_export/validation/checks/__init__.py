"""The checks of a bundle against its checkpoint."""
