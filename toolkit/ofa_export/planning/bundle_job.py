"""The bundles that one command asks for: runtimes x groups of a checkpoint, checked before any work starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ofa_export.bundle.writer import BundleContents
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import converters_for, get_converter, runtime_of
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.model.checkpoint_folder import check_folder
from ofa_export.model.config import ModelConfig
from ofa_export.planning.bundle_recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.choose import Choice, choose
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.kept_quality import trained_ndcg
from ofa_export.planning.limits import Limits, check_budget
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.quality_curve import check_group
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.extras import require
from ofa_export.support.input import read_regular
from ofa_export.support.plain_values import read_json
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
        trained_ndcg: NDCG@10 that the training measured; None where it is not recorded.
    """

    checkpoint: Path
    converter: Converter
    group: int
    sizes: ModelConfig
    recipe: OpenRecipe
    budget: int
    budget_text: str
    limits: Limits
    trained_ndcg: float | None

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
        trained = self.trained_ndcg if self.trained_ndcg is not None else choice.considered[0].full_table_ndcg
        return choice, make_plan(choice.contents, recipe=choice.recipe, budget=self.budget, trained_ndcg=trained)

    def complete_bundle(self, recipe: BundleRecipe, *, store: ContentCache) -> BundleContents:
        """Return everything that the bundle is cut from; see `load_complete_bundle`.

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
    budget: int,
    runtime: str | None,
    group: int | None,
    recipe: OpenRecipe,
    limits: Limits,
    converter: str | None = None,
    budget_text: str | None = None,
) -> tuple[Job, ...]:
    """List the bundles that are asked for, and check that what makes them is there.

    Args:
        checkpoint: folder.
        budget: most bytes of each file.
        runtime: a runtime's name, or "both" for one bundle of each; None for that of `converter`, or both.
        group: a user group counted from 0, or None for one bundle of each.
        recipe: how the checkpoint becomes a bundle.
        limits: on memory and time.
        converter: in place of its runtime's first one; see `converters_for`.
        budget_text: the budget as it was written, for the files' names; None for the number.

    Returns:
        The jobs, runtimes first.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: the budget or a name is wrong.
        MissingToolError: the extra of a converter is not installed.
    """
    check_budget(budget)
    check_folder(checkpoint)
    names = converters_for(runtime, converter)
    require(*names, by=f"The converter{'s' if len(names) > 1 else ''} {' and '.join(names)}")
    converters, (sizes, trained) = [get_converter(name) for name in names], _described(checkpoint)
    if group is not None:
        check_group(sizes.user_groups, group)
    return tuple(
        Job(
            checkpoint=checkpoint,
            converter=chosen,
            group=number,
            sizes=sizes,
            recipe=recipe,
            budget=budget,
            budget_text=str(budget) if budget_text is None else budget_text,
            limits=limits,
            trained_ndcg=trained,
        )
        for chosen in converters
        for number in (range(sizes.user_groups) if group is None else (group,))
    )


def bundle_recipe(recipe: OpenRecipe | Path | str, *, items: str | None = None) -> OpenRecipe:
    """Read a bundle recipe.

    Args:
        recipe: a shipped recipe's name, a YAML file, or a recipe.
        items: "all" or "prune-tail", in place of what it says.

    Raises:
        ConfigError: the recipe is wrong, or contradicts `items`.
    """
    if not isinstance(recipe, OpenRecipe):
        recipe = load_recipe("bundle", str(recipe), OpenRecipe)
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


def parse_group(text: str) -> int | None:
    """Read a user group as people write it.

    Args:
        text: a number from 0, or "all", which is None.

    Raises:
        ConfigError: it is neither.
    """
    if text == "all":
        return None
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"The group '{text}' is neither all nor a number from 0.")
    return int(text)


def _described(checkpoint: Path) -> tuple[ModelConfig, float | None]:
    """Return the sizes of a checkpoint's network, and the quality that its training measured."""
    try:
        config = read_json(read_regular(checkpoint / "config.json"))
        return ModelConfig.model_validate(config["model"]), trained_ndcg(config)
    except (OSError, ValueError, KeyError, TypeError):
        # Imported here: only what is wrong needs the whole reader, which says what it is.
        from ofa_export.model.checkpoint_reader import load_checkpoint

        found = load_checkpoint(checkpoint).config
        return found.model, trained_ndcg(found.model_dump(mode="json"))
