"""Description of the computer that a benchmark ran on, and of its load: numbers depend on both."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A computer and what it was doing.

    Args:
        processor: model name.
        cores: that this process may use.
        system: name and architecture.
        load_average: processes that were ready to run, over the minute before.
    """

    processor: str
    cores: int
    system: str
    load_average: float | None


def this_machine() -> Machine:
    """Describe this computer, now."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        system=f"{platform.system()} {platform.machine()}",
        load_average=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
