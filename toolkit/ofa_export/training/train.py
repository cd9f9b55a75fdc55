"""A whole training run: the stages in order, each stored when done, the checkpoint written once complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ofa_export import __version__
from ofa_export.bundle.document import MAX_NAME
from ofa_export.bundle.items import check_items
from ofa_export.data.catalogue import known_interactions, over_catalogue
from ofa_export.data.histories import Histories, build_histories, mapped_rows
from ofa_export.data.interactions import repetition_warning
from ofa_export.data.sample import DataSet
from ofa_export.data.summary import order_sentence, summary, title_sentence
from ofa_export.errors import ConfigError, InteractionsError, OutputError
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, checkpoint_files
from ofa_export.support.atomic import atomic_folder, atomic_write, put_back
from ofa_export.support.output import check_checkpoint_output, final_path, output_lock, refuse_dash
from ofa_export.support.processes import one_torch_thread
from ofa_export.training.baselines import baseline_quality
from ofa_export.training.distributed import from_first, is_first, processes, wait
from ofa_export.training.from_data import resolved_from_data
from ofa_export.training.groups_stage import check_groups, train_groups
from ofa_export.training.imported_base import keep_table, measure_static, resolved_recipe, run_on_frozen_base
from ofa_export.training.kept_histories import SAID, kept_centroids, kept_histories
from ofa_export.training.mapper_stage import train_mapper
from ofa_export.training.snapshot import load_snapshot, save_snapshot
from ofa_export.training.state import job_of, restore_state, stored_state
from ofa_export.training.static_stage import train_static
from ofa_export.training.tiles_stage import train_tiles
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_loop import stage_seed
from ofa_export.training.training_progress import Progress, Silent
from ofa_export.training.training_run import TrainingRun, choose_validation, initial_run
from ofa_export.training.weights_stage import train_weights

MAX_DATA_NAME = MAX_NAME - 13
"""Characters of the name of the data: bundles are called after it and the first digits of the checkpoint's digest."""

ENOUGH_USERS = 100
"""With fewer validation users early stopping is luck: NDCG@10 differs by about .3 from person to person, so the mean
over so many is known to .03."""


@dataclass(frozen=True)
class Stage:
    """A step of training; it changes the run, and what it leaves there is stored under its name."""

    name: str
    run: Callable[[TrainingRun], None]


STAGES = (
    Stage("static", train_static),
    Stage("groups", train_groups),
    Stage("weights", train_weights),
    Stage("tiles", train_tiles),
    Stage("mapper", train_mapper),
)
"""In order; the validation histories are drawn when the checkpoint is put together."""

STAGES_ON_TOP = (
    Stage("static", measure_static),
    Stage("groups", train_groups),
    Stage("weights", train_weights),
    Stage("tiles", keep_table),
    Stage("mapper", train_mapper),
)
"""The same on top of an imported net, which is measured and ordered where it would be trained; it has one group."""


def train(
    data: DataSet, recipe: TrainRecipe, output: Path, *, seed: int, resume: bool, force: bool, progress: Progress
) -> Checkpoint:
    """Train a checkpoint from interactions.

    While it runs, its state lies in a hidden folder beside the output, from which a killed run goes on and ends with
    the same bytes as an unbroken one.

    Args:
        data: interactions and what must travel with them.
        recipe: the resolved recipe.
        output: folder of the checkpoint; appears when everything is done.
        seed: of everything.
        resume: go on with an unfinished run of the same data, recipe and seed.
        force: replace an existing checkpoint, throw an unfinished run away.
        progress: who is told.

    Returns:
        The checkpoint that was written.

    Raises:
        ConfigError: there is an unfinished run and neither `resume` nor `force`, or it is of another job; or
            the recipe's model does not fit the catalogue.
        InteractionsError: the data are too small to train on.
        MissingToolError: user groups are asked for and scikit-learn is not installed.
        NumericsError: a loss is not finite.
        OutputError: the output exists or cannot be written.
    """
    # Each process that torchrun started comes here; the first one alone writes and speaks.
    with processes(), _folder_of_histories(output, force=force) as place:
        shown = progress if is_first() else Silent()
        histories = _histories(data, place, seed=seed)
        _describe(histories, data, shown)
        check_groups(users=histories.users, groups=recipe.model.user_groups)
        recipe = _resolved(recipe, histories, shown)
        run = initial_run(histories, recipe, seed=seed, folder=_folder(output), progress=shown)
        job = job_of(histories, recipe, seed=seed)
        return _run(run, STAGES, data, job, output, resume=resume, force=force)


def train_on_frozen_base(
    start: Checkpoint,
    data: DataSet,
    recipe: TrainRecipe,
    output: Path,
    *,
    seed: int,
    resume: bool,
    force: bool,
    progress: Progress,
) -> Checkpoint:
    """Train what adapts on top of an imported checkpoint; every imported number stays as it is.

    Args:
        start: what `ofa-export import` made.
        data: interactions with items of the checkpoint; others are left out.
        recipe: its `model` does not count: the checkpoint has its sizes.
        output: as for `train`, and so are the other arguments.
        seed: of everything.
        resume: go on with an unfinished run.
        force: replace an existing checkpoint.
        progress: who is told.

    Returns:
        The checkpoint that was written.

    Raises:
        ConfigError: the checkpoint was not imported; and as `train` does.
        InteractionsError: no interaction has an item of the checkpoint; and as `train` does.
        NumericsError: as `train` does.
        OutputError: as `train` does.
    """
    recipe = resolved_recipe(start, recipe)
    frame, notes = known_interactions(data.interactions.lazy().collect(), start.item_keys)
    with processes(), _folder_of_histories(output, force=force) as place:
        shown = progress if is_first() else Silent()
        for note in notes:
            shown.note(note)
        histories = over_catalogue(_histories(replace(data, interactions=frame), place, seed=seed), start.item_keys)
        _describe(histories, data, shown)
        recipe = _resolved(recipe, histories, shown)
        run = run_on_frozen_base(start, histories, recipe, seed=seed, folder=_folder(output), progress=shown)
        job = job_of(histories, recipe, seed=seed) | {"from_sha256": start.sha256}
        titled = replace(data, titles=dict(zip(start.item_keys, start.item_titles, strict=True)) | dict(data.titles))
        return _run(run, STAGES_ON_TOP, titled, job, output, resume=resume, force=force)


def _folder(output: Path) -> Path:
    target = final_path(output)
    return target.with_name(f".{target.name}.training")


@contextmanager
def _folder_of_histories(output: Path, *, force: bool) -> Iterator[Path]:
    """Beside the output, because a folder for temporary files may be a part of the memory; gone when the block ends."""
    target = final_path(output)
    folder = target.with_name(f".{target.name}.histories")
    if is_first():
        check_checkpoint_output(output, force=force)
        # A killed run leaves it behind.
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder)
    try:
        yield folder
    finally:
        if is_first():
            shutil.rmtree(folder, ignore_errors=True)


def _histories(data: DataSet, folder: Path, *, seed: int) -> Histories:
    """Made by the first process; all of them look at the same rows on the disk."""

    def make() -> Histories:
        made = build_histories(data.interactions, recipe=data.recipe, seed=seed, folder=folder)
        return replace(made, rows=np.empty(0, np.int32))

    return replace(from_first(make), rows=mapped_rows(folder))


def _describe(histories: Histories, data: DataSet, progress: Progress) -> None:
    """Say what is trained on and what is not."""
    for warning in repetition_warning(histories.left_out.repeated_rows):
        progress.note(f"Note: {warning}")
    titles = title_sentence(data.titles, histories.item_keys)
    order = order_sentence(histories, data.recipe, coarse_times=data.coarse_times)
    for line in (*summary(histories, data.recipe), *titles):
        progress.note(line)
    for line in order:
        progress.note(f"Note: {line}" if data.coarse_times else line)


def _resolved(recipe: TrainRecipe, histories: Histories, progress: Progress) -> TrainRecipe:
    """Fill in what the recipe leaves to the data, and say it."""
    resolved, said = resolved_from_data(recipe, histories)
    for line in said:
        progress.note(line)
    return resolved


def _run(
    run: TrainingRun,
    stages: Sequence[Stage],
    data: DataSet,
    job: dict[str, Any],
    output: Path,
    *,
    resume: bool,
    force: bool,
) -> Checkpoint:
    check_bundles(data, run.histories.item_keys)
    if not len(run.windows):
        raise InteractionsError(
            f"No history has two items left to train on after its last {2 * run.histories.held_out} are held out. "
            "Give longer histories."
        )
    if is_first():
        _enter(run.folder, job, resume=resume, force=force)
        run.progress.note(_announcement(run, stages, output))
        for line in _luck(len(run.validation_users)):
            run.progress.note(line)
    wait()
    with one_torch_thread():
        _run_stages(run, stages)
        checkpoint = _checkpoint(run, data)
        if is_first():
            with atomic_folder(output) as part:
                for name, content in checkpoint_files(checkpoint).items():
                    (part / name).write_bytes(content)
    if is_first():
        shutil.rmtree(run.folder)
    return checkpoint


def _announcement(run: TrainingRun, stages: Sequence[Stage], output: Path) -> str:
    """Say what is about to happen, before the first long silence."""
    histories, model = run.histories, run.model.config
    names = " -> ".join(stage.name for stage in stages)
    return (
        f"Training {names} on {histories.users:,} users, {histories.items:,} items and {len(histories.rows):,} "
        f"interactions; {model.backbone}, width {model.width}, {model.depth} blocks. The checkpoint appears as "
        f"'{output}' when all is done; until then the state is in '{run.folder}', from which --resume goes on."
    )


def _luck(users: int) -> list[str]:
    """Say what early stopping is worth where few people are left to validate on."""
    if users >= ENOUGH_USERS:
        return []
    return [
        f"Note: early stopping looks at {users} validation user{'s' * (users != 1)}. With so few it is luck which "
        f"epoch is kept, and how good that seems; with {ENOUGH_USERS} the validation NDCG@10 is still uncertain by .03."
    ]


def _run_stages(run: TrainingRun, stages: Sequence[Stage]) -> None:
    done = [run.folder / f"{number}-{stage.name}.done" for number, stage in enumerate(stages, start=1)]
    # Looked up before anything is written, so that all processes agree on what there is to do.
    finished = [path for path in done if path.exists()]
    wait()
    for path, stage in zip(done, stages, strict=True):
        if path in finished:
            restore_state(run, load_snapshot(path))
            continue
        stage.run(run)
        if is_first():
            save_snapshot(path, stored_state(run))
            for running in run.folder.glob("*.running"):
                running.unlink()
        # No process looks for the next stage's state before it is clear which files there are.
        wait()


def _described(job: dict[str, Any]) -> bytes:
    return json.dumps(job, indent=2).encode()


@contextmanager
def held_output(output: Path, *, force: bool) -> Iterator[None]:
    """Keep the folder of a checkpoint for this command, before anything is read, as long as the block runs.

    Args:
        output: where a checkpoint shall appear.
        force: whether a checkpoint there may be replaced.

    Raises:
        OutputError: something is there already, or another command is making it.
    """
    if not is_first():
        yield
        return
    refuse_dash(output)
    with output_lock(output):
        put_back(output)
        check_checkpoint_output(output, force=force)
        yield


def check_bundles(data: DataSet, item_keys: Sequence[str]) -> None:
    """Refuse data that no bundle can hold, before anything is trained on them.

    Args:
        data: what the items are called, and the data.
        item_keys: of the checkpoint.

    Raises:
        ConfigError: an item, or the name of the data, cannot be written to a bundle.
    """
    check_items(item_keys, (data.titles.get(key, "") for key in item_keys))
    shown = data.name.encode(errors="backslashreplace").decode()[:80]
    if len(data.name) > MAX_DATA_NAME:
        raise ConfigError(
            f"The data are called '{shown}…', which has {len(data.name)} characters; the name of a bundle has room for "
            f"{MAX_DATA_NAME}. Give the file of the interactions a shorter name."
        )
    if shown != data.name[:80]:
        raise ConfigError(f"The data are called '{shown}', which is no valid text. Rename the interactions file.")


def _enter(folder: Path, job: dict[str, Any], *, resume: bool, force: bool) -> None:
    if folder.exists() and not resume:
        if not force:
            raise ConfigError(
                f"'{folder}' holds an unfinished run. Add --resume to go on with it, or --force to start over."
            )
        shutil.rmtree(folder)
    _make(folder)
    described = folder / "job.json"
    if described.exists() and described.read_bytes() != _described(job):
        raise ConfigError(
            f"The unfinished run in '{folder}' used other data, another recipe, another seed or another version. "
            "Repeat it with the same ones, or add --force without --resume to start over."
        )
    with atomic_write(described) as file:
        file.write(_described(job))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"'{folder}' cannot be created: {error.strerror}. Create '{folder.parent}' or choose another output."
        ) from error


def _checkpoint(run: TrainingRun, data: DataSet) -> Checkpoint:
    histories, validation, measured = run.histories, choose_validation(run), run.measured
    kind = run.recipe.probes.histories
    card = DataCard(
        name=data.name,
        licence=data.licence,
        attribution=data.attribution,
        exclude_history=histories.exclude_history,
    )
    training = {
        "recipe": run.recipe.model_dump(mode="json"),
        "seed": run.seed,
        "users": histories.users,
        "interactions": len(histories.rows),
        "measured": measured,
        "probe_ndcg_at_10": {
            **baseline_quality(histories, validation),
            "static": measured["static"]["probes"],
            "adapted": measured["mapper"]["probes"],
        },
        "validation_histories": kind,
        "versions": {"ofa-export": __version__, "torch": torch.__version__.split("+")[0]},
    }
    model = run.model.eval().requires_grad_(False)
    kept = kept_histories(
        kind, validation, histories, model, user_groups=run.user_groups, seed=stage_seed(run.seed, "kept")
    )
    if kind != "real":
        run.progress.note(f"Note: {SAID[kind]}")
    return Checkpoint(
        config=CheckpointConfig(model=run.model.config, data=card, order=run.tile_orders[0].name, training=training),
        model=model,
        importance=run.importance,
        tile_orders=tuple(run.tile_orders),
        centroids=kept_centroids(kind, run.centroids, run.user_groups),
        item_keys=histories.item_keys,
        item_titles=tuple(data.titles.get(key, "") for key in histories.item_keys),
        validation=kept,
    )
