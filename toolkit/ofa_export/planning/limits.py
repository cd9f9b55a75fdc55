"""Limits besides the bytes of the file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ofa_export.errors import ConfigError
from ofa_export.planning.budget import parse_budget
from ofa_export.planning.footprint import Footprint


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a session may cost on the host build of the runtime; None does not limit.

    Args:
        ram_bytes: peak memory.
        latency_ms: median time.
    """

    ram_bytes: int | None = None
    latency_ms: float | None = None

    @property
    def bind(self) -> bool:
        """Whether there is any."""
        return self.ram_bytes is not None or self.latency_ms is not None

    def broken_by(self, cost: Footprint) -> tuple[str, ...]:
        """Write a sentence for each limit that a session breaks."""
        found = []
        if self.ram_bytes is not None and cost.ram_bytes > self.ram_bytes:
            found.append(f"a session takes {cost.ram_bytes:,} bytes of memory, the limit is {self.ram_bytes:,}")
        if self.latency_ms is not None and cost.latency_ms > self.latency_ms:
            found.append(f"a session takes {cost.latency_ms:.2f} ms, the limit is {self.latency_ms:g} ms")
        return tuple(found)

    def excess(self, cost: Footprint) -> float:
        """By which factor a session breaks the limit that it breaks most; 1 or less breaks none."""
        ram = 0.0 if self.ram_bytes is None else cost.ram_bytes / self.ram_bytes
        return max(ram, 0.0 if self.latency_ms is None else cost.latency_ms / self.latency_ms)

    def raised_to(self, cost: Footprint) -> Limits:
        """Raise the limits to what a session takes where it does not keep to them."""
        return Limits(
            ram_bytes=None if self.ram_bytes is None else max(self.ram_bytes, cost.ram_bytes),
            latency_ms=None
            if self.latency_ms is None
            else max(self.latency_ms, math.ceil(100 * cost.latency_ms) / 100),
        )

    @property
    def text(self) -> str:
        """As options of the command."""
        named = [] if self.ram_bytes is None else [f"--ram-budget {self.ram_bytes}"]
        return " ".join(named + ([] if self.latency_ms is None else [f"--max-latency-ms {self.latency_ms:g}"]))


def parse_limits(*, ram_budget: str | None, max_latency_ms: float | None) -> Limits:
    """Parse the limits that people wrote.

    Args:
        ram_budget: a size as `parse_budget` reads it.
        max_latency_ms: milliseconds.

    Raises:
        ConfigError: one of them is not a size, or not a time.
    """
    if max_latency_ms is not None and not 0 < max_latency_ms < float("inf"):
        raise ConfigError(f"--max-latency-ms {max_latency_ms:g} is no time. Give milliseconds above 0, such as 2.5.")
    return Limits(ram_bytes=None if ram_budget is None else parse_budget(ram_budget), latency_ms=max_latency_ms)
