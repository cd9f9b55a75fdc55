from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_export.errors import OutputError
from ofa_export.support.output import (
    check_apart,
    check_checkpoint_output,
    check_output,
    check_outputs,
    made_folder,
    output_lock,
    output_paths,
)


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


def test_a_dash_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for check in (lambda: check_output(Path("-"), force=True), lambda: output_paths(TWO, Path("-"), force=True)):
        with pytest.raises(OutputError, match="'-' names no file"):
            check()


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        kinds = {"pipe": "a pipe", "link": "a pipe", "socket": "a socket", "/dev/null": "a device"}
        for name, kind in kinds.items():
            with pytest.raises(OutputError, match=f"is {kind}, which a result would replace"):
                check_output(tmp_path / name, force=True)


def test_the_file_that_the_command_prints_to_is_no_output(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    program = (
        "import sys; from pathlib import Path; from ofa_export.support.output import check_output;"
        "check_output(Path(sys.argv[1]), force=True)"
    )
    with path.open("w") as stdout:
        command = [sys.executable, "-c", program, str(path)]
        ended = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    assert "is where the text of this command goes" in ended.stderr


def test_a_link_that_leads_nowhere_exists(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(OutputError, match="exists already"):
        check_output(tmp_path / "link", force=False)
    check_output(tmp_path / "link", force=True)
    (tmp_path / "lost").symlink_to("missing/target")
    with pytest.raises(OutputError, match=r"missing is not an existing folder"):
        check_output(tmp_path / "lost", force=True)
    with pytest.raises(OutputError, match="exists already"):
        output_paths(TWO, tmp_path / "link", force=True)
    (tmp_path / "ring").symlink_to("ring")
    with pytest.raises(OutputError, match="symbolic links"):
        check_output(tmp_path / "ring", force=True)


def test_two_outputs_of_a_command_are_two_files(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a")
    check_outputs([tmp_path / "a", None, tmp_path / "b"], force=False)
    for other in (tmp_path / "a", tmp_path / "." / "a", tmp_path / "link"):
        with pytest.raises(OutputError, match="are one file"):
            check_outputs([tmp_path / "a", other], force=True)


def test_an_output_takes_the_place_of_no_input(tmp_path: Path) -> None:
    bundle, folder = tmp_path / "a.ofab", tmp_path / "fleet"
    bundle.touch()
    folder.mkdir()
    (tmp_path / "link").symlink_to(bundle)
    check_apart((tmp_path / "new", None), (bundle, None), folder=folder)
    check_apart((bundle,), ())
    for output in (bundle, tmp_path / "link", folder / ".." / "a.ofab"):
        with pytest.raises(OutputError, match="would be lost"):
            check_apart((None, output), (folder, str(bundle)))
    with pytest.raises(OutputError, match="name another folder"):
        check_apart((folder / "fleet.json",), folder=str(folder))


def test_the_lock_of_an_output_is_one_and_goes_with_its_holder(tmp_path: Path) -> None:
    output = tmp_path / "checkpoint"
    program = (
        "import sys, time; from pathlib import Path; from ofa_export.support.output import output_lock;"
        "lock = output_lock(Path(sys.argv[1])); lock.__enter__(); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(output)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(OutputError, match="being made by another ofa-export"), output_lock(output):
            pass
        holder.kill()
        holder.wait()
        with output_lock(output):
            assert not output.exists()
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
    with pytest.raises(KeyError), made_folder(folder):
        raise KeyError
    assert not folder.exists()
    for _ in range(2):
        with made_folder(folder):
            assert folder.is_dir()
    with pytest.raises(KeyError), made_folder(folder):
        raise KeyError
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
    with pytest.raises(OutputError, match="cannot be made: File exists"), made_folder(tmp_path / "out"):
        pytest.fail("nothing to write into")


def test_a_folder_with_more_than_a_checkpoint_in_it_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors"):
        (folder / name).touch()
    check_checkpoint_output(folder, force=True)
    (folder / "thesis.tex").touch()
    with pytest.raises(OutputError, match=r"no part of a checkpoint, 'thesis.tex', which --force would remove"):
        check_checkpoint_output(folder, force=True)
