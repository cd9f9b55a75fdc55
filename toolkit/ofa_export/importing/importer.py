"""Checkpoints from state dicts of other projects: the static net, and all that adapts at its neutral start."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ofa_export import __version__
from ofa_export.bundle.tile_order import plane_order
from ofa_export.data.catalogue import by_popularity, known_interactions, over_catalogue
from ofa_export.data.histories import Histories, build_histories, held_out_items
from ofa_export.data.sample import DataSet
from ofa_export.data.summary import order_sentence, summary, title_sentence
from ofa_export.data.tables import as_text, collect, open_table
from ofa_export.errors import CheckpointError, ConfigError, InteractionsError
from ofa_export.importing.foreign_files import foreign_model
from ofa_export.importing.imported_net import PADDING, ImportedNet
from ofa_export.importing.pmixer import read_norm_first, read_norm_last, read_published, read_unmasked
from ofa_export.importing.recbole import read_recbole
from ofa_export.importing.source import DEFAULT_HEADS, Source, check_format
from ofa_export.importing.source_tensors import SHOWN
from ofa_export.importing.state_dict import read_state_dict
from ofa_export.model.checkpoint import (
    Checkpoint,
    CheckpointConfig,
    DataCard,
    ValidationSet,
    checkpoint_files,
)
from ofa_export.model.checkpoint_folder import HistoryKind
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.ranking.metrics import ndcg_at_10
from ofa_export.ranking.scoring import score_histories
from ofa_export.support.atomic import atomic_folder
from ofa_export.support.output import check_checkpoint_output
from ofa_export.support.processes import one_torch_thread
from ofa_export.training.baselines import baseline_quality
from ofa_export.training.imported_base import IMPORTED
from ofa_export.training.kept_histories import SAID, kept_histories
from ofa_export.training.train import check_bundles
from ofa_export.training.training_loop import stage_seed

READS_PADDING = ("query.basis.weight", "key.basis.weight", "value.basis.weight", "ffn_in.basis.weight")
"""Layers of what is trained later that may read the vectors of items, padded dimensions included."""

VALIDATION = 1000
ITEM_GROUPS = 20


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A checkpoint that was written, and what its maker should know.

    Args:
        checkpoint: what was written.
        notes: sentences about what was assumed and what was left out.
        lines: sentences about the data.
    """

    checkpoint: Checkpoint
    notes: tuple[str, ...]
    lines: tuple[str, ...]


def import_checkpoint(
    source: Source,
    data: DataSet,
    output: Path,
    *,
    rank: int = 8,
    seed: int = 0,
    kept: HistoryKind = "real",
    force: bool = False,
) -> Imported:
    """Write a checkpoint that scores as its source does, and from which the remaining stages can be trained.

    Its gates are all on and its generated parameters are zero, whatever the history.

    Args:
        source: what to import.
        data: interactions: they decide the popularity of the items and give the validation histories.
        output: folder of the checkpoint.
        rank: r of the generated weights that later training adds.
        seed: of the draws: ties, validation histories, and the start of what is trained later.
        kept: what validation histories the checkpoint keeps; see `training.kept_histories`.
        force: replace an existing checkpoint.

    Returns:
        The checkpoint and notes.

    Raises:
        CheckpointError: the state dict cannot be read, or is not of this format.
        ConfigError: the rank or the number of heads fits no model.
        InteractionsError: interactions or item keys do not fit the source.
        OutputError: the output exists or cannot be written.
        UnknownNameError: there is no such format.
    """
    check_checkpoint_output(output, force=force)
    check_format(source.format)
    notes = list[str]()
    if source.heads is None:
        heads = DEFAULT_HEADS[source.format]
        notes.append(f"The tensors do not tell the number of attention heads; {heads} was assumed. Else give --heads.")
    else:
        heads = source.heads
    tensors = read_state_dict(source.state_dict)
    if (other := foreign_model(tensors, format=source.format)) is not None:
        raise CheckpointError(f"'{source.state_dict}' does not fit format {source.format}. {other}")
    if tensors.left_out:
        some = ", ".join(f"'{name}'" for name in tensors.left_out[:SHOWN])
        notes.append(
            f"Tensors beside the model were left out: {some}{' and others' if len(tensors.left_out) > SHOWN else ''}. "
            "If one of them changes its scores, as a bias of items would, the checkpoint scores otherwise."
        )
    net = READERS[source.format](tensors, heads)
    if net.table.shape[1] % max(heads, 1):
        raise ConfigError(f"{heads} heads do not divide the width {net.table.shape[1]}. Give --heads as trained.")
    if net.backbone == "recbole-sasrec":
        notes.append(
            "The tensors do not tell hidden_act and layer_norm_eps; RecBole's defaults, gelu and 1e-12, were assumed. "
            "With others the source's scores differ."
        )
    if source.items is None:
        notes.append(
            f"Without --items, item keys are the source's own numbers, 1 to {len(net.table):,}. If it numbered the "
            "items itself, as most code does, the interactions need these numbers, or --items the keys."
        )
    if PADDING in net.tensors:
        notes.append(
            "Row 0 of the embeddings, which stands for padding, is not zero; it is kept, because the source looks at "
            "it wherever a history is padded. If positions start at 0 in your code, as in the published form of "
            "SASRec.pytorch, set row 0 of 'item_emb.weight' to zero and give --format pmixer instead."
        )
    net = net.padded()
    keys = source_keys(len(net.table), source.items, columns=source.columns)
    frame, dropped = known_interactions(data.interactions.lazy().collect(), keys)
    part = build_histories(frame, recipe=data.recipe, seed=seed)
    histories = over_catalogue(part, by_popularity(part, keys))
    check_bundles(data, histories.item_keys)
    titles = title_sentence(data.titles, keys)
    config = net.config(rank=rank, item_groups=ITEM_GROUPS)
    with one_torch_thread():
        model = neutral_network(config, net, _row_order(keys, histories), seed=seed)
        checkpoint = _checkpoint(model, histories, data, _provenance(source, heads), kept=kept, seed=seed)
    with atomic_folder(output) as folder:
        for name, content in checkpoint_files(checkpoint).items():
            (folder / name).write_bytes(content)
    order = order_sentence(histories, data.recipe, coarse_times=data.coarse_times)
    said = () if kept == "real" else (SAID[kept],)
    return Imported(
        checkpoint=checkpoint,
        notes=(*notes, *dropped, *said, *(order if data.coarse_times else ())),
        lines=(*summary(part, data.recipe), *titles, *(() if data.coarse_times else order)),
    )


def neutral_network(
    config: ModelConfig, net: ImportedNet, order: NDArray[np.int64], *, seed: int
) -> AdaptiveRecommender:
    """Return the imported static net, with a mapper that generates zeros and a controller that keeps every block.

    Args:
        config: from `net.config`.
        net: the imported tensors.
        order: [V], the source's row of each of our rows.
        seed: of everything that is trained later.
    """
    torch.manual_seed(int(np.random.default_rng(stage_seed(seed, "initial")).integers(2**62)))
    model = AdaptiveRecommender(config).eval().requires_grad_(False)
    tensors = {**net.tensors, "tables": net.table[torch.from_numpy(order)][None], "position": net.position}
    for name, value in model.state_dict().items():
        # A generator starts at zero; without the history the controller's logits are those of its bias.
        value.copy_(torch.zeros_like(value) if name == "controller.head_out.weight" else tensors.get(name, value))
        if name.endswith(READS_PADDING):
            # What a device decodes of padded dimensions is not quite zero.
            value[:, config.normalised_width :] = 0
    return model


def _row_order(keys: tuple[str, ...], histories: Histories) -> NDArray[np.int64]:
    index = {key: row for row, key in enumerate(keys)}
    return np.array([index[key] for key in histories.item_keys], dtype=np.int64)


def _provenance(source: Source, heads: int) -> dict[str, Any]:
    return {
        "format": source.format,
        "heads": heads,
        "file": source.state_dict.name,
        "sha256": hashlib.sha256(source.state_dict.read_bytes()).hexdigest(),
    }


def _checkpoint(
    model: AdaptiveRecommender,
    histories: Histories,
    data: DataSet,
    provenance: dict[str, Any],
    *,
    kept: HistoryKind,
    seed: int,
) -> Checkpoint:
    config = model.config
    validation = _validation(histories, config, seed=seed)
    scores, _ = score_histories(model, model.adapt, model.tables[0], validation.histories)
    seen = validation.histories if histories.exclude_history else None
    quality = float(ndcg_at_10(scores, validation.targets, history=seen).mean())
    training = {
        "recipe": {"description": f"Imported from a state dict of format {provenance['format']}."},
        "seed": seed,
        "users": histories.users,
        "interactions": len(histories.rows),
        "measured": {IMPORTED: provenance},
        "probe_ndcg_at_10": {**baseline_quality(histories, validation), "static": quality, "adapted": quality},
        "validation_histories": kept,
        "versions": {"ofa-export": __version__, "torch": torch.__version__.split("+")[0]},
    }
    card = DataCard(
        name=data.name,
        licence=data.licence,
        attribution=data.attribution,
        exclude_history=histories.exclude_history,
    )
    return Checkpoint(
        config=CheckpointConfig(model=config, data=card, order="planes", training=training),
        model=model,
        importance=np.ones((1, config.item_groups, config.embedding_blocks), np.float32),
        tile_orders=(plane_order(config.item_groups, config.embedding_blocks),),
        centroids=np.zeros((1, config.width), np.float32),
        item_keys=histories.item_keys,
        item_titles=tuple(data.titles.get(key, "") for key in histories.item_keys),
        validation=kept_histories(
            kept,
            validation,
            histories,
            model,
            user_groups=np.zeros(histories.users, np.int32),
            seed=stage_seed(seed, "kept"),
        ),
    )


def _validation(histories: Histories, config: ModelConfig, *, seed: int) -> ValidationSet:
    drawn = np.random.default_rng(stage_seed(seed, "probes")).permutation(histories.evaluation_users)
    users = np.sort(drawn[:VALIDATION])
    found = held_out_items(histories, users, split="validation", history_length=config.history_length)
    return ValidationSet(
        histories=found.history, targets=found.targets, user_groups=np.zeros(len(found.targets), np.int32)
    )


class ReadSource(Protocol):
    """From a state dict and the number of heads to the static net."""

    def __call__(self, tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
        """Check and translate the tensors."""


READERS: Mapping[str, ReadSource] = {
    "pmixer": read_published,
    "pmixer-unmasked": read_unmasked,
    "pmixer-norm-first": read_norm_first,
    "pmixer-norm-last": read_norm_last,
    "recbole": read_recbole,
}
"""What translates the tensors of each format of `importing.source`."""


def source_keys(count: int, path: Path | None, *, columns: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the key of each item of the source.

    Args:
        count: n, items of the source without padding.
        path: table with the columns `source_id` (1 … n) and `item_id`; without it, keys are the numbers.
        columns: our name of a column -> its name in the file, where that differs.

    Returns:
        n keys, those of source ids 1 … n.

    Raises:
        InteractionsError: the file cannot be read, or does not give each source id a key of its own.
    """
    if path is None:
        return tuple(str(number) for number in range(1, count + 1))
    rows = open_table(path, ("source_id", "item_id"), named=columns, elsewhere=("item_id",)).rows
    keys = rows.select(as_text(path, rows, "source_id"), as_text(path, rows, "item_id"))
    table = collect(path, keys).drop_nulls().unique(maintain_order=True)
    numbers = table["source_id"].cast(pl.Int64, strict=False)
    wrong = table["source_id"].filter(numbers.is_null() | ~numbers.is_between(1, count))
    if len(wrong):
        raise InteractionsError(
            f"{path}: source_id {wrong[0]!r} is not a whole number from 1 to {count}, the items of the source "
            "(0 is its padding). Leave out rows of other items."
        )
    for column, values in (("source_id", numbers), ("item_id", table["item_id"])):
        if values.n_unique() < len(values):
            twice = values.filter(values.is_duplicated())[0]
            raise InteractionsError(f"{path} has more than one row with {column} {twice!r}. Keep one row per item.")
    if len(table) < count:
        missing = next(number for number in range(1, count + 1) if number not in set(numbers))
        raise InteractionsError(
            f"{path} has keys for {len(table)} of the source's {count} items; {missing} is the first without one."
        )
    return tuple(table["item_id"].gather(numbers.arg_sort()))
