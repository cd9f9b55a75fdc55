"""Files that ship beside the code, recipes and the sample checkpoint, in an installed package or in a checkout."""

from __future__ import annotations

from pathlib import Path

_SHIPPED = Path(__file__).parents[1] / "_shipped"
_CHECKOUT = Path(__file__).parents[3]


def shipped(*parts: str) -> Path:
    """Return path of a shipped file or folder.

    Args:
        parts: path below the project's top level, for example ("artifacts", "sample").

    Returns:
        The path inside the installed package, or inside the checkout when the package is installed editable.
    """
    root = _SHIPPED if _SHIPPED.is_dir() else _CHECKOUT
    return root.joinpath(*parts)


SAMPLE = shipped("artifacts", "sample")
"""The sample checkpoint."""
