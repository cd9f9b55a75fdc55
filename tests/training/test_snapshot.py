from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ofa_export.errors import CheckpointError
from ofa_export.training.snapshot import load_snapshot, save_snapshot


def test_tensors_and_plain_values_come_back(tmp_path: Path) -> None:
    state = {"model": {"weight": torch.randn(3)}, "step": 7, "history": [0.1, 0.2], "name": "static", "best": None}
    save_snapshot(tmp_path / "x.running", state)
    loaded = load_snapshot(tmp_path / "x.running")
    assert torch.equal(loaded.pop("model")["weight"], state.pop("model")["weight"])  # type: ignore[index]
    assert loaded == state
    assert [path.name for path in tmp_path.iterdir()] == ["x.running"]


def test_no_bit_of_a_snapshot_changes_unseen(tmp_path: Path) -> None:
    path = tmp_path / "1-static.done"
    save_snapshot(path, {"weight": torch.arange(4.0), "step": 7})
    content = path.read_bytes()
    for at in [*range(0, len(content), 7), *range(100)]:
        changed = bytearray(content)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"Remove the file and go on with --resume"):
            load_snapshot(path)
    path.write_bytes(content)
    assert load_snapshot(path)["step"] == 7


def test_the_state_of_one_stage_is_not_that_of_another(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "1-static.done", {"weight": torch.ones(1)})
    (tmp_path / "1-static.done").rename(tmp_path / "2-groups.done")
    with pytest.raises(CheckpointError, match="damaged or not ours"):
        load_snapshot(tmp_path / "2-groups.done")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_damaged_snapshot_says_how_to_go_on(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.running"
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"x.running' is damaged or not ours. Remove the file and go on with --resume"
    ):
        load_snapshot(path)


def test_a_truncated_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.running"
    save_snapshot(path, {"weight": torch.randn(100)})
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError):
        load_snapshot(path)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code ran')",)


def test_a_snapshot_runs_no_code(tmp_path: Path) -> None:
    torch.save({"state": Bomb()}, tmp_path / "x.running")
    with pytest.raises(CheckpointError):
        load_snapshot(tmp_path / "x.running")
