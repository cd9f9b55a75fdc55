"""The items of a checkpoint that bundles of one user group hold, in the forms that planning and packing need."""

from __future__ import annotations

from functools import cached_property

from ofa_export.bundle.codes import encode
from ofa_export.bundle.items import items_entry
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import floor_tiles
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.reductions.fewer_items import with_items
from ofa_export.planning.quality_curve import check_group, measured_prefixes


class ItemSelection:
    """A checkpoint with all or some of its items.

    Args:
        trained: with all items.
        group: user group.
        items: how many of the most popular stay; None is all.

    Raises:
        ConfigError: there is no such user group, or not that many items.
    """

    def __init__(self, trained: Checkpoint, *, group: int, items: int | None = None) -> None:
        check_group(trained.config.model.user_groups, group)
        self.trained, self.group, self.items = trained, group, items
        self.checkpoint = trained if items is None else with_items(trained, items)

    @cached_property
    def table(self) -> ElasticTable:
        """The elastic table with every tile."""
        values = self.checkpoint.table(self.group).numpy()
        encoded = encode(values, group_sizes=self.checkpoint.config.model.group_sizes)
        return ElasticTable.from_encoded(encoded, self.checkpoint.tile_orders[self.group])

    @cached_property
    def items_entry(self) -> bytes:
        """Keys and titles as the content of `items.bin`."""
        return items_entry(self.checkpoint.item_keys, self.checkpoint.item_titles)

    @cached_property
    def prefixes(self) -> tuple[int, ...]:
        """Numbers of tiles that quality is measured at, ascending."""
        return measured_prefixes(self.table, floor=floor_tiles(self.table.order))
