from __future__ import annotations

import numpy as np
import pytest
import torch

from ofa_export.evaluation.controls import STARTS, ControlRuns
from ofa_export.evaluation.table_methods import SHARES, TableMethod, table_methods

pytestmark = pytest.mark.integration


def method(name: str) -> TableMethod:
    return next(method for method in table_methods() if method.name == name)


@pytest.mark.parametrize(
    "name", ["tiles", "blocks_controller", "blocks_random", "blocks_magnitude", "blocks_equal", "blocks_removal"]
)
def test_elastic_methods_keep_what_fits_and_more_for_more(name: str, runs: ControlRuns) -> None:
    run = runs.run(method(name).control)
    full = run.full_tables(0)
    found = list(method(name).sized(run))
    assert len(found) == len(SHARES)
    for (size, table), share in zip(found, SHARES, strict=True):
        assert size <= share * 4 * full.numel()
        assert table.shape == full.shape
    assert [size for size, _ in found] == sorted(size for size, _ in found)
    errors = [(table - full).square().mean().item() for _, table in found]
    assert errors[-1] < 0.01 * full.square().mean().item() < errors[0]


def test_equal_sizes_drop_the_last_dimensions_first(runs: ControlRuns) -> None:
    run = runs.run(method("blocks_equal").control)
    _, half = list(method("blocks_equal").sized(run))[SHARES.index(0.125)]
    assert half[:, :8].abs().min() > 0
    assert half[:, 8:].abs().max() == 0


@pytest.mark.parametrize("name", [method.name for method in table_methods() if not method.retrained])
def test_whole_blocks_are_exact_and_all_of_them_are_the_untouched_table(name: str, runs: ControlRuns) -> None:
    full = runs.run(STARTS["static"]).full_tables(0)
    sizes = []
    for size, table in method(name).sized(runs.run(method(name).control)):
        blocks = table.reshape(len(table), -1, 8)
        kept = blocks.abs().amax(dim=2) > 0
        assert torch.equal(blocks[kept], full.reshape(len(full), -1, 8)[kept])
        assert size == 4 * 8 * int(kept.sum())
        sizes.append(size)
    assert sizes == sorted(sizes)
    assert torch.equal(table, full)


def test_methods_of_one_size_have_the_bytes_they_claim(runs: ControlRuns) -> None:
    run = runs.run(method("uniform_4_bits").control)
    ((size, table),) = method("uniform_4_bits").sized(run)
    assert size == len(table) * 16 // 2 + 64
    assert all(len(np.unique(column.round(4))) <= 16 for column in table.numpy().T)


def test_names_are_unique() -> None:
    names = [method.name for method in table_methods()]
    assert len(set(names)) == len(names)
