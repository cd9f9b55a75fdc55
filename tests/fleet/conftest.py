from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
from store_servers import http, s3, s3_endpoint

from ofa_export.bundle.document import Entry
from ofa_export.bundle.manifest import ENTRY, Manifest
from ofa_export.fleet.fleet_recipe import FleetRecipe
from ofa_export.fleet.index import VERSION, FleetBundle, FleetIndex
from ofa_export.fleet.store import FleetStore

__all__ = ["http", "s3", "s3_endpoint"]

T = TypeVar("T")
R = TypeVar("R")

GOLDEN = Path(__file__).parents[2] / "artifacts" / "golden"


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


class Parts(NamedTuple):
    """A real bundle, as a worker stores it."""

    bundle: FleetBundle
    manifest: bytes
    entries: list[tuple[Entry, bytes]]


@pytest.fixture(scope="session")
def parts() -> tuple[Parts, ...]:
    """The two golden bundles: what a fleet would store of them, without making them again."""
    return tuple(_parts(GOLDEN / f"sample-420KB-{runtime}.ofab") for runtime in ("executorch", "litert"))


@pytest.fixture(scope="session")
def golden_index(parts: tuple[Parts, ...]) -> FleetIndex:
    return FleetIndex(version=VERSION, checkpoint_sha256="0" * 64, bundles=tuple(one.bundle for one in parts))


@pytest.fixture
def store_all(parts: tuple[Parts, ...], golden_index: FleetIndex) -> Callable[[FleetStore], None]:
    """Makes a fleet of the golden bundles: store_all(store)."""

    def make(store: FleetStore) -> None:
        with store.claimed():
            store.begin(golden_index, clear=True)
            for one in parts:
                store.write_bundle(*one)
            store.finish(golden_index)

    return make


def _parts(path: Path) -> Parts:
    with zipfile.ZipFile(path) as archive:
        text = archive.read(ENTRY)
        manifest = Manifest.from_bytes(text)
        entries = [(entry, archive.read(entry.name)) for entry in manifest.entries]
    bundle = FleetBundle(
        name=path.name,
        runtime=manifest.runtime.name,
        group=0,
        budget_bytes=manifest.budget_bytes,
        bytes=path.stat().st_size,
        manifest_sha256=hashlib.sha256(text).hexdigest(),
        tiles=1,
        tiles_total=2,
        ndcg_at_10="0.1000",
    )
    return Parts(bundle, text, entries)
