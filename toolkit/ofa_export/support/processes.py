"""Running a function of ours in a process that does nothing else, so that what it measures is its own."""

from __future__ import annotations

import subprocess
import sys

from ofa_export.errors import LoweringError


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
