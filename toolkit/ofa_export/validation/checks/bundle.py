"""Claims of a bundle's manifest, held against its checkpoint: size, checkpoint, contract, items and quality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from ofa_export.bundle.manifest import Quality, Shapes
from ofa_export.errors import ConfigError
from ofa_export.graphs.layers import linear_layers
from ofa_export.planning.configuration_worth import WorthSource
from ofa_export.planning.configurations import configuration_of
from ofa_export.planning.quality_curve import QualityCurve
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.precision import check_layers
from ofa_export.validation.comparison import Comparison, user_group
from ofa_export.validation.finding import Finding, at_most
from ofa_export.validation.tolerance import Limit

ACCEPTED = "bundle.accepted"
SAME_CHECKPOINT = "bundle.checkpoint"
CONTRACT = "bundle.contract"

PROMISES_NAMED = 3
"""Promises that a sentence names, those farthest off first."""


def accepted_finding(rejection: str | None) -> Finding:
    """Make the finding `bundle.accepted`: whether the reader, and the runtime on this computer, take the file.

    Args:
        rejection: their reason to refuse it, or None.
    """
    sentence = rejection or "The file passed every check of the reader."
    return at_most(ACCEPTED, 0 if rejection is None else 1, 0, "count", sentence)


def size_findings(comparison: Comparison) -> Iterator[Finding]:
    """Hold the whole file against its budget.

    Args:
        comparison: with any bundle.

    Yields:
        `bundle.size_bytes`.
    """
    yield at_most(
        "bundle.size_bytes",
        comparison.bundle.size,
        comparison.manifest.budget_bytes,
        "bytes",
        "Size of the whole file against the budget that its manifest names.",
    )


def checkpoint_findings(comparison: Comparison) -> Iterator[Finding]:
    """Check that the bundle was made from this checkpoint: nothing can be said about a bundle of another one.

    Args:
        comparison: with any bundle.

    Yields:
        `bundle.checkpoint`.
    """
    manifest, checkpoint = comparison.manifest, comparison.trained
    same = manifest.checkpoint_sha256 == checkpoint.sha256
    sentence = (
        f"The bundle was made from this checkpoint (SHA-256 {checkpoint.sha256})."
        if same
        else f"The bundle of model {manifest.model_id} was made from the checkpoint with SHA-256 "
        f"{manifest.checkpoint_sha256}; the one given has {checkpoint.sha256 or 'none, it was never saved'}. "
        "Give the checkpoint that the bundle was made from, or make the bundle again; nothing else was compared."
    )
    yield at_most(SAME_CHECKPOINT, 0 if same else 1, 0, "count", sentence)


def contract_findings(comparison: Comparison) -> Iterator[Finding]:
    """Check names, shapes and settings that follow from the checkpoint; the runtime checks those of the graphs.

    Args:
        comparison: with a bundle of this checkpoint.

    Yields:
        `bundle.contract`.
    """
    problems = list(_contract_problems(comparison))
    sentence = "Graph names, shapes, item groups and ranking settings of the manifest against the checkpoint" + (
        f": {'; '.join(problems)}. The bundle cannot be run with this reference, nothing else was compared."
        if problems
        else "; the graphs' own names and shapes were checked when the runtime loaded them."
    )
    yield at_most(CONTRACT, len(problems), 0, "count", sentence)


def item_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare keys and titles of the items with the checkpoint's, row by row.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.item_keys`, `bundle.item_titles`.
    """
    items, checkpoint = comparison.bundle.items, comparison.checkpoint
    for what, found, expected in (
        ("keys", items.keys, checkpoint.item_keys),
        ("titles", items.titles, checkpoint.item_titles),
    ):
        wrong = [row for row, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b]
        first = (
            f"; row {wrong[0]} has {found[wrong[0]]!r} instead of {expected[wrong[0]]!r}" if wrong else ": all equal"
        )
        yield at_most(
            f"bundle.item_{what}",
            len(wrong),
            0,
            "count",
            f"Item {what} that differ from the checkpoint's, of {len(found):,}{first}.",
        )


def quality_findings(comparison: Comparison) -> Iterator[Finding]:
    """Measure the quality that the manifest promises again, as it was made, at every number of tiles that it names.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.quality.max_ndcg_err`; nothing where the recipe has no limit for it.
    """
    limit, recipe = comparison.policy.quality_ndcg_err, comparison.recipe
    if limit is not None:
        source = WorthSource(comparison.selection, converter=comparison.converter, recipe=recipe)
        yield compare_quality(comparison.manifest.quality, source.worth(configuration_of(recipe)).curve, limit=limit)


def compare_quality(quality: Quality, measured: QualityCurve, *, limit: Limit) -> Finding:
    """Compare every promise with what is measured again; a promise that nobody would make is infinitely far off.

    Args:
        quality: as the manifest has it.
        measured: the same prefixes of the tiles, if they are those of the checkpoint.
        limit: largest difference of NDCG@10.
    """
    promised = quality.ndcg_at_10
    texts = {"the full table": promised.full_table}
    texts |= {f"{each.tiles} tiles": each.ndcg_at_10 for each in promised.by_tiles}
    values = {"the full table": measured.full_table}
    values |= {f"{tiles} tiles": value for tiles, value in measured.by_tiles}
    errors = {name: abs(float(text) - values[name]) for name, text in texts.items() if name in values}
    errors |= dict.fromkeys(texts.keys() ^ values.keys(), math.inf)
    if quality.users != measured.users:
        errors[f"{quality.users:,} users instead of {measured.users:,}"] = math.inf
    worst = sorted(errors, key=lambda name: -errors[name])[:PROMISES_NAMED]
    return at_most(
        "bundle.quality.max_ndcg_err",
        max(errors.values()),
        limit.limit,
        "ndcg",
        f"NDCG@10 that the manifest promises, measured again on {quality.measured_on}; the farthest off: "
        f"{'; '.join(_promise(name, texts, values) for name in worst)}.",
    )


def _promise(name: str, texts: Mapping[str, str], values: Mapping[str, float]) -> str:
    if name in texts and name in values:
        return f"{texts[name]} for {name}, measured {values[name]:.4f}"
    if name in texts:
        return f"{texts[name]} for {name}, which nothing is measured at"
    return f"none for {name}, measured {values[name]:.4f}" if name in values else name


def _contract_problems(comparison: Comparison) -> Iterator[str]:
    manifest, checkpoint, converter = comparison.manifest, comparison.checkpoint, comparison.converter
    config = checkpoint.config
    if user_group(manifest, checkpoint) is None:
        yield f"user group {manifest.group!r} is none of 0 to {config.model.user_groups - 1}"
    shapes = config.model.shapes(theta_size=checkpoint.model.theta_size, candidates=manifest.shapes.candidates)
    expected = Shapes(**vars(shapes))
    if manifest.shapes != expected:
        yield f"shapes are {manifest.shapes.model_dump()}, the checkpoint's {expected.model_dump()}"
    if manifest.embeddings.group_sizes != config.model.group_sizes:
        yield f"item groups have {manifest.embeddings.group_sizes} items, the checkpoint's {config.model.group_sizes}"
    if manifest.ranking.exclude_history != config.data.exclude_history:
        yield f"exclude_history is {manifest.ranking.exclude_history}, the checkpoint says otherwise"
    yield from _recipe_problems(comparison)
    if manifest.entries[0].name != converter.entry_name:
        yield f"the graphs are in {manifest.entries[0].name}, {converter.name} reads {converter.entry_name}"


def _recipe_problems(comparison: Comparison) -> Iterator[str]:
    manifest = comparison.manifest
    try:
        recipe = comparison.recipe
    except ValidationError as error:
        yield f"the recipe is none ({error.error_count()} mistakes), so what the graphs should be is not known"
        return
    try:
        check_layers(recipe.precision, linear_layers(comparison.graphs))
        bundled(comparison.trained, recipe=recipe)
    except ConfigError as error:
        yield f"the recipe does not fit ({error})"
    wanted = min(recipe.selftest.candidates, comparison.checkpoint.config.model.items)
    if wanted > recipe.candidates:
        yield f"the recipe's self-test scores {wanted} candidates, a call of score {recipe.candidates}"
    if manifest.precision != recipe.precision.name:
        yield f"precision is {manifest.precision}, the recipe's {recipe.precision.name}"
    if float(manifest.selftest.min_snr_db) < recipe.selftest_snr_db:
        asked = float(manifest.selftest.min_snr_db)
        yield f"the self-test asks for {asked:g} dB, the recipe for {recipe.selftest_snr_db:g}"
