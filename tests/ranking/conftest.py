"""The toy model, and the toy checkpoint that has held-out histories for both user groups."""

from __future__ import annotations

from toy_model import histories, model
from toy_planning import checkpoint, converter, recipe

__all__ = ["checkpoint", "converter", "histories", "model", "recipe"]
