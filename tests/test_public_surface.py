from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ofa_export

PACKAGE = Path(ofa_export.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def public_definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Functions and classes of a file, and the methods of those classes."""
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef) and not is_protocol(node):
                yield from public_definitions(node.body, f"{prefix}{node.name}.")


def is_protocol(node: ast.ClassDef) -> bool:
    # Attributes of a protocol are properties, described by the class.
    return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_everything_public_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the file does not say what it is about"
    silent = [name for name, node in public_definitions(tree.body) if not ast.get_docstring(node)]
    # Nobody but torch calls forward; the class says what it computes.
    assert not [name for name in silent if not name.endswith(".forward")]


def test_the_walk_sees_the_package() -> None:
    definitions = dict(public_definitions(ast.parse((PACKAGE / "errors.py").read_text(encoding="utf-8")).body))
    assert {"OfaExportError", "BudgetError.shortfall"} <= set(definitions)
    assert len(FILES) > 60


def test_types_are_exported() -> None:
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short_and_without_debts(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    assert not [debt for debt in ("TODO", "FIXME", "XXX") if debt in text]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/**/__init__.py")), ids=name_of)
def test_rooms_import_nothing(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    assert not [node for node in nodes if isinstance(node, ast.Import)]
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
