"""The toy checkpoint and a converter that takes no time, for tests of planning."""

from __future__ import annotations

from toy_planning import backend, checkpoint, master, recipe

__all__ = ["backend", "checkpoint", "master", "recipe"]
