"""The subject of an evaluation: a checkpoint and the data that it was trained on, cut up as they were then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ofa_export.data.histories import Histories, build_histories
from ofa_export.data.sample import SAMPLES, load_dataset
from ofa_export.errors import ConfigError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.training.train_recipe import TrainRecipe


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A checkpoint with its data.

    Args:
        checkpoint: what is evaluated.
        histories: its data set; rows are those of the checkpoint's table.
        recipe: the recipe that it was trained by.
        seed: the seed that it was trained with.
        reading: sentences about how files were read.
    """

    checkpoint: Checkpoint
    histories: Histories
    recipe: TrainRecipe
    seed: int
    reading: tuple[str, ...] = ()


def open_subject(
    checkpoint: Checkpoint, *, interactions: str | None, columns: Mapping[str, str] | None = None
) -> Subject:
    """Find a checkpoint's data and cut them up as its training did.

    Args:
        checkpoint: a loaded checkpoint.
        interactions: file or sample that it was trained on; None for the sample that config.json names.
        columns: our name of a column -> its name in the file, in place of what the recipe of the training says.

    Raises:
        ConfigError: the data are not known, or are not those that the checkpoint was trained on.
        InteractionsError: the data cannot be read.
    """
    name, training = checkpoint.config.data.name, checkpoint.config.training
    if "recipe" not in training or "seed" not in training:
        raise ConfigError("This checkpoint does not say how it was trained, so nothing can be set beside it.")
    if interactions is None and name not in SAMPLES:
        raise ConfigError(
            f"The checkpoint was trained on '{name}', which is not packaged. Add --interactions with the same file."
        )
    recipe, seed = TrainRecipe.model_validate(training["recipe"]), int(training["seed"])
    files = recipe.data.resolved() if recipe.data else None
    data = load_dataset(interactions or name, recipe=files, columns=columns)
    histories = build_histories(data.interactions, recipe=data.recipe, seed=seed)
    if histories.item_keys != checkpoint.item_keys:
        raise ConfigError(
            f"'{interactions or name}' is not what the checkpoint was trained on: it gives {histories.items:,} items, "
            f"the checkpoint has {len(checkpoint.item_keys):,}, or they are in another order."
        )
    # What is left out of a sample is known, and the same every time.
    reading = (*data.reading, *data.warnings) if data.reading else ()
    return Subject(checkpoint=checkpoint, histories=histories, recipe=recipe, seed=seed, reading=reading)
