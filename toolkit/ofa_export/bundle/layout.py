"""Names and limits of the tile layout that the manifest shares with the tiles; no numpy here."""

from __future__ import annotations

from typing import Literal

OrderName = Literal["planes", "peel", "magnitude"]
"""How an order of tiles was made."""

MAX_TILES = 2**16
"""A tile index is a uint16."""
