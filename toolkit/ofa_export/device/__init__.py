"""The loop that a phone runs, in numpy and a graph runner."""
