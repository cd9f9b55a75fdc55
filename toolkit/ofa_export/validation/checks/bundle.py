"""Checks of what a bundle says of itself, and that it is made from the checkpoint it is compared with."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from ofa_export.bundle.manifest import Manifest, Shapes
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.protocol import Converter
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.validation.finding import Finding, at_most

ACCEPTED = "bundle.accepted"
SAME_CHECKPOINT = "bundle.checkpoint"
CONTRACT = "bundle.contract"


def accepted_finding(rejection: str | None) -> Finding:
    """`bundle.accepted`: whether the reader, and the runtime in this process, take the file.

    Args:
        rejection: their reason to refuse it, or None.
    """
    sentence = rejection or "The file passed every check of the reader."
    return at_most(ACCEPTED, 0 if rejection is None else 1, 0, "count", sentence)


def size_finding(bundle: Bundle) -> Finding:
    """`bundle.size_bytes`: the whole file within its budget."""
    return at_most(
        "bundle.size_bytes",
        bundle.size,
        bundle.manifest.budget_bytes,
        "bytes",
        "Size of the whole file against the budget that its manifest names.",
    )


def checkpoint_finding(manifest: Manifest, checkpoint: Checkpoint) -> Finding:
    """`bundle.checkpoint`: nothing can be said about a bundle of another checkpoint."""
    same = manifest.checkpoint_sha256 == checkpoint.sha256
    sentence = (
        f"The bundle was made from this checkpoint (SHA-256 {checkpoint.sha256})."
        if same
        else f"The bundle of model {manifest.model_id} was made from the checkpoint with SHA-256 "
        f"{manifest.checkpoint_sha256}; the one given has {checkpoint.sha256 or 'none, it was never saved'}. "
        "Give the checkpoint that the bundle was made from, or make the bundle again; nothing else was compared."
    )
    return at_most(SAME_CHECKPOINT, 0 if same else 1, 0, "count", sentence)


def contract_finding(manifest: Manifest, checkpoint: Checkpoint, converter: Converter) -> Finding:
    """`bundle.contract`: names, shapes and settings that follow from the checkpoint; the runtime checks the file's own.

    Args:
        manifest: of the bundle.
        checkpoint: what it was made from.
        converter: of the runtime that it names.
    """
    problems = list(_contract_problems(manifest, checkpoint, converter))
    sentence = "Graph names, shapes, item groups and ranking settings of the manifest against the checkpoint" + (
        f": {'; '.join(problems)}. The bundle cannot be run with this reference, nothing else was compared."
        if problems
        else "; the graphs' own names and shapes were checked when the runtime loaded them."
    )
    return at_most(CONTRACT, len(problems), 0, "count", sentence)


def item_findings(bundle: Bundle, checkpoint: Checkpoint) -> Iterator[Finding]:
    """`bundle.item_keys` and `bundle.item_titles`: row by row those of the checkpoint."""
    for what, found, expected in (
        ("keys", bundle.items.keys, checkpoint.item_keys),
        ("titles", bundle.items.titles, checkpoint.item_titles),
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


def cut_as_bundled(manifest: Manifest, checkpoint: Checkpoint) -> Checkpoint:
    """Reduce the checkpoint as the bundle's recipe says; where the recipe makes no sense it stays as it is.

    Args:
        manifest: of the bundle; a recipe that does not fit shows in the contract.
        checkpoint: as it was trained.
    """
    group = user_group(manifest, checkpoint)
    try:
        recipe = BundleRecipe.model_validate_json(manifest.recipe)
        return checkpoint if group is None else bundled(checkpoint, recipe=recipe)
    except (ValidationError, ConfigError):
        return checkpoint


def user_group(manifest: Manifest, checkpoint: Checkpoint) -> int | None:
    """Return the user group that a bundle is made for, or None when the checkpoint has no such group."""
    name = manifest.group
    if not (name.isascii() and name.isdigit() and int(name) < checkpoint.config.model.user_groups):
        return None
    return int(name)


def _contract_problems(manifest: Manifest, checkpoint: Checkpoint, converter: Converter) -> Iterator[str]:
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
    yield from _recipe_problems(manifest)
    if manifest.entries[0].name != converter.entry_name:
        yield f"the graphs are in {manifest.entries[0].name}, {converter.name} reads {converter.entry_name}"


def _recipe_problems(manifest: Manifest) -> Iterator[str]:
    try:
        recipe = BundleRecipe.model_validate_json(manifest.recipe)
    except ValidationError as error:
        yield f"the recipe is none ({error.error_count()} mistakes), so what the graphs should be is not known"
        return
    if manifest.precision != recipe.precision.name:
        yield f"precision is {manifest.precision}, the recipe's {recipe.precision.name}"
    if float(manifest.selftest.min_snr_db) < recipe.selftest_snr_db:
        yield f"the self-test asks for {manifest.selftest.min_snr_db} dB, the recipe for {recipe.selftest_snr_db:g}"
