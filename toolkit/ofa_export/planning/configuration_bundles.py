"""The bundles that configurations would become: exact bytes and measured costs, at the price of a conversion."""

from __future__ import annotations

from functools import cache

from ofa_export.bundle.writer import BundleContents, smallest_budget
from ofa_export.converters.protocol import Converter
from ofa_export.planning.bundle_recipe import OpenRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.configurations import Configuration, MeasuredConfiguration
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import Footprint, Limits, footprint
from ofa_export.support.content_cache import ContentCache


class ConfigurationBundles:
    """Converts configurations when asked about them, each once.

    Args:
        source: the checkpoint and the user group.
        converter: that makes the graphs.
        recipe: what the configurations do not say.
        limits: on memory and time.
        store: keeps conversions, complete bundles and measurements.
    """

    def __init__(
        self, source: ExportSource, *, converter: Converter, recipe: OpenRecipe, limits: Limits, store: ContentCache
    ) -> None:
        self.limits = limits

        @cache
        def complete(configuration: Configuration) -> BundleContents:
            return load_complete_bundle(source, converter=converter, recipe=configuration.resolved(recipe), store=store)

        self._complete = complete
        self._footprint = cache(
            lambda configuration: footprint(complete(configuration), converter=converter, store=store)
        )

    def contents(self, one: MeasuredConfiguration) -> BundleContents:
        """Return the complete bundle of a configuration."""
        return self._complete(one.configuration)

    def cost(self, one: MeasuredConfiguration) -> Footprint:
        """Memory and time of a session."""
        return self._footprint(one.configuration)

    def bytes(self, one: MeasuredConfiguration, tiles: int) -> int:
        """Return the smallest budget that holds a configuration with so many tiles."""
        return smallest_budget(self.contents(one), tiles)

    def least_bytes(self, configuration: Configuration) -> int:
        """Return the smallest budget that holds a configuration at all, measured or not."""
        contents = self._complete(configuration)
        return smallest_budget(contents, contents.floor_tiles)

    def bytes_within_limits(self, one: MeasuredConfiguration, tiles: int) -> int | None:
        """Return the same, or None for a configuration that breaks a limit."""
        if self.limits.bind and self.limits.broken_by(self.cost(one)):
            return None
        return self.bytes(one, tiles)

    def surcharge(self, one: MeasuredConfiguration) -> int:
        """Return bytes of its graphs, manifest and card beyond the weights."""
        point = one.points[0]
        return self.bytes(one, point.tiles) - one.bytes_at_least(point)
