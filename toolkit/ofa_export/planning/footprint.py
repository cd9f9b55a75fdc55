"""Memory and time of a session on the host build of a runtime, measured in a process of its own."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.peak_memory import peak_bytes
from ofa_export.planning.budget import UNBOUNDED
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import run_main

SESSIONS = 30
"""Sessions whose median counts; the first ones warm up."""

MEASURE = "VmHWM"
"""What is measured; another name when that changes, so that older measurements are not read."""


class Footprint(BaseModel):
    """What a session costs on this computer.

    Args:
        ram_bytes: growth of the peak resident memory of a process that loads the runtime, maps the bundle and runs
            sessions: the runtime's own library is part of it, Python and numpy are not.
        latency_ms: median of `adapt`, all blocks that run, and one call of `score`, with their lookups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

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
    described = json.dumps([MEASURE, converter.name, sorted(converter.tool_versions().items())]).encode()
    key = hashlib.sha256(described + bytes(contents.graphs)).hexdigest()
    return Footprint.model_validate_json(store.get_or_make(f"{key}.footprint", lambda: _measure(contents, converter)))


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
    """Milliseconds of one session."""
    start = time.perf_counter()
    device.adapt(rows)
    device.score(candidates)
    return 1000 * (time.perf_counter() - start)
