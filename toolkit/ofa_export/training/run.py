"""A whole training run: the stages in order, each stored when done, the checkpoint written once complete."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ofa_export import __version__
from ofa_export.bundle.order import TileOrder
from ofa_export.data.histories import Histories, build_histories, mapped_rows
from ofa_export.data.interactions import repetition_warning
from ofa_export.data.sample import DataSet
from ofa_export.errors import ConfigError, InteractionsError, OutputError
from ofa_export.model.checkpoint import CONFIG, Checkpoint, CheckpointConfig, DataCard, checkpoint_files
from ofa_export.model.threads import one_torch_thread
from ofa_export.output import atomic_folder, atomic_write
from ofa_export.training.comparison import baseline_quality
from ofa_export.training.groups import check_groups, train_groups
from ofa_export.training.mapper import train_mapper
from ofa_export.training.probes import choose_probes
from ofa_export.training.processes import from_first, is_first, processes, wait
from ofa_export.training.progress import Progress, Silent
from ofa_export.training.recipe import TrainRecipe
from ofa_export.training.session import Session, initial_session
from ofa_export.training.snapshot import load_snapshot, save_snapshot
from ofa_export.training.static import train_static
from ofa_export.training.tiles import train_tiles
from ofa_export.training.weights import train_weights


@dataclass(frozen=True)
class Stage:
    """A step of training; it changes the session, and what it leaves there is stored under its name."""

    name: str
    run: Callable[[Session], None]


STAGES = (
    Stage("static", train_static),
    Stage("groups", train_groups),
    Stage("weights", train_weights),
    Stage("tiles", train_tiles),
    Stage("mapper", train_mapper),
)
"""In order; the probes are drawn when the checkpoint is put together."""


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
    with processes():
        return _train(
            data,
            recipe,
            output,
            seed=seed,
            resume=resume,
            force=force,
            progress=progress if is_first() else Silent(),
        )


def _train(
    data: DataSet, recipe: TrainRecipe, output: Path, *, seed: int, resume: bool, force: bool, progress: Progress
) -> Checkpoint:
    with _folder_of_histories(output) as place:
        histories = _histories(data, place, seed=seed)
        for warning in repetition_warning(histories.repeated_rows):
            progress.note(f"Note: {warning}")
        return _train_on(histories, data, recipe, output, seed=seed, resume=resume, force=force, progress=progress)


@contextmanager
def _folder_of_histories(output: Path) -> Iterator[Path]:
    """Beside the output, because a folder for temporary files may be a part of the memory; gone when the block ends."""
    folder = output.absolute().with_name(f".{output.name}.histories")
    if is_first():
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


def _train_on(
    histories: Histories,
    data: DataSet,
    recipe: TrainRecipe,
    output: Path,
    *,
    seed: int,
    resume: bool,
    force: bool,
    progress: Progress,
) -> Checkpoint:
    folder = output.absolute().with_name(f".{output.name}.training")
    if is_first():
        _check_free(output, force=force)
    check_groups(users=histories.users, groups=recipe.model.user_groups)
    session = initial_session(histories, recipe, seed=seed, folder=folder, progress=progress)
    if not len(session.windows):
        raise InteractionsError(
            "No history has two items left to train on after its last two are held out. Give longer histories."
        )
    if is_first():
        _enter(folder, _job(histories, recipe, seed), resume=resume, force=force)
    wait()
    with one_torch_thread():
        _run_stages(session)
        checkpoint = _checkpoint(session, data)
        if is_first():
            with atomic_folder(output) as part:
                for name, content in checkpoint_files(checkpoint).items():
                    (part / name).write_bytes(content)
    if is_first():
        shutil.rmtree(folder)
    return checkpoint


def _run_stages(session: Session) -> None:
    done = [session.folder / f"{number}-{stage.name}.done" for number, stage in enumerate(STAGES, start=1)]
    # Looked up before anything is written, so that all processes agree on what there is to do.
    finished = [path for path in done if path.exists()]
    wait()
    for path, stage in zip(done, STAGES, strict=True):
        if path in finished:
            _restore(session, load_snapshot(path))
            continue
        stage.run(session)
        if is_first():
            save_snapshot(path, _stored(session))
            for running in session.folder.glob("*.running"):
                running.unlink()
        # No process looks for the next stage's state before it is clear which files there are.
        wait()


def _job(histories: Histories, recipe: TrainRecipe, seed: int) -> dict[str, Any]:
    """What a run is about; a run resumes only its own job."""
    digest = hashlib.sha256(json.dumps([histories.item_keys, histories.user_keys, histories.exclude_history]).encode())
    digest.update(histories.rows.data)
    digest.update(histories.offsets.data)
    return {
        "version": __version__,
        "data_sha256": digest.hexdigest(),
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
    }


def _described(job: dict[str, Any]) -> bytes:
    return json.dumps(job, indent=2).encode()


def _check_free(output: Path, *, force: bool) -> None:
    if output.exists() and not force:
        raise OutputError(f"The output '{output}' exists. Add --force to replace it, or choose another name.")
    if output.exists() and not (output / CONFIG).is_file():
        raise OutputError(
            f"The output '{output}' exists and is not a checkpoint; --force replaces only checkpoints. "
            "Choose another name, or remove it yourself."
        )


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


def _stored(session: Session) -> dict[str, Any]:
    return {
        "model": session.model.state_dict(),
        "importance": torch.from_numpy(session.importance),
        "order_name": session.tile_orders[0].name,
        "tiles": torch.from_numpy(np.stack([order.tiles for order in session.tile_orders]).astype(np.int32)),
        "centroids": torch.from_numpy(session.centroids),
        "user_groups": torch.from_numpy(session.user_groups),
        "measured": session.measured,
    }


def _restore(session: Session, stored: dict[str, Any]) -> None:
    config = session.model.config
    session.model.load_state_dict(stored["model"])
    session.importance = stored["importance"].numpy()
    session.tile_orders = [
        TileOrder(name=stored["order_name"], groups=config.item_groups, blocks=config.embedding_blocks, tiles=tiles)
        for tiles in stored["tiles"].numpy().astype(np.uint16)
    ]
    session.centroids = stored["centroids"].numpy()
    session.user_groups = stored["user_groups"].numpy()
    session.measured = stored["measured"]


def _checkpoint(session: Session, data: DataSet) -> Checkpoint:
    histories, probes, measured = session.histories, choose_probes(session), session.measured
    card = DataCard(
        name=data.name,
        licence=data.licence,
        attribution=data.attribution,
        exclude_history=histories.exclude_history,
    )
    training = {
        "recipe": session.recipe.model_dump(mode="json"),
        "seed": session.seed,
        "users": histories.users,
        "interactions": len(histories.rows),
        "measured": measured,
        "probe_ndcg_at_10": {
            **baseline_quality(histories, probes),
            "static": measured["static"]["probes"],
            "adapted": measured["mapper"]["probes"],
        },
        "versions": {"ofa-export": __version__, "torch": torch.__version__.split("+")[0]},
    }
    return Checkpoint(
        config=CheckpointConfig(
            model=session.model.config, data=card, order=session.tile_orders[0].name, training=training
        ),
        model=session.model.eval().requires_grad_(False),
        importance=session.importance,
        tile_orders=tuple(session.tile_orders),
        centroids=session.centroids,
        item_keys=histories.item_keys,
        item_titles=tuple(data.titles.get(key, "") for key in histories.item_keys),
        probes=probes,
    )
