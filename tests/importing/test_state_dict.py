from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ofa_export.errors import CheckpointError
from ofa_export.importing.state_dict import read_state_dict

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2, dtype=torch.float64)}


class Config:
    """Stands for the configuration object that RecBole saves beside its tensors."""


def rejection(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(path)
    return str(caught.value)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_files_of_torch_save(tmp_path: Path, zipped: bool, nested: bool) -> None:
    content = {"state_dict": TENSORS} if nested else TENSORS
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    found = read_state_dict(tmp_path / "x.pth")
    assert set(found) == {"a", "b"}
    assert all(torch.equal(found[name], TENSORS[name].float()) for name in found)
    assert {value.dtype for value in found.values()} == {torch.float32}


def test_safetensors_under_any_name(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "x.bin")
    assert torch.equal(read_state_dict(tmp_path / "x.bin")["a"], TENSORS["a"])


@pytest.mark.parametrize("zipped", [True, False])
def test_more_than_tensors_is_not_read_and_the_way_out_is_shown(tmp_path: Path, zipped: bool) -> None:
    saved = {"state_dict": TENSORS, "config": Config()}
    torch.save(saved, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    message = rejection(tmp_path / "x.pth")
    assert "can run code; it was not read" in message
    assert "torch.save(saved['state_dict'], 'state_dict.pth')" in message


def test_a_whole_model_is_not_read(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "x.pth")
    assert "it was not read" in rejection(tmp_path / "x.pth")


@pytest.mark.parametrize("kept", [0, 1, 4, 100, -30])
@pytest.mark.parametrize("kind", ["zip", "pickle", "safetensors"])
def test_truncated_files(tmp_path: Path, kept: int, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "safetensors":
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[:kept])
    assert "Copy it again" in rejection(path) or "not read" in rejection(path)


@pytest.mark.parametrize("content", [[1.0], {"a": 1}, {1: torch.ones(1)}, torch.ones(2)])
def test_other_things_than_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    assert "does not hold named tensors" in rejection(tmp_path / "x.pth")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "Check the path" in rejection(tmp_path / "x.pth")
    assert "Check the path" in rejection(tmp_path)
