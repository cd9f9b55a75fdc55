"""Measurements of configurations on the checkpoint's validation histories, each made once for all budgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ofa_export.converters.protocol import Converter
from ofa_export.planning.bundle_recipe import BundleRecipe, OpenRecipe
from ofa_export.planning.configurations import Configuration, MeasuredConfiguration
from ofa_export.planning.export_source import ExportSource
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import ProgressCallback, no_progress

if TYPE_CHECKING:
    from ofa_export.planning.configuration_worth import WorthSource


class Measurements:
    """Worth of a checkpoint's configurations, from the store where it was measured before.

    Args:
        source: the checkpoint and the user group.
        converter: whose rounding counts.
        recipe: gives the self-test, whose bytes are part of every bundle.
        store: keeps measurements.
    """

    def __init__(
        self, source: ExportSource, *, converter: Converter, recipe: BundleRecipe | OpenRecipe, store: ContentCache
    ) -> None:
        self.source, self.converter, self.recipe, self.store = source, converter, recipe, store
        self._kept: WorthSource | None = None

    def of(
        self, wanted: Sequence[Configuration], *, progress: ProgressCallback = no_progress
    ) -> tuple[MeasuredConfiguration, ...]:
        """Return every configuration with what it is worth.

        Args:
            wanted: which configurations.
            progress: called before each measurement.

        Raises:
            CheckpointError: the checkpoint is rejected.
        """
        found = []
        for done, configuration in enumerate(wanted):
            progress("measuring", done, len(wanted))
            found.append(MeasuredConfiguration.model_validate_json(self._content(configuration)))
        progress("measuring", len(wanted), len(wanted))
        return tuple(found)

    def least_weights(self, wanted: Sequence[Configuration]) -> int:
        """Return bytes of the weights of the smallest of some configurations, without measuring what they are worth."""
        return min(sum(self._worth_source(one.items).weights(one).values()) for one in wanted)

    def _content(self, configuration: Configuration) -> bytes:
        rounding = [self.converter.name, repr(self.converter.rules)]
        return self.store.get(
            "worth",
            self.source.inputs(rounding, self.recipe.selftest.model_dump(), configuration.model_dump_json()),
            lambda: self._worth_source(configuration.items).worth(configuration).model_dump_json().encode(),
            made_with=[self.converter],
            fits=lambda content: _is_of(configuration, content),
        )

    def _worth_source(self, items: int | None) -> WorthSource:
        # Imported here: what was measured before must not cost the import of torch.
        from ofa_export.planning.configuration_worth import WorthSource

        selection = self.source.selection(items)
        if self._kept is None or self._kept.selection is not selection:
            self._kept = WorthSource(selection, converter=self.converter, recipe=self.recipe)
        return self._kept


def _is_of(configuration: Configuration, content: bytes) -> bool:
    """Tell whether a measurement is one, and of this configuration."""
    try:
        return MeasuredConfiguration.model_validate_json(content).configuration == configuration
    except ValidationError:
        return False
