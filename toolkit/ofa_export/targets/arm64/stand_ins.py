"""Stand-ins for shared libraries that a wheel is linked to and does not bring: PyTorch's for arm64 asks for CUDA's.

A library is loaded only if all that it names can be found, used or not. Each stand-in carries a missing name and no
code; one more, `libstandins.so`, which all of them name, has every function that is found nowhere else. It is apart
because the loader refuses a function without a version in a library that was asked for one by name. All of these
functions are C's, and what calls them while PyTorch is imported must live with what they return.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

FUNCTIONS = "libstandins.so"
LOADER = {"ld-linux-aarch64.so.1"}
"""Named by libraries too, and always there."""

NO_DEVICE = 100
"""`cudaErrorNoDevice`, the answer of functions that return an error code."""


def make_stand_ins(root: Path, wheels: Path, folder: Path) -> None:
    """Fill a folder with what the libraries of some wheels miss.

    Args:
        root: of the arm64 Linux, whose libraries are there.
        wheels: unpacked ones; their libraries are there too.
        folder: created.
    """
    libraries = sorted(wheels.glob("*/lib/lib*.so*"))
    there = {path for path in root.glob("**/lib*.so*") if _is_elf(path)}
    missing = {name for library in libraries for name in _needed(library)} - {path.name for path in there} - LOADER
    defined = _symbols([*there, *root.glob("usr/bin/python3.*")], "--defined-only")
    functions = _symbols(libraries, "--undefined-only") - defined
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="ofa-export-") as name:
        scratch = Path(name)
        code, nothing = _assembled(scratch, assembly(sorted(functions))), _assembled(scratch, "")
        _link(folder / FUNCTIONS, code)
        for library in sorted(missing):
            _link(folder / library, nothing, folder / FUNCTIONS)


def assembly(functions: Iterable[str]) -> str:
    """Functions that do nothing: CUDA's return an error code, others a pointer to zeros."""
    parts = [".bss\n.balign 64\nzeros: .skip 4096\n.text\n"]
    for name in functions:
        fails = re.match("cuda[A-Z]", name)
        result = f"mov x0, #{NO_DEVICE}" if fails else "adrp x0, zeros\nadd x0, x0, :lo12:zeros"
        parts.append(f".globl {name}\n.type {name}, %function\n{name}:\n{result}\nret\n")
    return "".join(parts)


def _needed(library: Path) -> list[str]:
    return re.findall(r"\(NEEDED\).*\[(.+)\]", _binutils("readelf", "--dynamic", library))


def _is_elf(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _symbols(files: Iterable[Path], which: str) -> set[str]:
    """Dynamic symbols, without their versions; a weak one may be missing, and nobody has to have it."""
    listed = _binutils("nm", "--dynamic", which, *files)
    found = re.findall(r"^ *(?:[0-9a-f]{16})? ([A-Za-z]) (\S+)$", listed, flags=re.MULTILINE)
    return {name.partition("@")[0] for kind, name in found if kind not in "vw"}


def _assembled(scratch: Path, text: str) -> Path:
    source, code = scratch / "part.s", scratch / f"part{len(text)}.o"
    source.write_text(text, encoding="ascii")
    _binutils("as", source, "-o", code)
    return code


def _link(library: Path, *parts: Path) -> None:
    _binutils("ld", "-shared", "-soname", library.name, "-o", library, *parts)


def _binutils(tool: str, *arguments: str | Path) -> str:
    command = [f"aarch64-linux-gnu-{tool}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
