"""Targets, on which a bundle's graphs run: this process, or a phone's libraries and kernels beside it."""
