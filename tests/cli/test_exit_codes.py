"""The exit codes that no other test here reaches: a tool that is missing, and defects."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ofa_export.support.resources import shipped

pytestmark = pytest.mark.integration

CONVERTER = """
from ofa_export.precision import CHANNELWISE

class {name}:
    name, entry_name, schemes, rules = "{lower}", "graphs.{lower}", {{"fp32": "1", "int8": "1"}}, CHANNELWISE

    def tool_versions(self):
        {versions}

    def convert(self, graphs, *, precision):
        from ofa_export.errors import LoweringError
        raise LoweringError(converter="{lower}", stage="export", graph="adapt", detail="no such operator")
"""


def converter(name: str, versions: str) -> str:
    return CONVERTER.format(name=name, lower=name.lower(), versions=versions)


def test_an_unexpected_exception_is_a_traceback_and_a_request(
    ofa, converter_site, toy_checkpoint: Path, tmp_path: Path
) -> None:
    site = converter_site("broken", converter("Broken", "return {'x': 1 / 0}"))
    result = ofa(
        "bundle", toy_checkpoint, "--budget", "1MB", "--runtime", "broken", "-o", tmp_path / "x", PYTHONPATH=site
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Traceback")
    assert "ZeroDivisionError" in result.stderr
    assert result.stderr.endswith("Please report it with the lines above.\n")
    assert not list(tmp_path.iterdir())


def test_a_converter_that_refuses_names_graph_and_stage(
    ofa, converter_site, toy_checkpoint: Path, tmp_path: Path
) -> None:
    site = converter_site("strict", converter("Strict", "return {}"))
    result = ofa(
        "bundle", toy_checkpoint, "--budget", "1MB", "--runtime", "strict", "-o", tmp_path / "x", PYTHONPATH=site
    )
    assert result.returncode == 1
    assert "strict: export failed for graph adapt: no such operator" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import a_package_that_nobody_has", "No module named 'a_package_that_nobody_has'"),
        ("raise RuntimeError('no such processor')", "RuntimeError: no such processor"),
        ("Other = 1", "has no attribute 'Lame'"),
        ("class Lame:\n    def __init__(self): raise OSError('no library')", "OSError: no library"),
    ],
)
def test_a_converter_that_cannot_be_loaded_is_named_with_what_repairs_it(
    ofa, converter_site, toy_checkpoint: Path, tmp_path: Path, source: str, said: str
) -> None:
    site = converter_site("lame", source)
    result = ofa("plan", toy_checkpoint, "--budget", "1MB", "--runtime", "lame", PYTHONPATH=site, cwd=tmp_path)
    assert result.returncode == 6, result.stderr
    assert "The converter lame of the installed package lame cannot be loaded from lame:Lame" in result.stderr
    assert said in result.stderr
    assert "pip install --upgrade --force-reinstall lame" in result.stderr and "pip uninstall lame" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_missing_dependency_names_the_command_that_installs_it(ofa, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sklearn.py").write_text("raise ModuleNotFoundError(\"No module named 'sklearn'\")\n")
    recipe = yaml.safe_load(shipped("export_recipes", "train", "ci.yaml").read_text())
    recipe["model"] |= {"user_groups": 2, "width": 16, "history_length": 6}
    recipe["static"]["epochs"] = 1
    (tmp_path / "groups.yaml").write_text(yaml.safe_dump(recipe))
    rows = [f"u{user},i{(user + step) % 20},{step}" for user in range(40) for step in range(12)]
    (tmp_path / "sales.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    result = ofa("train", "sales.csv", "-o", "out", "--recipe", "groups.yaml", cwd=tmp_path, PYTHONPATH=str(site))
    assert result.returncode == 6
    assert "pip install" in result.stderr
    assert not (tmp_path / "out").exists()
