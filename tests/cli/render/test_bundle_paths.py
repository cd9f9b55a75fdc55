from __future__ import annotations

from pathlib import Path

import pytest

from ofa_export.cli.render.bundle_paths import bundle_paths
from ofa_export.errors import ConfigError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.ofab", "x/b.ofab", "x/y/c.ofab", "x/y/c.txt", "x/odd[1].ofab"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_two_stars_are_any_number_of_folders(tree: Path) -> None:
    found = bundle_paths([tree / "**" / "*.ofab"])
    assert [str(path.relative_to(tree)) for path in found] == ["a.ofab", "x/b.ofab", "x/odd[1].ofab", "x/y/c.ofab"]


def test_patterns_are_relative_to_where_the_command_runs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert bundle_paths([Path("x/**/*.ofab")]) == [Path("x/b.ofab"), Path("x/odd[1].ofab"), Path("x/y/c.ofab")]


def test_files_stay_in_their_order_and_come_once(tree: Path) -> None:
    paths = [tree / "x/y/c.ofab", tree / "a.ofab", tree / "*.ofab", tree / "x/odd[1].ofab"]
    assert bundle_paths(paths) == [paths[0], paths[1], paths[3]]


def test_a_missing_file_is_left_to_the_reader(tree: Path) -> None:
    assert bundle_paths([tree / "none.ofab"]) == [tree / "none.ofab"]


def test_a_pattern_without_files_is_an_error_and_not_a_success(tree: Path) -> None:
    with pytest.raises(ConfigError, match=r"No file matches the pattern .*\*\.zip"):
        bundle_paths([tree / "a.ofab", tree / "**" / "*.zip"])
