"""Files and models that people try to import and that are not read: told apart, and said in a sentence each.

Nothing here decides whether a file is read. It only says what the file is once the reading has failed, because "choose
another --format" leads nowhere when no format fits.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection
from pathlib import Path

START = 512
"""Bytes of a file by which its kind is told."""

SHORTEST_TEXT = 8
"""Fewer bytes than this say nothing about what a file was."""

TRAIN_ELSEWHERE = (
    "`import` reads SASRec as pmixer/SASRec.pytorch and RecBole save it: train a SASRec there, or train a model here "
    "with `ofa-export train`."
)

STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, which stands for the real file. Run `git lfs pull`."),
    (b"\x1f\x8b", "compressed with gzip. Unpack it with gunzip first."),
    (b"7z\xbc\xaf", "a 7z archive. Unpack it first."),
    (b"\x89HDF", f"an HDF5 file, as Keras writes it. {TRAIN_ELSEWHERE}"),
    (b"\x93NUMPY", "a numpy array, which has no names for its tensors. Save model.state_dict() with torch.save."),
    (b"%PDF", "a PDF. Give the file of the tensors."),
)
"""First bytes of files, and what these are."""

ZIP_PARTS: tuple[tuple[str, str], ...] = (
    ("manifest.json", "a bundle of ofa-export, made already. Give the file of the source's tensors."),
    (
        "constants.pkl",
        "a TorchScript archive, which holds code and not a state dict. Where you trust it: "
        "torch.save(torch.jit.load(FILE).state_dict(), 'state_dict.pth').",
    ),
    ("archive_format", "a program of torch.export. Save model.state_dict() of the module it was exported from."),
    ("model.weights.h5", f"a Keras model. {TRAIN_ELSEWHERE}"),
    (".npy", "an archive of numpy arrays. Save model.state_dict() with torch.save."),
)
"""Ends of the names inside zip archives, and what these archives are."""

MODELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("BERT4Rec as RecBole saves it", (r"output_ffn\.weight", r"output_bias", r"trm_encoder\.")),
    ("BERT4Rec", (r"(bert\.)?embedding\.token\.weight", r"(bert\.)?transformer_blocks\.0\.")),
    ("NARM", (r"gru\.weight_ih_l0", r"a_1\.weight", r"a_2\.weight", r"v_t\.weight")),
    ("SR-GNN", (r"gnn\.(weight|w)_ih", r"linear_one\.weight", r"linear_two\.weight")),
    ("GC-SAN", (r"gnn\.(weight|w)_ih", r"self_attention\.")),
    ("GRU4Rec as RecBole saves it", (r"gru_layers\.weight_ih_l0", r"item_embedding\.weight")),
    ("GRU4Rec", (r"(gru|G|GE|rnn)\b.*(weight_ih|weight_hh|weights?)", r"(h2o|Wy|out|dense|B)\b")),
    ("Caser", (r"conv_v\.weight", r"conv_h\.0\.weight")),
    ("NextItNet", (r"residual_blocks\.0\.",)),
    ("STAMP", (r"mlp_a\.weight", r"mlp_b\.weight")),
    ("FMLP-Rec", (r".*\.complex_weight",)),
    ("TiSASRec", (r"abs_pos_K_emb\.weight", r"time_matrix_K_emb\.weight")),
    ("SASRecF, a SASRec with item features", (r"feature_embed_layer\.", r"concat_layer\.weight")),
    ("FDSA", (r"item_trm_encoder\.", r"feature_trm_encoder\.")),
    ("S3-Rec", (r"aap_norm\.weight", r"trm_encoder\.")),
    ("CORE", (r"net\.trm_encoder\.",)),
    ("LightSANs", (r"trm_encoder\.layer\.0\.multi_head_attention\.attn", r"item_embedding\.weight")),
    ("Mamba4Rec", (r"mamba_layers\.0\.",)),
    ("HSTU", (r".*_uvqk$",)),
    ("FPMC", (r"UI_emb\.weight", r"LI_emb\.weight")),
    ("NeuMF", (r"user_mf_embedding\.weight", r"user_mlp_embedding\.weight")),
    ("Mult-VAE", (r"encoder\.mlp_layers\.", r"decoder\.mlp_layers\.")),
    (
        "a matrix factorisation, as BPR and LightGCN have it, which knows its users by number",
        (r"(user_embedding|embedding_user|embed_user)\.weight", r"(item_embedding|embedding_item|embed_item)\.weight"),
    ),
    (
        "a transformer for language",
        (r"(model\.|transformer\.|bert\.|encoder\.)*(embed_tokens|wte|embeddings\.word_embeddings|shared)\.weight",),
    ),
    ("a network for images", (r"(conv1|features\.0|patch_embed\.proj|patch_embedding)\.weight",)),
)
"""Models that are not read, each with the beginnings of tensor names of which all are there; the first that fits."""

OURS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "pmixer",
        "SASRec as pmixer/SASRec.pytorch saves it: give --format pmixer, or one of its newer forms",
        (r"item_emb\.weight", r"pos_emb\.weight", r"attention_layers\.0\.in_proj_weight", r"last_layernorm\.weight"),
    ),
    (
        "recbole",
        "SASRec as RecBole saves it: give --format recbole",
        (r"item_embedding\.weight", r"position_embedding\.weight", r"trm_encoder\.layer\.0\.", r"LayerNorm\.weight"),
    ),
)
"""Families of formats that are read: the beginning of their names, what to say, and tensors that all of them have."""


def file_kind(path: Path) -> str | None:
    """Return what a file is that holds no state dict, as the rest of a sentence "It is …"; None where nothing is known.

    Args:
        path: a file that can be read.

    Raises:
        OSError: it cannot.
    """
    with path.open("rb") as file:
        start = file.read(START)
    if not start:
        return "empty. Copy it again."
    for begins, what in STARTS:
        if start.startswith(begins):
            return what
    if start.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page, as a download leaves that was answered by an error or a login. Download the file again."
    if start[257:262] == b"ustar":
        return "a tar archive. Unpack it, and give the file of the tensors."
    if start[4:8] == b"TFL3":
        return f"a TFLite model, whose weights are quantised or folded. {TRAIN_ELSEWHERE}"
    if path.suffix == ".onnx" or (start.startswith(b"\x08") and re.search(rb"pytorch|onnx", start)):
        return (
            "an ONNX graph, whose tensors have lost their names. Save model.state_dict() of the model that it was made "
            "from."
        )
    if zipfile.is_zipfile(path):
        return _zip_kind(path)
    if len(start) > SHORTEST_TEXT and start.isascii() and not set(start) & set(range(9)):
        return "a text. Give the file of the tensors: safetensors, or torch.save of model.state_dict()."
    return None


def _zip_kind(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return None
    for ends, what in ZIP_PARTS:
        if any(name.endswith(ends) for name in names):
            return what
    if not any(name.endswith("data.pkl") for name in names):
        return "a zip archive of something else than tensors. Unpack it, and give the file of the tensors."
    return None


def foreign_model(names: Collection[str], *, format: str) -> str | None:
    """Return a sentence about the model that tensors belong to, where it is known and not of the format that was given.

    Args:
        names: of the tensors.
        format: name of a format, by which they were to be read.
    """
    for what, marks in MODELS:
        if _has(names, marks):
            return f"By the names of its tensors ({_some(names)}) the file holds {what}. {TRAIN_ELSEWHERE}"
    for family, what, marks in OURS:
        if not format.startswith(family) and _has(names, marks):
            return f"By the names of its tensors the file holds {what}."
    return None


def _has(names: Collection[str], marks: tuple[str, ...]) -> bool:
    return all(any(re.match(mark, name) for name in names) for mark in marks)


def _some(names: Collection[str]) -> str:
    return ", ".join(sorted(names)[:3])
