"""The loop that a phone runs: numpy and a graph runner, no torch."""
