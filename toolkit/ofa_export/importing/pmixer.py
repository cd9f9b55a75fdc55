"""State dicts of pmixer/SASRec.pytorch: the published form, and the three that followed it under the same names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from ofa_export.errors import CheckpointError
from ofa_export.importing.imported_net import PADDING, ImportedNet
from ofa_export.importing.source_tensors import SourceTensors
from ofa_export.model.config import BackboneName

LINEARS = {"conv1": "ffn_in", "conv2": "ffn_out"}
NORMS = {"attention_layernorms": "attention_norm", "forward_layernorms": "ffn_norm"}


def read_published(tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
    """Return the form with positions from 0 and a normalised query.

    Args:
        tensors: the state dict.
        heads: which the tensors do not tell.

    Raises:
        CheckpointError: the tensors are not of this form.
    """
    source = SourceTensors(tensors, "pmixer")
    position, table = source.matrix("pos_emb.weight"), source.matrix("item_emb.weight")
    if position.shape[1] == table.shape[1] and not position[0].any():
        raise CheckpointError(
            "The first row of 'pos_emb.weight' is zero, as in the newer code of SASRec.pytorch, where positions start "
            "at 1 and the tensors do not tell the order of the LayerNorms. Give --format pmixer-norm-first for a model "
            "that was trained with --norm_first, pmixer-norm-last for one that was not, or pmixer-unmasked where the "
            "code had no such option yet."
        )
    if position.shape[1] == table.shape[1] and table[0].any():
        raise CheckpointError(
            "Row 0 of 'item_emb.weight' and of 'pos_emb.weight' are not zero, which has two explanations, and their "
            "scores differ. Either positions start at 0, as in the published form of SASRec.pytorch, which never looks "
            "at row 0 of 'item_emb.weight': set that row to zero, save the tensors again and give --format pmixer. Or "
            "positions start at 1, as in the newer code, which looks at both rows wherever a history is padded: give "
            "--format pmixer-norm-first, pmixer-norm-last or pmixer-unmasked, which keep them."
        )
    return _read(source, "pmixer-sasrec", position, heads)


def read_unmasked(tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
    """Return the form with positions from 1, no mask over padding, and no option --norm_first; see `read_published`."""
    source = SourceTensors(tensors, "pmixer-unmasked")
    return _read_late(source, "pmixer-sasrec-unmasked", heads)


def read_norm_first(tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
    """Return the newest form, trained with --norm_first; see `read_published`."""
    source = SourceTensors(tensors, "pmixer-norm-first")
    return _read_late(source, "pmixer-sasrec-norm-first", heads)


def read_norm_last(tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
    """Return the newest form, trained without --norm_first; see `read_published`."""
    source = SourceTensors(tensors, "pmixer-norm-last")
    return _read_late(source, "pmixer-sasrec-norm-last", heads)


def _read_late(source: SourceTensors, backbone: BackboneName, heads: int) -> ImportedNet:
    """Read a form with positions from 1, which looks at row 0 of both tables wherever a history is padded."""
    position, table = source.matrix("pos_emb.weight"), source.matrix("item_emb.weight")
    if position.shape[1] == table.shape[1] and position[0].any() and not table[0].any():
        raise CheckpointError(
            "Row 0 of 'pos_emb.weight' is not zero and that of 'item_emb.weight' is, which has two explanations. "
            "Either positions start at 0, as in the published form of SASRec.pytorch: give --format pmixer. Or they "
            "start at 1, and row 0 stands for padding: then write it into the other table, which gives the same "
            "scores, and save the tensors again:",
            f"tensors['item_emb.weight'][0] = tensors['pos_emb.weight'][0] / {table.shape[1]} ** 0.5",
            "tensors['pos_emb.weight'][0] = 0",
        )
    net = _read(source, backbone, position[1:], heads)
    # Another width has been refused by now.
    if not table[0].any():
        return net
    padding = table[0] * math.sqrt(table.shape[1]) + position[0]
    return replace(net, tensors={**net.tensors, PADDING: padding})


def _read(source: SourceTensors, backbone: BackboneName, position: Tensor, heads: int) -> ImportedNet:
    table = source.matrix("item_emb.weight")
    d = table.shape[1]
    # Both are tables of the same width; `matrix` takes any.
    source.take("pos_emb.weight", (len(source.tensors["pos_emb.weight"]), d))
    depth = source.count("attention_layers.{}.in_proj_weight")
    made = {f"final_norm.{part}": source.take(f"last_layernorm.{part}", (d,)) for part in ("weight", "bias")}
    for index in range(depth):
        ours = f"blocks.{index}"
        attention, ffn = f"attention_layers.{index}", f"forward_layers.{index}"
        weights = source.take(f"{attention}.in_proj_weight", (3 * d, d)).chunk(3)
        biases = source.take(f"{attention}.in_proj_bias", (3 * d,)).chunk(3)
        for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            made |= {f"{ours}.linears.{name}.static.weight": weight, f"{ours}.linears.{name}.static.bias": bias}
        made[f"{ours}.linears.out.static.weight"] = source.take(f"{attention}.out_proj.weight", (d, d))
        made[f"{ours}.linears.out.static.bias"] = source.take(f"{attention}.out_proj.bias", (d,))
        for theirs, name in LINEARS.items():
            # A convolution of one tap is a linear layer.
            made[f"{ours}.linears.{name}.static.weight"] = source.take(f"{ffn}.{theirs}.weight", (d, d, 1))[:, :, 0]
            made[f"{ours}.linears.{name}.static.bias"] = source.take(f"{ffn}.{theirs}.bias", (d,))
        for theirs, name in NORMS.items():
            made[f"{ours}.norms.{name}.gain"] = source.take(f"{theirs}.{index}.weight", (d,))
            made[f"{ours}.norms.{name}.bias"] = source.take(f"{theirs}.{index}.bias", (d,))
    source.finish()
    return ImportedNet(backbone=backbone, heads=heads, depth=depth, table=table[1:], position=position, tensors=made)
