"""Functions of the package's door: thin over the rooms, values in and values out.

A function that needs an extra says so before it works. Notes on what was assumed or left out go to the progress
callback, and become warnings where there is none: nothing that changes a result is silent.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ofa_export.bundle.envelope import read_bundle, read_envelope
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import converter_names, converter_of, other_converter
from ofa_export.errors import BundleError, ConfigError
from ofa_export.foreign_text import shown
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.extras import CHECKPOINT, require
from ofa_export.support.progress_callback import ProgressCallback, no_progress
from ofa_export.support.recipes import load_recipe

if TYPE_CHECKING:
    from ofa_export.data.data_recipe import Split
    from ofa_export.evaluation.evaluate import Evaluation
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.planning.bundle_recipe import OpenRecipe
    from ofa_export.planning.plan import Plan
    from ofa_export.training.train_recipe import TrainRecipe
    from ofa_export.validation.reports.report import Report
    from ofa_export.validation.tolerance import TolerancePolicy

TRAINING_EXTRA = "train"

NOTE = "Note: "
"""The opening of a progress message that names a change of the result."""


def train(
    interactions: Path | str,
    output: Path | str,
    *,
    recipe: TrainRecipe | Path | str = "base",
    titles: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    start: Checkpoint | None = None,
    validation_histories: str | None = None,
    device: str = "auto",
    precision: str = "fp32",
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> Checkpoint:
    """Train a checkpoint from interactions, in stages; a run that was stopped can go on.

    Args:
        interactions: file of users, items and times (CSV, JSON lines, Parquet; docs/training.md lists the layouts that
            are recognised); or a packaged sample: `online-retail`, `planted` or `planted-mixed`.
        output: folder of the checkpoint; appears when everything is done.
        recipe: a name from `export_recipes/train`, a YAML file, or a recipe.
        titles: file with `item_id` and `title`.
        columns: our name of a column (`user_id`, `item_id`, `timestamp`, `title`) -> its name in the files, or its
            number where there is no header line; those that are not named are recognised.
        start: what `import_checkpoint` made; its weights stay, and what adapts is trained on top.
        validation_histories: what the checkpoint keeps of people: `real` validation histories, `synthetic` ones or
            `none` (docs/privacy.md); None does as `start` or the recipe does, which is `real` by default.
        device: `cpu`, `cuda`, `mps`, or `auto` for the best of them that is here.
        precision: `fp32`, or `bf16` for matrix products of bfloat16, which some processors and GPUs do several times
            faster (docs/training.md).
        seed: of every random draw.
        resume: whether to go on with an unfinished run of the same data, recipe and seed.
        force: whether to replace an existing checkpoint, and to throw an unfinished run away.
        progress: called with a stage, its steps that are done, and of how many; and with a sentence, 0 and 0.

    Returns:
        The checkpoint that was written.

    Raises:
        ConfigError: the recipe is wrong or does not fit the data; there is an unfinished run and neither `resume` nor
            `force`; `start` was not imported; the device is not here, or has no bfloat16.
        InteractionsError: the data cannot be read, or are too small to train on.
        MissingToolError: the extra `train` is not installed.
        NumericsError: a loss is not finite.
        OutputError: the output exists or cannot be written.
    """
    require(TRAINING_EXTRA, by="Training")
    from ofa_export.data.catalogue import SOURCE_HISTORIES
    from ofa_export.data.sample import SAMPLES, load_dataset
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.model.checkpoint_folder import check_kind
    from ofa_export.training.accelerator import open_fabric
    from ofa_export.training.distributed import is_first
    from ofa_export.training.train import held_output, train_on_frozen_base
    from ofa_export.training.train import train as train_stages
    from ofa_export.training.train_recipe import TrainRecipe

    resolved = recipe if isinstance(recipe, TrainRecipe) else load_recipe("train", str(recipe), TrainRecipe)
    kind = validation_histories
    if kind is None and start is not None and start.config.history_kind != "real":
        kind = start.config.history_kind
    if kind is not None:
        probes = resolved.probes.model_copy(update={"histories": check_kind(kind)})
        resolved = resolved.model_copy(update={"probes": probes})
    files, run = resolved.data.resolved() if resolved.data else None, train_stages
    if start is not None:
        files = None if str(interactions) in SAMPLES else files or SOURCE_HISTORIES
        run = partial(train_on_frozen_base, start)
    fabric = open_fabric(device=device, precision=precision)
    with held_output(Path(output), force=force):
        titled = None if titles is None else Path(titles)
        data = load_dataset(interactions, titles=titled, recipe=files, columns=columns)
        told = _Stages(progress or _warn)
        for sentence in data.reading if is_first() else ():
            told.note(sentence)
        for warning in data.warnings if is_first() else ():
            told.note(f"{NOTE}{warning}")
        made = run(data, resolved, Path(output), seed=seed, resume=resume, force=force, progress=told, fabric=fabric)
        return Checkpoint.open(output) if is_first() else made


def import_checkpoint(
    state_dict: Path | str,
    output: Path | str,
    *,
    format: str,
    interactions: Path | str,
    items: Path | str | None = None,
    titles: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    heads: int | None = None,
    rank: int = 8,
    validation_histories: str = "real",
    seed: int = 0,
    force: bool = False,
    progress: ProgressCallback | None = None,
) -> Checkpoint:
    """Make a checkpoint of a SASRec that was trained elsewhere; it scores as its source does.

    Args:
        state_dict: file of tensors by name: safetensors, or `torch.save` of a state dict.
        output: folder of the checkpoint.
        format: where the tensors come from: `pmixer`, `pmixer-unmasked`, `pmixer-norm-first`, `pmixer-norm-last` or
            `recbole`.
        interactions: as for `train`; they give the items' popularity and the validation histories.
        items: file with `source_id` and `item_id`; without it the item keys are the numbers.
        titles: file with `item_id` and `title`.
        columns: as for `train`.
        heads: attention heads, which the tensors do not tell; None for the source's default.
        rank: of the generated weights that later training adds.
        validation_histories: what the checkpoint keeps of people: `real` validation histories, `synthetic` ones or
            `none` (docs/privacy.md).
        seed: of every random draw.
        force: whether to replace an existing checkpoint.
        progress: called with each sentence on what was assumed and what was left out, 0 and 0.

    Returns:
        The checkpoint that was written.

    Raises:
        CheckpointError: the tensors cannot be read, or are not of this format.
        ConfigError: rank or heads fit no model; there is no such format.
        InteractionsError: interactions or item keys do not fit the source.
        MissingToolError: the extra `train` is not installed.
        OutputError: the output exists or cannot be written.
    """
    require(TRAINING_EXTRA, by="Importing a checkpoint")
    from ofa_export.data.catalogue import SOURCE_HISTORIES
    from ofa_export.data.sample import SAMPLES, load_dataset
    from ofa_export.importing.importer import import_checkpoint as import_source
    from ofa_export.importing.source import Source
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.model.checkpoint_folder import check_kind
    from ofa_export.training.train import held_output

    with held_output(Path(output), force=force):
        recipe = None if str(interactions) in SAMPLES else SOURCE_HISTORIES
        titled = None if titles is None else Path(titles)
        data = load_dataset(interactions, titles=titled, recipe=recipe, columns=columns)
        keys = None if items is None else Path(items)
        source = Source(state_dict=Path(state_dict), format=format, heads=heads, items=keys, columns=columns or {})
        made = import_source(
            source, data, Path(output), rank=rank, seed=seed, kept=check_kind(validation_histories), force=force
        )
    told = _Stages(progress or _warn)
    for sentence in (*data.reading, *made.lines):
        told.note(sentence)
    for note in (*data.warnings, *made.notes):
        told.note(f"{NOTE}{note}")
    return Checkpoint.open(output)


def plan(
    checkpoint: Checkpoint | Path | str,
    *,
    budget: int,
    runtime: str = "litert",
    converter: str | None = None,
    group: int = 0,
    recipe: OpenRecipe | Path | str = "int8",
    items: Literal["all", "prune-tail"] | None = None,
    ram_bytes: int | None = None,
    latency_ms: float | None = None,
    progress: ProgressCallback | None = None,
) -> Plan:
    """Plan the bundle that ranks best within a byte budget; `write` makes it a file.

    What was converted and measured before is taken from the cache, so a second budget takes a fraction of a second.

    Args:
        checkpoint: a checkpoint, or its folder.
        budget: most bytes of the whole file.
        runtime: what the bundle is for, `litert` or `executorch`.
        converter: in place of the runtime's first one, for example `onnx2tf`.
        group: user group, counted from 0.
        recipe: a name from `export_recipes/bundle` (`auto`, `int8`, `mixed`, `int4`, `fp32`), a YAML file, or a recipe.
        items: `prune-tail` keeps the items that are worth most, `all` every item; None does as the recipe says.
        ram_bytes: most memory of a session, measured on this computer; None does not limit.
        latency_ms: longest session in milliseconds, the median measured on this computer; None does not limit.
        progress: called with "measuring", the configurations that are measured, and of how many.

    Returns:
        The plan: what goes in, what it costs and what other budgets would give.

    Raises:
        BudgetError: the budget cannot be met; its `ways_out` say what would work.
        CheckpointError: the checkpoint is rejected.
        ConfigError: the recipe, the group or a name is wrong.
        LimitsError: nothing within the budget meets the limits on memory and time.
        LoweringError: the converter refused a graph.
        MissingToolError: the extra of the converter is not installed.
    """
    from ofa_export.planning.bundle_job import bundle_recipe, make_jobs
    from ofa_export.planning.limits import Limits

    (job,) = make_jobs(
        _folder_of(checkpoint),
        budget=budget,
        runtime=runtime,
        converter=converter,
        group=group,
        recipe=bundle_recipe(recipe, items=items),
        limits=Limits(ram_bytes=ram_bytes, latency_ms=latency_ms),
    )
    _, made = job.plan(progress=progress or no_progress)
    return made


def validate(
    bundle: Bundle | Path | str,
    checkpoint: Checkpoint | Path | str,
    *,
    tolerance: TolerancePolicy | Path | str = "default",
    target: str = "host",
    cross: bool = False,
    layers: bool = False,
    attribute: bool = False,
) -> Report:
    """Compare a bundle with the PyTorch reference of its checkpoint.

    Args:
        bundle: a bundle, or its file; what is wrong with the file is a finding of the report, not an error.
        checkpoint: what it was made from, or its folder.
        tolerance: a name from `export_recipes/tolerance`, a YAML file, or a recipe.
        target: where the bundle's graphs run: `host`, `android`, `arm64-neon`, `arm64-dotprod` or `arm64-i8mm`.
        cross: whether to compare with the runtime's other converter as well.
        layers: whether to measure the error of every layer of every graph.
        attribute: whether to measure which layer costs how much NDCG@10.

    Returns:
        The report; `passed` when every assertion holds.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: the file cannot be read, or a name or a limit is wrong.
        LoweringError: a converter refused the checkpoint's graphs.
        MissingToolError: an extra, or a tool of the target, is not installed.
    """
    require(*converter_extras([bundle], cross=cross), by="Validating")
    from ofa_export.validation.validate import validate as validate_bundle

    return validate_bundle(
        bundle,
        opened(checkpoint),
        tolerance=tolerance,
        target=target,
        cross=cross,
        layers=layers,
        attribute=attribute,
    )


def evaluate(
    checkpoint: Checkpoint | Path | str,
    *,
    interactions: Path | str | None = None,
    columns: Mapping[str, str] | None = None,
    split: Split = "validation",
    controls: bool = False,
    tables: bool = False,
    progress: ProgressCallback | None = None,
) -> Evaluation:
    """Rank held-out items of every user with a checkpoint and with what it has to beat.

    Args:
        checkpoint: a checkpoint, or its folder.
        interactions: what it was trained on; None where that was a packaged sample.
        columns: as for `train`.
        split: which held-out items: `validation`, or `test` (once, at the end).
        controls: whether to train nets to compare with, and to fine-tune per user (slow, cached).
        tables: whether to train other ways to make the item table small as well (slower).
        progress: called with what is being measured, 0 and 0; and as by `train`, where controls are trained.

    Returns:
        The evaluation; `entry("adapted").quality` is that of the checkpoint.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: the data are not known, or are not those that it was trained on; or it has several user groups.
        InteractionsError: the data cannot be read.
        MissingToolError: the extra `train` is not installed.
    """
    require(TRAINING_EXTRA, by="Evaluating")
    from ofa_export.data.data_recipe import check_split
    from ofa_export.evaluation.controls import ControlRuns
    from ofa_export.evaluation.evaluate import evaluate as evaluate_subject
    from ofa_export.evaluation.subject import open_subject

    check_split(split)
    given = None if interactions is None else str(interactions)
    subject = open_subject(opened(checkpoint), interactions=given, columns=columns)
    told = progress or no_progress
    for sentence in subject.reading:
        told(sentence, 0, 0)
    runs = ControlRuns(subject=subject, store=ContentCache(), progress=_Stages(told)) if controls or tables else None
    return evaluate_subject(subject, split=split, runs=runs, with_tables=tables, progress=told)


def opened(checkpoint: Checkpoint | Path | str) -> Checkpoint:
    """Open a checkpoint, unless it is one already.

    Args:
        checkpoint: a checkpoint, or its folder.

    Raises:
        CheckpointError: it is rejected.
        MissingToolError: nothing that opens checkpoints is installed.
    """
    require(TRAINING_EXTRA, by="Opening a checkpoint", only=CHECKPOINT)
    from ofa_export.model.checkpoint import Checkpoint

    return checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.open(checkpoint)


def converter_extras(bundles: Iterable[Bundle | Path | str], *, cross: bool = False) -> tuple[str, ...]:
    """List the extras that converting again what some bundles hold needs.

    Args:
        bundles: open ones, or files; a file that is not a bundle needs none.
        cross: whether the other converter of each runtime is needed too.

    Raises:
        ConfigError: a file cannot be read; `cross` and a runtime has one converter only.
    """
    names = []
    for bundle in bundles:
        with suppress(BundleError):
            known = bundle if isinstance(bundle, Bundle) else read_envelope(read_bundle(bundle))
            manifest = known.manifest
            name = converter_of(manifest.runtime.name, manifest.tools)
            # Of a runtime that nothing here converts for, the report on the bundle says so.
            if name in converter_names():
                names += [name, other_converter(name)] if cross else [name]
    return tuple(dict.fromkeys(names))


def _folder_of(checkpoint: Checkpoint | Path | str) -> Path:
    if isinstance(checkpoint, Path | str):
        return Path(checkpoint)
    if checkpoint.folder is None:
        raise ConfigError("This checkpoint was never saved. Plan with one that `Checkpoint.open` read.")
    return checkpoint.folder


def _warn(what: str, done: int, total: int) -> None:
    """Warn of what must not be overlooked where nobody watches."""
    if what.startswith(NOTE):
        warnings.warn(shown(what), stacklevel=2)


class _Stages:
    """Progress of training stages, passed on to a progress callback."""

    def __init__(self, tell: ProgressCallback) -> None:
        self._tell, self._stage, self._done, self._total = tell, "", 0, 0

    def start(self, stage: str, *, steps: int, done: int) -> None:
        """Report that a stage begins."""
        self._stage, self._done, self._total = stage, done, steps
        self._tell(stage, done, steps)

    def advance(self, *, steps: int) -> None:
        """Report that more steps of the stage are done."""
        self._done += steps
        self._tell(self._stage, self._done, self._total)

    def note(self, text: str) -> None:
        """Report a sentence, which has no steps."""
        self._tell(text, 0, 0)
