"""Reader of checkpoints as hostile input: no pickle; every tensor's name, type, shape and values are checked.

Tensors stay mapped: the item table of a large catalogue takes no memory that the system cannot have back. They are
those of a copy without a name, since a mapped file that another program cuts short ends the process with SIGBUS, and
one that it writes to changes what was checked.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ofa_export.bundle.tile_order import TileOrder
from ofa_export.errors import CheckpointError, ConfigError, OutputError
from ofa_export.model.checkpoint import (
    FORMAT,
    ITEM_SCHEMA,
    SCHEMA_VERSION,
    Checkpoint,
    CheckpointConfig,
    ValidationSet,
)
from ofa_export.model.checkpoint_folder import (
    CONFIG,
    DIGESTED,
    ITEMS,
    VALIDATION,
    WEIGHTS,
    files_digest,
    open_folder,
)
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.model.text_column import TextColumn
from ofa_export.support.input import open_regular
from ofa_export.support.plain_values import TextError, read_json

File = bytes | mmap.mmap
"""Content of a file; mapped, unless it is empty, which cannot be mapped."""

VALUES_AT_ONCE = 2**22
"""Values that are looked at in one go: what says which are finite is small beside a mapped table."""

COPIED_AT_ONCE = 2**20

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def load_checkpoint(path: Path) -> Checkpoint:
    """Read and check a checkpoint folder.

    Args:
        path: the folder.

    Returns:
        the checkpoint, its model in evaluation mode.

    Raises:
        CheckpointError: a file is missing, truncated, a pickle, of another version, or a tensor of it is missing,
            unexpected, non-finite or of another shape.
    """
    # The copy loses its name when the block ends, and its tensors stay.
    with tempfile.TemporaryDirectory(prefix="ofa-export-") as copy:
        return _load(path, Path(copy))


def _load(path: Path, copy: Path) -> Checkpoint:
    files = _read_files(path, copy)
    config = _parse_config(files[CONFIG][:])
    tensors = _tensors(copy, WEIGHTS, files[WEIGHTS])
    # Tensors of the device "meta" have a shape and no memory; they are given those of the file.
    with torch.device("meta"):
        model = AdaptiveRecommender(config.model).eval()
    _check_size(tensors, model)
    G_u, d = config.model.user_groups, config.model.width
    G_v, N = config.model.item_groups, config.model.embedding_blocks
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        name: (tuple(value.shape), "float32") for name, value in model.state_dict().items()
    }
    expected["importance"] = ((G_u, G_v, N), "float32")
    expected["tile_order"] = ((G_u, G_v * N * 8), "uint16")
    expected["centroids"] = ((G_u, d), "float32")
    _check_tensors(tensors, expected, WEIGHTS)
    tile_orders = _parse_orders(tensors.pop("tile_order").numpy(), config)
    importance, centroids = tensors.pop("importance").numpy(), tensors.pop("centroids").numpy()
    model.load_state_dict(tensors, assign=True)
    keys, titles = _parse_items(files[ITEMS][:], config.model.items)
    return Checkpoint(
        config=config,
        model=model.requires_grad_(False),
        importance=importance,
        tile_orders=tile_orders,
        centroids=centroids,
        item_keys=keys,
        item_titles=titles,
        validation=_parse_validation(_tensors(copy, VALIDATION, files[VALIDATION]), config.model),
        sha256=files_digest(files),
        folder=path,
    )


def _read_files(path: Path, copy: Path) -> dict[str, File]:
    # Opened once: should another folder take its name meanwhile, no file comes from that one.
    folder = open_folder(path)
    try:
        return {name: _copied(path, folder, name, copy) for name in (CONFIG, WEIGHTS, ITEMS, VALIDATION)}
    finally:
        os.close(folder)


def _copied(path: Path, folder: int, name: str, copy: Path) -> File:
    try:
        with open_regular(name, folder=folder) as source, (copy / name).open("wb") as target:
            if os.fstat(source.fileno()).st_size > shutil.disk_usage(copy).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            shutil.copyfileobj(source, target, COPIED_AT_ONCE)
        return _mapped(copy / name)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise OutputError(
                f"The folder for temporary files has no room for a copy of {path / name}: free some, or name "
                "another folder in the environment variable TMPDIR."
            ) from error
        if name == VALIDATION and (path / DIGESTED[name]).is_file():
            raise CheckpointError(
                f"Checkpoint '{path}' is of an older ofa-export: rename its {DIGESTED[name]} to {name}."
            ) from error
        raise CheckpointError(
            f"Checkpoint '{path}' has no readable {name} ({error.strerror}). Copy the whole folder again."
        ) from error


def _parse_config(data: bytes) -> CheckpointConfig:
    try:
        raw = read_json(data)
    except TextError as error:
        raise CheckpointError(f"{CONFIG} is not JSON ({error}). Copy the checkpoint again.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise CheckpointError(
            f"{CONFIG} does not say format '{FORMAT}': this folder is not a checkpoint of ofa-export."
        )
    version = str(raw.get("schema_version"))
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise CheckpointError(
            f"{CONFIG} has schema version {version}, this ofa-export reads {SCHEMA_VERSION}. "
            "Install the ofa-export that made the checkpoint, or train it again."
        )
    try:
        return CheckpointConfig.model_validate_json(data)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CheckpointError(f"{CONFIG} is not valid: {problems}.") from error


def _mapped(path: Path) -> File:
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _tensors(path: Path, name: str, data: File) -> dict[str, Tensor]:
    # Safetensors starts with the length of its header in eight bytes, which may be any, and the header with "{".
    if data[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and data[8:9] != b"{":
        raise CheckpointError(
            f"{name} is a pickle under another name, which can run code when it is read; it was not opened. "
            "Save the tensors with safetensors."
        )
    try:
        with safe_open(path / name, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{name} is truncated or not safetensors ({error}). Copy it again.") from error


def _check_size(tensors: dict[str, Tensor], model: AdaptiveRecommender) -> None:
    """Return a model takes the memory that config.json claims, so the file must first hold its largest tensors."""
    tables = model.tables.numel()
    generators = sum(parameter.numel() for parameter in model.mapper.generators.parameters())
    held = sum(tensor.numel() for tensor in tensors.values())
    if held < tables + generators:
        raise CheckpointError(
            f"{WEIGHTS} does not fit config.json: it holds {held:,} values, and tables and generators of these sizes "
            f"alone have {tables + generators:,}. Train again or restore the file."
        )


def _check_tensors(tensors: dict[str, Tensor], expected: dict[str, tuple[tuple[int, ...], str]], file: str) -> None:
    problems = [f"tensor '{name}' is missing" for name in sorted(expected.keys() - tensors.keys())]
    problems += [f"tensor '{name}' is not known" for name in sorted(tensors.keys() - expected.keys())]
    for name in sorted(expected.keys() & tensors.keys()):
        shape, dtype = expected[name]
        found, its_dtype = tensors[name], str(tensors[name].dtype).removeprefix("torch.")
        if found.shape != shape or its_dtype != dtype:
            problems.append(f"tensor '{name}' is {its_dtype}{list(found.shape)}, expected {dtype}{list(shape)}")
        elif dtype == "float32" and (bad := _not_finite(found)):
            problems.append(f"tensor '{name}' has {bad} values that are NaN or infinite")
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise CheckpointError(f"{file} does not fit config.json: {shown}. Train again or restore the file.")


def _not_finite(tensor: Tensor) -> int:
    """Tell how many values are NaN or infinite."""
    parts = torch.split(tensor.flatten(), VALUES_AT_ONCE)
    return sum(part.numel() - int(np.count_nonzero(np.isfinite(part.numpy()))) for part in parts)


def _parse_orders(rows: NDArray[np.uint16], config: CheckpointConfig) -> tuple[TileOrder, ...]:
    groups, blocks = config.model.item_groups, config.model.embedding_blocks
    try:
        return tuple(TileOrder(name=config.order, groups=groups, blocks=blocks, tiles=row) for row in rows)
    except ConfigError as error:
        raise CheckpointError(f"{WEIGHTS}: tensor 'tile_order' is not an order. {error} Train again.") from error


def _parse_items(data: bytes, items: int) -> tuple[TextColumn, TextColumn]:
    try:
        frame = pl.read_parquet(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CheckpointError(f"{ITEMS} is truncated or not Parquet ({error}). Copy it again.") from error
    if dict(frame.schema) != ITEM_SCHEMA or frame.height != items:
        raise CheckpointError(
            f"{ITEMS} must have the text columns item_id and title and {items} rows, one for each row of the table; "
            f"it has {frame.columns} and {frame.height} rows."
        )
    if frame["item_id"].n_unique() != items or frame.null_count().sum_horizontal().item():
        raise CheckpointError(f"{ITEMS} has empty or repeated values: every row needs its own item_id and a title.")
    return TextColumn(frame["item_id"]), TextColumn(frame["title"])


def _parse_validation(tensors: dict[str, Tensor], config: ModelConfig) -> ValidationSet:
    count = tensors["targets"].numel() if "targets" in tensors else 0
    if count == 0:
        raise CheckpointError(
            f"{VALIDATION} holds no history, and plan and validate measure on some. Make the checkpoint again; with "
            "--validation-histories synthetic or none it keeps no person's."
        )
    expected = {
        "histories": ((count, config.history_length), "int32"),
        "targets": ((count,), "int32"),
        "user_groups": ((count,), "int32"),
    }
    _check_tensors(tensors, expected, VALIDATION)
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    bounds = {"histories": (-1, config.items), "targets": (0, config.items), "user_groups": (0, config.user_groups)}
    for name, (low, high) in bounds.items():
        if arrays[name].min() < low or arrays[name].max() >= high:
            raise CheckpointError(f"{VALIDATION}: '{name}' has values outside {low}..{high - 1}. Train again.")
    real = arrays["histories"] >= 0
    if not real[:, -1].all() or (real[:, :-1] & ~real[:, 1:]).any():
        raise CheckpointError(f"{VALIDATION}: a history is empty or not padded on the left. Train again.")
    return ValidationSet(**arrays)
