from __future__ import annotations

import resource
from pathlib import Path

import pytest

from ofa_export.errors import OutputError
from ofa_export.support.output import atomic_write, check_output


def test_a_free_name_in_a_folder_is_accepted(tmp_path: Path) -> None:
    check_output(tmp_path / "new", force=False)


def test_an_existing_file_needs_force(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with pytest.raises(OutputError, match="--force"):
        check_output(path, force=False)
    check_output(path, force=True)


def test_folders_and_missing_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path, force=True)
    with pytest.raises(OutputError, match="not an existing folder"):
        check_output(tmp_path / "missing" / "x", force=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not an existing folder"):
        check_output(tmp_path / "file" / "x", force=True)


def test_the_file_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with atomic_write(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_write(path) as file:
        file.write(b"new")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_the_system_cannot_take_is_a_sentence(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match="File too large"), atomic_write(tmp_path / "x") as file:
            file.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_a_name_that_the_system_refuses_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"), atomic_write(tmp_path / ("n" * 300)) as file:
        file.write(b"x")
    assert not list(tmp_path.iterdir())
