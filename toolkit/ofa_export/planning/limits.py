"""Limits of a bundle: the bytes of its file, and the memory and time of a session, measured in a process of its own."""

from __future__ import annotations

import math
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.errors import ConfigError
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.frozen_model import FrozenModel
from ofa_export.support.processes import peak_bytes, run_main

SESSIONS = 30
"""Sessions whose median counts; the first ones warm up."""

UNITS = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
FORMS = "4MB (4,000,000 bytes), 4MiB (4,194,304 bytes), 512KB, 0.5MiB, 1GB or 1500000"
UNBOUNDED = 2**40 - 1
"""The largest budget that a manifest can name; none binds less."""


class Footprint(FrozenModel):
    """Costs of a session on this computer.

    Args:
        ram_bytes: growth of the peak resident memory of a process that loads the runtime, maps the bundle and runs
            sessions: the runtime's own library is part of it, Python and numpy are not.
        latency_ms: median of `adapt`, all blocks that run, and one call of `score`, with their lookups.
    """

    ram_bytes: int
    latency_ms: float


def footprint(contents: BundleContents, *, converter: Converter, store: ContentCache) -> Footprint:
    """Measure the bundle with every tile, once; later plans read the same numbers.

    Args:
        contents: a complete bundle.
        converter: of its runtime.
        store: keeps the measurement.

    Raises:
        LoweringError: the runtime could not run the graphs.
    """
    inputs = [converter.name, converter.tool_versions(), bytes(contents.graphs)]
    found = store.get("footprint", inputs, lambda: _measure(contents, converter), made_with=[converter])
    return Footprint.model_validate_json(found)


def _measure(contents: BundleContents, converter: Converter) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "complete.ofab"
        write_bundle(path, contents, tiles=contents.table.tile_count, budget=UNBOUNDED)
        return run_main(__name__, str(path).encode(), subject=converter.name)


def main() -> None:
    """Run sessions of the bundle whose path is on standard input and print a `Footprint` as JSON."""
    with Bundle.open(Path(sys.stdin.read())) as bundle:
        converter = get_converter(bundle.manifest.runtime.name)
        contract = bundle.manifest.shapes.contract()
        before = peak_bytes()
        runner = converter.load(bundle.graphs, contract)
        device = Device(bundle, runner)
        rows = np.random.default_rng(0).integers(0, len(bundle.items), bundle.manifest.shapes.history_length)
        candidates = np.arange(min(bundle.manifest.shapes.candidates, len(bundle.items)))
        times = [_session(device, rows, candidates) for _ in range(SESSIONS)]
        runner.close()
    found = Footprint(ram_bytes=peak_bytes() - before, latency_ms=float(np.median(times[SESSIONS // 3 :])))
    print(found.model_dump_json())


def _session(device: Device, rows: NDArray[np.int64], candidates: NDArray[np.int64]) -> float:
    """Return milliseconds of one session."""
    start = time.perf_counter()
    device.adapt(rows)
    device.score(candidates)
    return 1000 * (time.perf_counter() - start)


def check_budget(budget: int) -> None:
    """Refuse what is no number of bytes.

    Args:
        budget: most bytes of a file.

    Raises:
        ConfigError: it is no whole number, or not between one byte and `UNBOUNDED`.
    """
    if isinstance(budget, bool) or not isinstance(budget, int):
        raise ConfigError(f"The budget {budget!r} is not a whole number of bytes. Give one such as 4_000_000.")
    if not 1 <= budget <= UNBOUNDED:
        raise ConfigError(f"The budget {budget:,} is not between 1 and {UNBOUNDED:,} bytes.")


def parse_budget(text: str, *, what: str = "The budget") -> int:
    """Return bytes of a budget.

    Args:
        text: a positive number, alone or followed by KB, MB, GB, KiB, MiB or GiB, without blanks.
        what: is written so, as a sentence begins.

    Returns:
        Whole bytes, rounded down.

    Raises:
        ConfigError: the text has another form, or is not between one byte and `UNBOUNDED`.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", text)
    if match is None or match[2] not in UNITS:
        raise ConfigError(f"{what} '{text}' is not a size. Write it like {FORMS}.")
    # Not a float: 4.35MB would lose a byte.
    amount = Decimal(match[1]) * UNITS[match[2]]
    if not 1 <= amount <= UNBOUNDED:
        bound = "less than one byte" if amount < 1 else f"more than {UNBOUNDED:,} bytes"
        raise ConfigError(f"{what} '{text}' is {bound}. Write it like {FORMS}.")
    return int(amount)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a session on the host build of the runtime; None does not limit.

    Args:
        ram_bytes: peak memory.
        latency_ms: median time.
    """

    ram_bytes: int | None = None
    latency_ms: float | None = None

    @property
    def bind(self) -> bool:
        """True if there is any limit."""
        return self.ram_bytes is not None or self.latency_ms is not None

    def broken_by(self, cost: Footprint) -> tuple[str, ...]:
        """Return a sentence for each limit that a session breaks."""
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
        """Return the same limits, as far as a session keeps to them, and higher where it does not."""
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
    """Return the limits that people wrote.

    Args:
        ram_budget: a size as `parse_budget` reads it.
        max_latency_ms: milliseconds.

    Raises:
        ConfigError: one of them is not a size, or not a time.
    """
    if max_latency_ms is not None and not 0 < max_latency_ms < float("inf"):
        raise ConfigError(f"--max-latency-ms {max_latency_ms:g} is not a time. Give milliseconds above 0, such as 2.5.")
    return Limits(
        ram_bytes=None if ram_budget is None else parse_budget(ram_budget, what="--ram-budget"),
        latency_ms=max_latency_ms,
    )
