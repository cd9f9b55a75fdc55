"""Converters: device graphs to the bytes of a runtime, and those bytes to a graph runner on this computer."""
