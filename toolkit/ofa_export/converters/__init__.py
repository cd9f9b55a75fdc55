"""Runtimes of a phone: device graphs to bytes, bytes to a runner on this computer."""
