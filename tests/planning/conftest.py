"""The toy checkpoint and a converter that takes no time, for tests of planning."""

from __future__ import annotations

from toy_planning import checkpoint, complete, converter, recipe

__all__ = ["checkpoint", "complete", "converter", "recipe"]
