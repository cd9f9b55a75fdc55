"""What no rule of ruff says about the package as a whole; that everything public has a docstring is ruff's D."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import ofa_export

PACKAGE = Path(ofa_export.__file__).parent
HEAVY = ("torch", "polars", "matplotlib", "ai_edge_litert", "executorch", "tensorflow")


def test_types_are_exported() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, ofa_export; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_room_imports_nothing_by_itself() -> None:
    importing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("__init__.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__")
    }
    # The door loads its names when they are used.
    assert importing <= {"__init__.py"}
