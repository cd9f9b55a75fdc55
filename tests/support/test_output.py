from __future__ import annotations

import resource
from pathlib import Path

import pytest

from ofa_export.errors import OutputError
from ofa_export.support.output import atomic_write, check_output, make_folder, output_paths


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


ONE, TWO = ["a.ofab"], ["a.ofab", "b.ofab"]


def test_without_an_output_bundles_go_into_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert output_paths(TWO, None, force=False) == (Path("a.ofab"), Path("b.ofab"))


def test_one_bundle_goes_to_the_file_or_into_the_folder(tmp_path: Path) -> None:
    assert output_paths(ONE, tmp_path / "mine", force=False) == (tmp_path / "mine",)
    assert output_paths(ONE, tmp_path, force=False) == (tmp_path / "a.ofab",)


def test_several_go_into_a_folder_that_is_not_made_yet(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert output_paths(TWO, folder, force=False) == (folder / "a.ofab", folder / "b.ofab")
    assert not folder.exists()
    make_folder(folder)
    make_folder(folder)
    assert folder.is_dir()


def test_every_name_is_checked_before_the_first_is_made(tmp_path: Path) -> None:
    (tmp_path / "b.ofab").touch()
    with pytest.raises(OutputError, match=r"b\.ofab exists already"):
        output_paths(TWO, tmp_path, force=False)
    assert output_paths(TWO, tmp_path, force=True)
    (tmp_path / "b.ofab").unlink()
    (tmp_path / "b.ofab").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        output_paths(TWO, tmp_path, force=True)


@pytest.mark.parametrize("name", ["new.ofab", "existing"])
def test_several_do_not_go_into_one_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "existing").touch()
    with pytest.raises(OutputError, match="names one file, and 2 bundles will be made"):
        output_paths(TWO, tmp_path / name, force=True)


@pytest.mark.parametrize("names", [ONE, TWO])
@pytest.mark.parametrize("parent", ["missing", "file"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, names: list[str], parent: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is not an existing folder"):
        output_paths(names, tmp_path / parent / "x", force=False)


def test_a_folder_that_turned_into_a_file_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="cannot be made: File exists"):
        make_folder(tmp_path / "out")
