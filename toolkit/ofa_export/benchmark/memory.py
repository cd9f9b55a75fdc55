"""The memory of one contender, measured in a process of its own that loads nothing else."""

from __future__ import annotations

import importlib
import json
import pickle
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.protocol import Entry
from ofa_export.errors import LoweringError
from ofa_export.peak_memory import peak_bytes


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a process had in memory when it had run sessions.

    Args:
        peak_rss_bytes: the most that was resident, all of it: Python, numpy and the runtime's library are part of it.
        session_rss_bytes: how much higher that is than the peak when the libraries were loaded and nothing else.
        mapped_bytes: pages of the contender's own file that are mapped and resident, which the system may take back at
            any time; 0 for what is not read in place, None where the system does not tell.
    """

    peak_rss_bytes: int
    session_rss_bytes: int
    mapped_bytes: int | None


def measure_memory(entry: Entry, histories: Sequence[NDArray[np.int64]]) -> Memory:
    """Run sessions of a contender in another process.

    Args:
        entry: the contender.
        histories: item rows of users; one session each.

    Raises:
        LoweringError: the process ended early.
    """
    command = [sys.executable, "-c", f"from {__name__} import main; main()"]
    # Our own objects for our own process: nothing that was read from a file is unpickled.
    ended = subprocess.run(command, input=pickle.dumps((entry, list(histories))), capture_output=True, check=False)
    if ended.returncode:
        detail = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {ended.returncode}"]
        raise LoweringError(backend=entry.name, stage="measure", graph=None, detail=detail[0])
    return Memory(**json.loads(ended.stdout.splitlines()[-1]))


def main() -> None:
    """Run what standard input describes and print a `Memory` as JSON."""
    entry, histories = pickle.load(sys.stdin.buffer)
    for library in entry.libraries:
        importlib.import_module(library)
    before = peak_bytes()
    with entry.open() as contender:
        for history in histories:
            contender.session(history)
        mapped = mapped_bytes(entry.path) if entry.path else 0
    peak = peak_bytes()
    print(json.dumps(asdict(Memory(peak_rss_bytes=peak, session_rss_bytes=peak - before, mapped_bytes=mapped))))


def mapped_bytes(path: Path) -> int | None:
    """Resident bytes of the maps of a file in this process; None where there is no /proc.

    Args:
        path: the file.
    """
    maps = Path("/proc/self/smaps")
    if not maps.exists():
        return None
    found, ours, resolved = 0, False, str(path.resolve())
    for line in maps.read_text().splitlines():
        first, *rest = line.split(maxsplit=5)
        if not first.endswith(":"):
            ours = rest[-1:] == [resolved]
        elif ours and first == "Rss:":
            found += 1024 * int(rest[0])
    # The last page of the map goes on after the end of the file.
    return min(found, path.stat().st_size)
