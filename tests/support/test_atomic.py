from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_export.errors import OutputError
from ofa_export.support.atomic import atomic_folder, atomic_write, put_back


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


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link, target = tmp_path / "latest", tmp_path / "store" / "monday"
    link.symlink_to(target)
    for content in (b"made", b"replaced"):
        with atomic_write(link) as file:
            file.write(content)
        assert link.readlink() == target
        assert target.read_bytes() == content
    folder = tmp_path / "checkpoint"
    folder.symlink_to("store")
    with atomic_folder(folder) as part:
        (part / "new").touch()
    assert folder.is_symlink()
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["new"]
    assert {path.name for path in tmp_path.iterdir()} == {"latest", "store", "checkpoint"}


def test_a_pipe_is_never_replaced_whoever_asks(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OutputError, match="is a pipe, which a result would replace"), atomic_write(tmp_path / name):
            raise AssertionError
    assert (tmp_path / "pipe").is_fifo()


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch()
    path.chmod(0o600)
    with atomic_write(path) as file:
        file.write(b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_another_command_made_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(OutputError, match="another command has made it"), atomic_write(path, replace=False) as file:
        file.write(b"mine")
        path.write_bytes(b"theirs")
    assert path.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import sys, time
from pathlib import Path
from ofa_export.support.atomic import atomic_folder, atomic_write
folder = Path(sys.argv[1])
with atomic_write(folder / "file") as file, atomic_folder(folder / "folder") as part:
    (part / "half").touch()
    print(flush=True)
    time.sleep(60)
"""


def test_parts_of_a_killed_run_are_removed_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    others = {tmp_path / ".ofa-notes.part", tmp_path / "mine.part"}
    for path in others:
        path.touch()

    def parts() -> set[Path]:
        return set(tmp_path.glob(".ofa-*.part")) - others

    def write() -> None:
        with atomic_write(tmp_path / "other") as file:
            file.write(b"whole")

    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        write()
        assert len(parts()) == 2
        writer.kill()
        writer.wait()
    assert len(parts()) == 2
    write()
    assert not parts()
    assert {path.name for path in tmp_path.iterdir()} == {".ofa-notes.part", "mine.part", "other"}


def test_a_kill_between_two_names_loses_no_folder(tmp_path: Path) -> None:
    folder, aside = tmp_path / "checkpoint", tmp_path / ".checkpoint.replaced"
    aside.mkdir()
    (aside / "old").touch()
    put_back(folder)
    assert [path.name for path in folder.iterdir()] == ["old"]
    aside.mkdir()
    with atomic_folder(folder) as part:
        (part / "new").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    assert [path.name for path in folder.iterdir()] == ["new"]
