"""Targets that run a bundle's graphs: this process, or a phone's own libraries in a process beside it."""
