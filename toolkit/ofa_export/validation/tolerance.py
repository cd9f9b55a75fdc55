"""Tolerance recipes: every limit of `validate`, each with the reason for its number."""

from __future__ import annotations

from pydantic import Field

from ofa_export.errors import UnknownNameError
from ofa_export.support.frozen_model import FiniteModel


class Limit(FiniteModel):
    """A limit and the reason for its number.

    Args:
        limit: the number, in the unit that the field's name says.
        why: the reason.
    """

    limit: float
    why: str = Field(min_length=1)


class PrecisionLimits(FiniteModel):
    """Limits that depend on the precision of a bundle's graphs.

    Args:
        graph_snr_db: floor of every graph output for every history, in decibels, on the reference's inputs; None where
            the conversion limits hold for the bundle's own graphs.
        session_snr_db: floor of the scores after adapt and all blocks, in decibels, for every history.
        gate_margin: margin of a gate, in the reference, below which its decision may fall either
            way in this precision: a flip below it is a warning, a flip above it a failure (our choice).
        top10_overlap_share: floor of the mean share of items that the device and the reference have in common.
        ndcg_drop: largest mean loss of NDCG@10 of the device against the reference with the same tiles.
        cross_max_abs_err: largest absolute difference of any output from that of the runtime's other converter, where
            the conversion limits hold; None where converters are not compared.
        cross_snr_db: floor of every output for every history against that of the other converter, in decibels, where
            `graph_snr_db` holds; None where converters are not compared.
        layer_unexplained_snr_db: floor of each layer's output for every history against the layer in PyTorch that
            rounds as its scheme says and is fed the same, in decibels; None only reports it.
    """

    graph_snr_db: Limit | None = None
    session_snr_db: Limit
    gate_margin: Limit
    top10_overlap_share: Limit
    ndcg_drop: Limit
    cross_max_abs_err: Limit | None = None
    cross_snr_db: Limit | None = None
    layer_unexplained_snr_db: Limit | None = None


class TolerancePolicy(FiniteModel):
    """A tolerance recipe.

    Args:
        description: what it is for.
        histories: real histories that are compared at most; cut and joined ones come on top.
        made_histories: histories that are made at most so that every item is in one, beside those of every length.
        normalised_max_abs_err: conversion limit of outputs behind a normalisation or another long sum.
        plain_max_abs_err: conversion limit of outputs without one.
        silent_max_abs_err: limit where the reference is zero, so that there is no signal to compare noise with.
        scale_max_abs_err: limit of the scales and decoding tables of the item table.
        tile_bytes: bytes of the tiles that may differ from the checkpoint's table.
        selftest_max_abs_err: limit of the self-test's expected values against the recomputed ones.
        rounding_snr_db: floor of the median history of every graph output against PyTorch that rounds as the runtime
            does, in decibels; None does not compare them.
        history_snr_db: floor of every single history, real or made, of every output that a quantised layer has a part
            in, against the same, in decibels; None tries no made histories.
        small_inputs_snr_db: floor of the best history on hidden states as small as the epsilon of a normalisation, in
            decibels; None does not try any.
        scale_error_share: largest error of a scale of a linear layer that is certain; None does not look for any.
        quality_ndcg_err: limit of the manifest's NDCG@10 against the recomputed one; None does not measure it again.
        budget_ndcg_drop: largest loss of NDCG@10 that the budget may cost; None only reports it.
        precisions: limits by the precision of the bundle's graphs.
    """

    description: str = Field(min_length=1, max_length=500)
    histories: int = Field(ge=1, le=100_000)
    made_histories: int = Field(default=4096, ge=0, le=1_000_000)
    normalised_max_abs_err: Limit
    plain_max_abs_err: Limit
    silent_max_abs_err: Limit
    scale_max_abs_err: Limit
    tile_bytes: Limit
    selftest_max_abs_err: Limit
    rounding_snr_db: Limit | None = None
    history_snr_db: Limit | None = None
    small_inputs_snr_db: Limit | None = None
    scale_error_share: Limit | None = None
    quality_ndcg_err: Limit | None = None
    budget_ndcg_drop: Limit | None = None
    precisions: dict[str, PrecisionLimits] = Field(min_length=1)

    def of_precision(self, name: str) -> PrecisionLimits:
        """Look up the limits of a precision; of several schemes those of the coarsest, which decides the noise.

        Args:
            name: as the manifest says, for example "int8" or "int8+int4", finest first.

        Raises:
            UnknownNameError: the recipe has no limits for it.
        """
        coarsest = name.rpartition("+")[2]
        if coarsest not in self.precisions:
            raise UnknownNameError("precision in this tolerance recipe", coarsest, self.precisions)
        return self.precisions[coarsest]
