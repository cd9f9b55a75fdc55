"""Memory of a process that holds mapped files, which the system may take back at any time."""

from __future__ import annotations

from pathlib import Path


def mapped_bytes(name: str, *, size: int, pid: int | None = None) -> int | None:
    """Resident bytes of the maps of a file; None where there is no /proc.

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
