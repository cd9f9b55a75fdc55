"""Processes and their memory: functions of ours run in one of their own, peak and mapped memory, threads."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ofa_export.errors import LoweringError

_STATUS = Path("/proc/self/status")


def run_main(module: str, content: bytes, *, subject: str) -> bytes:
    """Call `main()` of a module in a new process.

    Args:
        module: its name.
        content: what `main` reads from standard input.
        subject: what is measured, the name of a converter or of a contender.

    Returns:
        The last line that it prints.

    Raises:
        LoweringError: the process ended early; the last line that it wrote to standard error says why.
    """
    command = [sys.executable, "-c", f"from {module} import main; main()"]
    ended = subprocess.run(command, input=content, capture_output=True, check=False)
    if ended.returncode:
        detail = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"exit {ended.returncode}"]
        raise LoweringError(converter=subject, stage="measure", graph=None, detail=detail[0])
    return ended.stdout.splitlines()[-1]


def mapped_bytes(name: str, *, size: int, pid: int | None = None) -> int | None:
    """Return resident bytes of the maps of a file; None where there is no /proc.

    Args:
        name: the file's absolute path without links, or what the system calls a file without one.
        size: of the file, in bytes.
        pid: of the process; None for this one.
    """
    maps = Path(f"/proc/{pid or 'self'}/smaps")
    if not maps.exists():
        return None
    found, ours = 0, False
    for line in maps.read_text().splitlines():
        first, *rest = line.split(maxsplit=5)
        if not first.endswith(":"):
            ours = rest[-1:] == [name]
        elif ours and first == "Rss:":
            found += 1024 * int(rest[0])
    # The last page of the map goes on after the end of the file.
    return min(found, size)


def peak_bytes() -> int:
    """Return peak resident memory of this process so far, in bytes."""
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    # Not on Linux: there a process that was started by a larger one begins with the peak of that one.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Run PyTorch on one thread inside the block, which also makes sums come out alike on every computer."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
