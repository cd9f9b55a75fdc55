"""What is no file in the place of one: a sentence at once, from every command and for everything that it reads."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 20
"""After which a command that waits for a pipe is given up."""

INTERACTIONS = "user_id,item_id,timestamp\nu,a,1\nv,b,2\n"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise TimeoutError("it waits for the pipe")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pipe under each of the names that the commands below read, and what else they need."""
    monkeypatch.chdir(tmp_path)
    for name in ("p.ofab", "p.csv", "p.txt", "p.yaml", "p.pth", "p.parquet"):
        os.mkfifo(name)
    (tmp_path / "data.csv").write_text(INTERACTIONS)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("inspect p.ofab", 2),
        ("run p.ofab --history 1", 2),
        ("run p.ofab --history 1 --session p.ofab", 2),
        ("resize p.ofab --budget 1MB -o new", 2),
        ("delta p.ofab p.ofab -o new", 2),
        ("patch p.ofab p.ofab -o new", 2),
        ("validate p.ofab", 2),
        ("benchmark p.ofab", 2),
        ("apk p.ofab -o new", 2),
        ("session --items p.txt -o new", 2),
        ("session --items p.csv -o new", 2),
        ("plan --budget 1MB --recipe p.yaml", 2),
        ("fleet --recipe p.yaml -o new", 2),
        ("validate p.ofab --tolerance p.yaml", 2),
        ("train p.csv -o new", 2),
        ("train p.parquet -o new", 2),
        ("train data.csv --titles p.csv -o new", 2),
        ("train data.csv --recipe p.yaml -o new", 2),
        ("import p.pth --format pmixer --interactions data.csv -o new", 5),
    ],
)
def test_a_pipe_in_the_place_of_a_file(invoke, place: Path, command: str, code: int) -> None:
    before = set(place.iterdir())
    result = invoke(*command.split())
    assert result.exit_code == code, result.output
    assert "it is a pipe, and a file is needed" in result.stderr
    assert set(place.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors"]
)
def test_a_pipe_in_a_checkpoint(invoke, toy_checkpoint: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(toy_checkpoint, tmp_path / "checkpoint"))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    result = invoke("plan", folder, "--budget", "1MB")
    assert result.exit_code == 5, result.output
    assert f"has no readable {name} (it is a pipe, and a file is needed)" in result.stderr


def test_devices_and_folders_in_the_place_of_a_bundle(invoke, tmp_path: Path) -> None:
    for path, kind in (("/dev/zero", "a device"), (tmp_path, "a folder")):
        result = invoke("inspect", path)
        assert result.exit_code == 2
        assert f"it is {kind}, and a file is needed" in result.stderr
