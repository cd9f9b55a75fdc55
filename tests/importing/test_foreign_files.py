"""What people try to import by mistake is recognised, and said in a sentence."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ofa_export.errors import CheckpointError
from ofa_export.importing.foreign_files import foreign_model
from ofa_export.importing.state_dict import read_state_dict

NAMES = {
    "GRU4Rec as RecBole saves it": ("item_embedding.weight", "gru_layers.weight_ih_l0", "dense.weight"),
    "BERT4Rec as RecBole saves it": (
        *("item_embedding.weight", "position_embedding.weight", "LayerNorm.weight", "output_ffn.weight", "output_bias"),
        "trm_encoder.layer.0.multi_head_attention.query.weight",
    ),
    "Caser": ("user_embedding.weight", "item_embedding.weight", "conv_v.weight", "conv_h.0.weight"),
    "NARM": ("item_embedding.weight", "gru.weight_ih_l0", "a_1.weight", "a_2.weight", "v_t.weight", "b.weight"),
    "SR-GNN": ("item_embedding.weight", "gnn.w_ih", "linear_one.weight", "linear_two.weight", "linear_three.weight"),
    "STAMP": ("item_embedding.weight", "mlp_a.weight", "mlp_b.weight"),
    "matrix factorisation": ("user_embedding.weight", "item_embedding.weight"),
    "transformer for language": ("model.embed_tokens.weight", "model.layers.0.self_attn.q_proj.weight"),
}


@pytest.mark.parametrize("model", NAMES)
def test_other_models_are_told_by_the_names_of_their_tensors(model: str) -> None:
    sentence = foreign_model(NAMES[model], format="recbole")
    assert sentence is not None
    assert model in sentence
    assert "reads SASRec" in sentence


def test_what_is_read_is_not_taken_for_another_model(name: str, source: nn.Module) -> None:
    names = source.state_dict().keys()
    assert foreign_model(names, format=name) is None
    other = foreign_model(names, format="pmixer" if name == "recbole" else "recbole")
    assert other is not None
    assert f"give --format {name.partition('-')[0]}" in other


def write_script(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("constants.pkl", "data.pkl", "code/__torch__.py"):
            archive.writestr(f"x/{name}", b"\x80\x02}q\x00.")


def write_arrays(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.ones(2))


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("x"), io.BytesIO())


FILES = {
    "empty": lambda path: path.write_bytes(b""),
    "web page": lambda path: path.write_bytes(b"\n<!DOCTYPE html><html><body>404</body></html>"),
    "Git LFS": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
    "gzip": lambda path: path.write_bytes(b"\x1f\x8b\x08\x00abcdefgh"),
    "tar archive": write_tar,
    "HDF5": lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "ONNX": lambda path: path.write_bytes(b"\x08\x08\x12\x07pytorch\x1a\x052.1.0"),
    "TorchScript": write_script,
    "numpy arrays": write_arrays,
    "TFLite": lambda path: path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100)),
    "a text": lambda path: path.write_bytes(b"user_id,item_id,timestamp\n1,2,3\n"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_of_another_kind(tmp_path: Path, kind: str) -> None:
    FILES[kind](tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=kind):
        read_state_dict(tmp_path / "x.pth")


def test_safetensors_of_a_language_model(tmp_path: Path) -> None:
    save_file({name: torch.ones(2) for name in NAMES["transformer for language"]}, tmp_path / "model.safetensors")
    sentence = foreign_model(read_state_dict(tmp_path / "model.safetensors"), format="recbole")
    assert sentence is not None
    assert "a transformer for language" in sentence
