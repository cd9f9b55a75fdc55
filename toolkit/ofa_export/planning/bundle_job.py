"""The bundles that one command asks for: backends x groups of a checkpoint, checked before any work starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.converters import runtime_names
from ofa_export.converters.protocol import Backend
from ofa_export.converters.registry import backend_names, get_backend
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.model.config import ModelConfig
from ofa_export.planning.budget import parse_budget
from ofa_export.planning.choose import Choice, choose
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import Limits
from ofa_export.planning.master_cache import load_master
from ofa_export.planning.measurements import Told
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.recipe import BundleRecipe, OpenRecipe
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.recipes import load_recipe

PRUNE_TAIL = "prune-tail"
ITEM_CHOICES = ("all", PRUNE_TAIL)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One bundle to be made.

    Args:
        checkpoint: folder.
        backend: the runtime.
        group: user group.
        sizes: of the checkpoint's network.
        recipe: how the checkpoint becomes a bundle; what it leaves open is chosen for the budget.
        budget: bytes of the file.
        limits: on memory and time.
        budget_text: the budget as it was written, for the file's name.
    """

    checkpoint: Path
    backend: Backend
    group: int
    sizes: ModelConfig
    recipe: OpenRecipe
    budget: int
    budget_text: str
    limits: Limits

    def plan(self, *, tell: Told) -> tuple[Choice, Plan]:
        """Choose a configuration, convert what is not cached, and spend the budget; see `choose` and `make_plan`.

        Args:
            tell: told of progress.
        """
        store, source = ContentCache(), ExportSource(self.checkpoint, group=self.group)
        choice = choose(
            source,
            self.sizes,
            backend=self.backend,
            recipe=self.recipe,
            budget=self.budget,
            limits=self.limits,
            store=store,
            tell=tell,
        )
        return choice, make_plan(choice.contents, recipe=choice.recipe, budget=self.budget)

    def master(self, recipe: BundleRecipe, *, store: ContentCache) -> BundleContents:
        """Everything that the bundle is cut from; see `load_master`.

        Args:
            recipe: with every choice made.
            store: where masters and conversions are kept.
        """
        source = ExportSource(self.checkpoint, group=self.group)
        return load_master(source, backend=self.backend, recipe=recipe, store=store)

    @property
    def file_name(self) -> str:
        """Name of the bundle when the user gives none."""
        group = f"-g{self.group}" if self.group else ""
        return f"{self.checkpoint.resolve().name}-{self.budget_text}-{self.backend.name}{group}.ofab"


def make_jobs(
    checkpoint: Path,
    *,
    budget: str,
    backend: str,
    group: str,
    recipe: str,
    limits: Limits,
    items: str | None = None,
) -> tuple[Job, ...]:
    """Resolve what the user wrote.

    Args:
        checkpoint: folder.
        budget: such as "4MB".
        backend: a backend's name, or "both" for one of each installed runtime.
        group: a user group counted from 0, or "all".
        recipe: a shipped bundle recipe's name, or a YAML file.
        limits: on memory and time.
        items: "all" or "prune-tail", in place of what the recipe says.

    Returns:
        The jobs, backends first.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: any other of them is wrong.
    """
    size = parse_budget(budget)
    if backend not in {"both", *backend_names()}:
        raise UnknownNameError("backend", backend, {"both", *backend_names()})
    backends = [get_backend(name) for name in (runtime_names() if backend == "both" else (backend,))]
    resolved, sizes = _with_items(load_recipe("bundle", recipe, OpenRecipe), items), _sizes(checkpoint)
    groups = range(sizes.user_groups) if group == "all" else [_group(group)]
    return tuple(
        Job(
            checkpoint=checkpoint,
            backend=chosen,
            group=number,
            sizes=sizes,
            recipe=resolved,
            budget=size,
            budget_text=budget,
            limits=limits,
        )
        for chosen in backends
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
