from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
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


class Malicious:
    """Runs code in whoever unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of the file was run')",)


MODEL = {"item_emb.weight": torch.arange(6.0).reshape(3, 2), "last_layernorm.bias": torch.ones(2)}


def below(prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in MODEL.items()}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    "content",
    [
        TENSORS,
        OrderedDict(TENSORS),
        {"state_dict": TENSORS, "epoch": 3, "best": torch.ones(())},
        {"model": TENSORS, "rng": {"cpu": torch.ones(9)}},
        {"model_state_dict": OrderedDict(TENSORS), "optimizer_state_dict": {"state": {0: {"step": torch.ones(1)}}}},
        {"trainer": {"net": TENSORS}, "args": {"lr": 1e-3}},
        {"state_dict": TENSORS, "config": Config(), "score": np.float64(0.5)},
        {"state_dict": TENSORS, "logger": Malicious()},
    ],
    ids=["plain", "ordered", "state_dict", "model", "model_state_dict", "nested", "objects", "code"],
)
def test_tensors_are_found_in_whatever_torch_save_wrote(
    tmp_path: Path, content: object, protocol: int, zipped: bool
) -> None:
    saved = tmp_path / "x.pth"
    torch.save(content, saved, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    found = read_state_dict(saved)
    assert set(found) == {"a", "b"}
    assert all(torch.equal(found[name], TENSORS[name].float()) for name in found)
    assert {value.dtype for value in found.values()} == {torch.float32}


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.", "module._orig_mod.", "model.sasrec."])
def test_names_are_those_of_the_module_that_was_trained(tmp_path: Path, prefix: str) -> None:
    beside = {"loss.pos_weight": torch.ones(1)} if prefix.startswith("model") else {}
    torch.save({"state_dict": below(prefix) | beside}, tmp_path / "x.ckpt")
    assert read_state_dict(tmp_path / "x.ckpt").keys() == MODEL.keys()


def test_compiled_layers_have_their_own_names(tmp_path: Path) -> None:
    torch.save({"item_emb.weight": torch.ones(2), "layers.0._orig_mod.weight": torch.ones(2)}, tmp_path / "x.pth")
    assert set(read_state_dict(tmp_path / "x.pth")) == {"item_emb.weight", "layers.0.weight"}


def test_of_two_sets_of_the_same_tensors_none_is_chosen(tmp_path: Path) -> None:
    torch.save({"model": MODEL, "ema": {name: 2 * value for name, value in MODEL.items()}}, tmp_path / "x.pth")
    message = rejection(tmp_path / "x.pth")
    assert "2 sets of tensors of the same names: 'model', 'ema'" in message
    assert "saved['model']" in message


def test_of_two_models_none_is_chosen_whatever_their_prefixes(tmp_path: Path) -> None:
    averaged = below("module.") | {"n_averaged": torch.tensor(3)}
    torch.save({"model": MODEL, "swa": averaged}, tmp_path / "x.pth")
    assert "2 sets of tensors of the same names: 'model', 'swa'" in rejection(tmp_path / "x.pth")
    torch.save(averaged, tmp_path / "x.pth")
    assert read_state_dict(tmp_path / "x.pth").keys() == MODEL.keys()
    whole = {"item_emb.weight": torch.ones(2, 2), "pos_emb.weight": torch.ones(2, 2)}
    both = {f"{prefix}.{name}": value for prefix in ("model", "ema") for name, value in whole.items()}
    torch.save(both, tmp_path / "x.pth")
    assert "2 models together, named 'ema.…' and 'model.…'" in rejection(tmp_path / "x.pth")
    del both["ema.pos_emb.weight"]
    torch.save(both, tmp_path / "x.pth")
    found = read_state_dict(tmp_path / "x.pth")
    assert found.keys() == whole.keys() and found.left_out == ("ema.item_emb.weight",)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_tensors_without_float_values(tmp_path: Path) -> None:
    table = MODEL["item_emb.weight"]
    torch.save({**MODEL, "a": torch.quantize_per_tensor(table, 0.1, 0, torch.qint8)}, tmp_path / "x.pth")
    assert "'a' quantised. Save the float tensors" in rejection(tmp_path / "x.pth")
    torch.save({**MODEL, "a": table.to("meta")}, tmp_path / "x.pth")
    assert "'a' on the device meta" in rejection(tmp_path / "x.pth")


def test_a_shape_without_the_data_for_it(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(10**12)}, tmp_path / "x.pth")
    assert "less data for the tensor 'a' than its shape needs" in rejection(tmp_path / "x.pth")


def test_safetensors_under_any_name(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "x.bin")
    assert torch.equal(read_state_dict(tmp_path / "x.bin")["a"], TENSORS["a"])


@pytest.mark.parametrize("zipped", [True, False])
def test_a_whole_model_is_not_read(tmp_path: Path, zipped: bool) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    message = rejection(tmp_path / "x.pth")
    assert "a whole object of torch.nn.modules.linear.Linear" in message
    assert "torch.save(model.state_dict(), 'state_dict.pth')" in message


def test_an_optimiser_alone(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    torch.save(torch.optim.Adam(model.parameters()).state_dict(), tmp_path / "x.pth")
    assert "the state of an optimiser" in rejection(tmp_path / "x.pth")


@pytest.mark.parametrize("kept", [0, 1, 4, 100, -30])
@pytest.mark.parametrize("kind", ["zip", "pickle", "safetensors"])
def test_truncated_files(tmp_path: Path, kept: int, kind: str) -> None:
    path = tmp_path / "x"
    if kind == "safetensors":
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "zip")
    path.write_bytes(path.read_bytes()[:kept])
    assert "Copy it again" in rejection(path)


@pytest.mark.parametrize("content", [[1.0], {"a": 1}, {1: torch.ones(1)}, torch.ones(2)])
def test_other_things_than_named_tensors(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pth")
    assert "does not hold named tensors" in rejection(tmp_path / "x.pth")


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert "Check the path" in rejection(tmp_path / "x.pth")
    assert "is a folder" in rejection(tmp_path)
