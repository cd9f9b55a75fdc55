"""What `import ofa_export` gives: a dozen names, each loaded when it is first used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ofa_export

HEAVY = {"torch", "ai_edge_litert", "executorch", "litert_torch", "tensorflow", "polars", "jaxtyping"}
WITHOUT_TORCH = ["Bundle", "Device", "Plan", "Precision", "Ranking", "errors", "open_device", "plan"]


def loaded_after(source: str) -> set[str]:
    """The modules that a Python process has loaded when it has run this."""
    script = f"{source}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout))


def door_file() -> ast.Module:
    return ast.parse(Path(ofa_export.__file__).read_text(encoding="utf-8"))


def test_the_list_of_names_is_sorted_and_is_what_dir_shows() -> None:
    assert ofa_export.__all__ == sorted(ofa_export.__all__)
    assert dir(ofa_export) == sorted([*ofa_export.__all__, "__version__"])
    assert 10 <= len(ofa_export.__all__) <= 18


def test_the_public_members_are_the_list_and_nothing_else() -> None:
    for name in ofa_export.__all__:
        getattr(ofa_export, name)
    rooms = {name for name, value in vars(ofa_export).items() if isinstance(value, ModuleType)} - {"errors"}
    helpers = {"TYPE_CHECKING", "Any", "annotations", "import_module"}
    public = {name for name in vars(ofa_export) if not name.startswith("_")} - rooms - helpers
    assert public == set(ofa_export.__all__)


@pytest.mark.parametrize("name", sorted(set(ofa_export.__all__) - {"errors"}))
def test_every_name_says_that_it_is_part_of_the_package_and_what_it_does(name: str) -> None:
    value = getattr(ofa_export, name)
    assert (value.__module__, value.__name__) == ("ofa_export", name)
    assert value.__doc__ and len(value.__doc__.splitlines()[0]) > 20


def test_type_checkers_are_told_the_same_names_from_the_same_places() -> None:
    (block,) = [
        node for node in door_file().body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    told = {
        alias.name: str(node.module).removeprefix("ofa_export.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == {**ofa_export._HOMES, "errors": "ofa_export"}


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'ofa_export' has no attribute 'bundel'"):
        ofa_export.bundel  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.integration
def test_importing_it_loads_nothing_but_the_standard_library() -> None:
    loaded = loaded_after("import ofa_export; dir(ofa_export)")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "rich", "typer", "yaml"})
    assert {name for name in loaded if name.startswith("ofa_export")} == {"ofa_export"}


@pytest.mark.integration
def test_names_that_need_no_training_load_neither_torch_nor_a_runtime() -> None:
    loaded = loaded_after("\n".join(f"from ofa_export import {name}" for name in WITHOUT_TORCH))
    assert not loaded & HEAVY


@pytest.mark.integration
def test_a_python_that_is_too_old_is_told_in_a_sentence() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import sys; sys.version_info = (3, 10, 4); import ofa_export"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("ImportError: ofa-export needs Python 3.11 or newer; this is ")


@pytest.mark.integration
def test_the_door_can_be_read_by_old_pythons() -> None:
    # The sentence must be reached: Python 3.7 reads the file before it runs it.
    ast.parse(Path(ofa_export.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))
