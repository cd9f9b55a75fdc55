"""The bundles that one command asks for: runtimes x groups of a checkpoint, checked before any work starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.converters import converters_for, runtime_of
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.budget import parse_budget
from ofa_export.planning.choose import Choice, choose
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import Limits
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.recipe import BundleRecipe, OpenRecipe
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import ProgressCallback
from ofa_export.support.recipes import load_recipe

PRUNE_TAIL = "prune-tail"
ITEM_CHOICES = ("all", PRUNE_TAIL)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One bundle to be made.

    Args:
        checkpoint: folder.
        converter: that makes its graphs.
        group: user group.
        sizes: of the checkpoint's network.
        recipe: how the checkpoint becomes a bundle; what it leaves open is chosen for the budget.
        budget: bytes of the file.
        limits: on memory and time.
        budget_text: the budget as it was written, for the file's name.
    """

    checkpoint: Path
    converter: Converter
    group: int
    sizes: ModelConfig
    recipe: OpenRecipe
    budget: int
    budget_text: str
    limits: Limits

    def plan(self, *, progress: ProgressCallback) -> tuple[Choice, Plan]:
        """Choose a configuration, convert what is not cached, and spend the budget; see `choose` and `make_plan`.

        Args:
            progress: called as configurations are measured.
        """
        store, source = ContentCache(), ExportSource(self.checkpoint, group=self.group)
        choice = choose(
            source,
            self.sizes,
            converter=self.converter,
            recipe=self.recipe,
            budget=self.budget,
            limits=self.limits,
            store=store,
            progress=progress,
        )
        return choice, make_plan(choice.contents, recipe=choice.recipe, budget=self.budget)

    def complete_bundle(self, recipe: BundleRecipe, *, store: ContentCache) -> BundleContents:
        """Everything that the bundle is cut from; see `load_complete_bundle`.

        Args:
            recipe: with every choice made.
            store: where complete bundles and conversions are kept.
        """
        source = ExportSource(self.checkpoint, group=self.group)
        return load_complete_bundle(source, converter=self.converter, recipe=recipe, store=store)

    @property
    def runtime(self) -> str:
        """Name of the runtime that the bundle is for."""
        return runtime_of(self.converter.name)

    @property
    def file_name(self) -> str:
        """Name of the bundle when the user gives none."""
        group = f"-g{self.group}" if self.group else ""
        second = f"-{self.converter.name}" if self.converter.name != self.runtime else ""
        return f"{self.checkpoint.resolve().name}-{self.budget_text}-{self.runtime}{second}{group}.ofab"


def make_jobs(
    checkpoint: Path,
    *,
    budget: str,
    runtime: str | None,
    group: str,
    recipe: str,
    limits: Limits,
    converter: str | None = None,
    items: str | None = None,
) -> tuple[Job, ...]:
    """Resolve what the user wrote.

    Args:
        checkpoint: folder.
        budget: such as "4MB".
        runtime: a runtime's name, or "both" for one bundle of each; None for that of `converter`, or both.
        group: a user group counted from 0, or "all".
        recipe: a shipped bundle recipe's name, or a YAML file.
        limits: on memory and time.
        converter: in place of its runtime's first one; see `converters_for`.
        items: "all" or "prune-tail", in place of what the recipe says.

    Returns:
        The jobs, runtimes first.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: any other of them is wrong.
    """
    size = parse_budget(budget)
    converters = [get_converter(name) for name in converters_for(runtime, converter)]
    resolved, sizes = _with_items(load_recipe("bundle", recipe, OpenRecipe), items), _sizes(checkpoint)
    groups = range(sizes.user_groups) if group == "all" else [_group(group)]
    return tuple(
        Job(
            checkpoint=checkpoint,
            converter=chosen,
            group=number,
            sizes=sizes,
            recipe=resolved,
            budget=size,
            budget_text=budget,
            limits=limits,
        )
        for chosen in converters
        for number in groups
    )


def _with_items(recipe: OpenRecipe, items: str | None) -> OpenRecipe:
    if items is None:
        return recipe
    if items not in ITEM_CHOICES:
        raise UnknownNameError("choice of items", items, ITEM_CHOICES)
    if items == PRUNE_TAIL and recipe.tiles is not None:
        raise ConfigError(
            f"--items {PRUNE_TAIL} and `tiles: {recipe.tiles}` of the recipe contradict each other: how many tiles fit "
            "depends on how many items stay. Leave one of them out."
        )
    return recipe.model_copy(update={"items": PRUNE_TAIL if items == PRUNE_TAIL else None})


def _group(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"The group '{text}' is neither all nor a number from 0.")
    return int(text)


def _sizes(checkpoint: Path) -> ModelConfig:
    try:
        return ModelConfig.model_validate(json.loads((checkpoint / "config.json").read_bytes())["model"])
    except (OSError, ValueError, KeyError, TypeError):
        # Imported here: only what is wrong needs the whole reader, which says what it is.
        from ofa_export.model.checkpoint_reader import load_checkpoint

        return load_checkpoint(checkpoint).config.model
