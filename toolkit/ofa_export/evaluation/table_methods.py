"""Tables of every size by every method, each trained from the same static net for the same number of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ofa_export.bundle.codes import PLANES
from ofa_export.bundle.tile_order import block_order, plane_order, planes_of_prefix, prefix_bytes
from ofa_export.evaluation.block_orders import BlockOrder, block_orders
from ofa_export.evaluation.controls import STARTS, Control
from ofa_export.evaluation.table_codes import ProductCode, uniform_bytes, uniform_code
from ofa_export.model.importance import weigh
from ofa_export.training.tiles_stage import fit_compressed, keep_prefix, random_prefix_table
from ofa_export.training.training_run import TrainingRun

SHARES = (0.02, 0.03125, 0.046875, 0.0625, 0.09375, 0.125, 0.1875, 0.25)
"""Bytes as a share of the fp32 table. 1/32 is one bit per value; a code of 8 bits is a quarter."""

WHOLE_SHARES = (0.0625, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
"""For blocks in fp32, of which the smallest shares hold next to nothing."""

TRAINED_ORDERS = ("controller", "equal", "random", "magnitude", "removal")

Sized = Iterator[tuple[int, Tensor]]
"""Bytes and the table [V, d] that they hold."""


@dataclass(frozen=True, kw_only=True)
class TableMethod:
    """A way to spend bytes on an item table.

    Args:
        name: for programs.
        label: for people.
        control: the net that it is used with.
        sized: the trained run to tables of rising bytes.
        elastic: one trained net serves every size; otherwise this size has a net of its own.
        retrained: the net was trained for small tables; otherwise it is the one that knew only its full table.
    """

    name: str
    label: str
    control: Control
    sized: Callable[[TrainingRun], Sized]
    elastic: bool
    retrained: bool = True


def table_methods() -> tuple[TableMethod, ...]:
    """Return every method; ours first."""
    return (
        TableMethod(
            name="tiles",
            label="bit-plane tiles, one table",
            control=STARTS["tiles"],
            sized=lambda run: _prefixes(run, SHARES),
            elastic=True,
        ),
        *(_trained_order(order) for order in block_orders() if order.name in TRAINED_ORDERS),
        *(_untrained_order(order) for order in block_orders()),
        *(_dedicated_planes(planes) for planes in (1, 2, 4)),
        *(_uniform(bits) for bits in (2, 3, 4, 8)),
        *(_product(dims) for dims in (4, 2, 1)),
    )


def _order_control(order: BlockOrder) -> Control:
    """Return the net as it is, with its blocks in an order."""

    def train(run: TrainingRun) -> None:
        run.importance[0] = order.weights(run)
        run.tile_orders = [block_order(run.importance[0], name="peel")]

    return Control(name=f"order_{order.name}", label=order.label, start=STARTS["weights"], train=train)


def _untrained_order(order: BlockOrder) -> TableMethod:
    return TableMethod(
        name=f"whole_{order.name}",
        label=f"fp32 blocks, not retrained: {order.label}",
        control=_order_control(order),
        sized=_whole_blocks,
        elastic=True,
        retrained=False,
    )


def _trained_order(order: BlockOrder) -> TableMethod:
    name, label = f"blocks_{order.name}", f"8-bit blocks, trained: {order.label}"

    def train(run: TrainingRun) -> None:
        _fit(
            run,
            name,
            compress=lambda table, group, generator: random_prefix_table(run, table, group, generator),
            watched=lambda table: [kept for _, kept in _prefixes_of(run, table, (0.03125, 0.0625, 0.125, 0.25))],
        )

    return TableMethod(
        name=name,
        label=label,
        control=Control(name=name, label=label, start=_order_control(order), train=train),
        sized=lambda run: _prefixes(run, SHARES),
        elastic=True,
    )


def _dedicated_planes(planes: int) -> TableMethod:
    name, label = f"planes_{planes}_only", f"bit-plane tiles, trained for {planes} plane{'s' * (planes > 1)} only"
    share = planes / 32

    def train(run: TrainingRun) -> None:
        groups, blocks = run.importance[0].shape
        run.tile_orders = [plane_order(groups, blocks)]
        count = len(run.tile_orders[0]) * planes // 8
        _fit(
            run,
            name,
            compress=lambda table, group, _: keep_prefix(run, table, group, count),
            watched=lambda table: [keep_prefix(run, table, 0, count)],
        )

    return TableMethod(
        name=name,
        label=label,
        control=Control(name=name, label=label, start=STARTS["weights"], train=train),
        sized=lambda run: _prefixes(run, (share,)),
        elastic=False,
    )


def _uniform(bits: int) -> TableMethod:
    name, label = f"uniform_{bits}_bits", f"uniform code of {bits} bits, trained for it"

    def train(run: TrainingRun) -> None:
        _fit(
            run,
            name,
            compress=lambda table, group, generator: uniform_code(table, bits),
            watched=lambda table: [uniform_code(table, bits)],
        )

    def sized(run: TrainingRun) -> Sized:
        table = run.full_tables(0)
        yield uniform_bytes(len(table), table.shape[1], bits), uniform_code(table, bits)

    control = Control(name=name, label=label, start=STARTS["weights"], train=train)
    return TableMethod(name=name, label=label, control=control, sized=sized, elastic=False)


def _product(dims: int) -> TableMethod:
    name = f"product_{dims}"
    label = f"product quantisation (faiss), 4 bits for {dims} dimension{'s' * (dims > 1)}, trained for it"

    def train(run: TrainingRun) -> None:
        code = ProductCode(dims=dims)
        _fit(
            run,
            name,
            compress=lambda table, group, generator: code.read(table),
            watched=lambda table: [ProductCode(dims=dims).read(table)],
        )

    def sized(run: TrainingRun) -> Sized:
        table, code = run.full_tables(0), ProductCode(dims=dims)
        yield code.size(len(table), table.shape[1]), code.read(table)

    control = Control(name=name, label=label, start=STARTS["weights"], train=train)
    return TableMethod(name=name, label=label, control=control, sized=sized, elastic=False)


def _fit(
    run: TrainingRun,
    name: str,
    *,
    compress: Callable[[Tensor, int, np.random.Generator], Tensor],
    watched: Callable[[Tensor], list[Tensor]],
) -> None:
    run.measured[name] = fit_compressed(
        run, run.recipe.tiles, stage=name, compress=compress, watched=lambda table, _: watched(table)
    )


def _prefixes(run: TrainingRun, shares: tuple[float, ...]) -> Sized:
    yield from _prefixes_of(run, run.full_tables(0), shares)


def _prefixes_of(run: TrainingRun, table: Tensor, shares: tuple[float, ...]) -> Sized:
    """Return the longest prefix of whole tiles within each share of the fp32 table's bytes."""
    sizes = prefix_bytes(run.tile_orders[0], np.array(run.model.config.group_sizes))
    for share in shares:
        count = int(np.searchsorted(sizes, share * 4 * table.numel(), side="right")) - 1
        yield int(sizes[count]), keep_prefix(run, table, 0, count)


def _whole_blocks(run: TrainingRun) -> Sized:
    """Whole fp32 blocks in the run's order, as PEEL keeps them; what is not kept is 0."""
    order, table = run.tile_orders[0], run.full_tables(0)
    sizes = prefix_bytes(order, np.array(run.model.config.group_sizes))
    for share in WHOLE_SHARES:
        count = int(np.searchsorted(sizes, share * table.numel(), side="right")) - 1
        blocks = count // PLANES * PLANES
        kept = torch.from_numpy(planes_of_prefix(order, blocks) > 0)
        yield 4 * int(sizes[blocks]), weigh(table, kept.to(table.dtype), run.item_groups)
