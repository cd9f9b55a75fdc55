from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from ofa_export.fleet.fleet_recipe import FleetRecipe

T = TypeVar("T")
R = TypeVar("R")


def in_this_process(function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[R]:
    """The simplest runner there can be."""
    yield from map(function, tasks)


@pytest.fixture
def inline() -> Callable[..., Iterator[object]]:
    return in_this_process


@pytest.fixture
def recipe() -> FleetRecipe:
    return FleetRecipe(budgets=("160KB", "165KB", "1MB"), runtime="litert")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "fleet")
