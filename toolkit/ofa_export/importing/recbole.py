"""State dicts of RecBole's SASRec (hidden_act gelu, layer_norm_eps 1e-12: its defaults)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ofa_export.importing.imported_net import ImportedNet
from ofa_export.importing.source_tensors import SourceTensors

SQUARE = {"query": "query", "key": "key", "value": "value", "dense": "out"}


def read_recbole(tensors: Mapping[str, Tensor], heads: int) -> ImportedNet:
    """Turn the state dict of `recbole.model.sequential_recommender.SASRec` into ours.

    Args:
        tensors: the state dict.
        heads: n_heads, which the tensors do not tell.

    Raises:
        CheckpointError: the tensors are not of this form.
    """
    source = SourceTensors(tensors, "recbole")
    table, position = source.matrix("item_embedding.weight"), source.matrix("position_embedding.weight")
    d = table.shape[1]
    source.take("position_embedding.weight", (len(position), d))
    depth = source.count("trm_encoder.layer.{}.multi_head_attention.query.weight")
    inner = len(source.matrix("trm_encoder.layer.0.feed_forward.dense_1.weight"))
    made = {f"embedding.norm.{part}": source.take(f"LayerNorm.{part}", (d,)) for part in ("weight", "bias")}
    for index in range(depth):
        ours, theirs = f"blocks.{index}", f"trm_encoder.layer.{index}"
        shapes = {f"multi_head_attention.{name}": (to, (d, d)) for name, to in SQUARE.items()}
        shapes |= {"feed_forward.dense_1": ("ffn_in", (inner, d)), "feed_forward.dense_2": ("ffn_out", (d, inner))}
        for name, (to, shape) in shapes.items():
            made[f"{ours}.linears.{to}.static.weight"] = source.take(f"{theirs}.{name}.weight", shape)
            made[f"{ours}.linears.{to}.static.bias"] = source.take(f"{theirs}.{name}.bias", shape[:1])
        for name, to in (("multi_head_attention", "attention_norm"), ("feed_forward", "ffn_norm")):
            made[f"{ours}.norms.{to}.gain"] = source.take(f"{theirs}.{name}.LayerNorm.weight", (d,))
            made[f"{ours}.norms.{to}.bias"] = source.take(f"{theirs}.{name}.LayerNorm.bias", (d,))
    source.finish()
    return ImportedNet(
        backbone="recbole-sasrec",
        heads=heads,
        depth=depth,
        table=table[1:],
        position=position,
        tensors=made,
        inner_width=inner,
    )
