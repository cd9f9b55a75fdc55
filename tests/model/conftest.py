"""The toy model, for tests of the reference."""

from __future__ import annotations

from toy_model import checkpoint, config, files, folder, histories, model

__all__ = ["checkpoint", "config", "files", "folder", "histories", "model"]
