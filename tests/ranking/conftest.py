"""The toy model, and the toy checkpoint that has held-out histories for both user groups."""

from __future__ import annotations

from toy_model import histories, model
from toy_planning import backend, checkpoint, recipe

__all__ = ["backend", "checkpoint", "histories", "model", "recipe"]
