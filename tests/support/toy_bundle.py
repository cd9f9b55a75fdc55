"""A small valid bundle over a toy network that numpy can run: what all tests of the format start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import (
    DataSource,
    ManifestFields,
    NdcgAt10,
    Quality,
    Ranking,
    Runtime,
    Shapes,
    TilesQuality,
)
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.bundle.writer import BundleContents, write_bundle

T, d, L, C, P, V = 6, 16, 3, 4, 5, 23
GROUP_SIZES = (8, 8, 7)
ROOMY = 100_000


@dataclass
class ToyNetwork:
    """Adapts by the mean of the real history; a block adds a projection of its theta; scores are dot products."""

    calls: list[str] = field(default_factory=list)
    inputs: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        self.to_keep = rng.normal(size=(L, 2, d)).astype(np.float32)
        self.to_theta = rng.normal(size=(L, P, d)).astype(np.float32)
        self.from_theta = rng.normal(size=(L, d, P)).astype(np.float32)

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        self.calls.append(graph)
        self.inputs[graph] = {name: value.copy() for name, value in inputs.items()}
        if graph == "adapt":
            return self._adapt(inputs["history"], int(inputs["length"][0]))
        if graph == "score":
            return {"scores": inputs["candidates"] @ inputs["hidden"][0, -1]}
        block = int(graph.removeprefix("block_"))
        return {"hidden": inputs["hidden"] + self.from_theta[block] @ inputs[f"theta_{block}"][0]}

    def close(self) -> None:
        pass

    def _adapt(self, history: NDArray[np.float32], length: int) -> dict[str, NDArray[np.float32]]:
        mean = history[0, T - length :].mean(axis=0)
        keep_logits = (self.to_keep @ mean)[None]
        gates = (keep_logits[..., 1] > keep_logits[..., 0]).astype(np.float32)
        thetas = {f"theta_{block}": (self.to_theta[block] @ mean)[None] for block in range(L)}
        return {"hidden": history.copy(), "gates": gates, "keep_logits": keep_logits, **thetas}

    def expected(self, history: NDArray[np.float32], candidates: NDArray[np.float32]) -> tuple[Any, Any, Any]:
        """Gates, keep logits and scores in one formula, not through the device loop."""
        mean = history.mean(axis=0)
        keep_logits = self.to_keep @ mean
        gates = (keep_logits[:, 1] > keep_logits[:, 0]).astype(np.float32)
        state = history[-1] + sum(gates[b] * (self.from_theta[b] @ (self.to_theta[b] @ mean)) for b in range(L))
        return gates, keep_logits, candidates @ state


def _selftest(table: ElasticTable) -> SelfTest:
    rows, network = table.all_rows().astype(np.float16), ToyNetwork()
    histories, candidates = ([0], [3, 1], [5, 6, 7, 8, 9, 22]), rows[[2, 4, 6]]
    outputs = [network.expected(rows[h].astype(np.float32), candidates.astype(np.float32)) for h in histories]
    gates, keep_logits, scores = (np.stack(parts).astype(np.float32) for parts in zip(*outputs, strict=True))
    return SelfTest(
        rows=np.concatenate([rows[h] for h in histories]),
        lengths=np.array([len(h) for h in histories], np.int32),
        candidates=candidates,
        gates=gates,
        keep_logits=keep_logits,
        scores=scores,
        tile_items=np.array([0, 11, 22], np.int32),
        tile_codes=table.codes([0, 11, 22]),
    )


@pytest.fixture(scope="session")
def fields() -> ManifestFields:
    return ManifestFields(
        model_id="toy",
        group="all",
        runtime=Runtime(name="toy", minimum_version="1.0"),
        precision="fp32",
        shapes=Shapes(history_length=T, width=d, depth=L, candidates=C, theta_size=P),
        quality=Quality(
            ndcg_at_10=NdcgAt10(full_table="0.2092", by_tiles=(TilesQuality(tiles=3, ndcg_at_10="0.1234"),)), users=40
        ),
        ranking=Ranking(exclude_history=True),
        recipe='{"precision": "fp32", "rates": [1e-05, 0.5]}',
        tools={"numpy": "2.0"},
        checkpoint_sha256="ab" * 32,
        data=DataSource(name="toy", licence="CC0"),
    )


@pytest.fixture(scope="session")
def encoded() -> EncodedTable:
    return encode(np.random.default_rng(1).normal(size=(V, d)).astype(np.float32), group_sizes=GROUP_SIZES)


@pytest.fixture(scope="session")
def table(encoded: EncodedTable) -> ElasticTable:
    return ElasticTable.from_encoded(encoded, plane_order(len(GROUP_SIZES), d // 8))


@pytest.fixture(scope="session")
def contents(fields: ManifestFields, table: ElasticTable) -> BundleContents:
    return BundleContents(
        graph_entry="graphs.toy",
        graphs=bytes(range(256)) * 2 + b"end",
        table=table,
        items_entry=ItemCatalogue(
            keys=tuple(f"K{row}" for row in range(V)), titles=tuple(f"Täßchen {row}" for row in range(V))
        ).to_bytes(),
        selftest=_selftest(table),
        min_snr_db=60.0,
        model_card="# Toy\nNothing real.\n",
        fields=fields,
    )


@pytest.fixture(scope="session")
def bundle_path(contents: BundleContents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "toy.ofab"
    write_bundle(path, contents, tiles=len(contents.table.order), budget=ROOMY)
    return path


@pytest.fixture(scope="session")
def bundle_data(bundle_path: Path) -> bytes:
    return bundle_path.read_bytes()


@pytest.fixture(scope="session")
def entries(bundle_data: bytes) -> dict[str, bytes]:
    return {name: bytes(data) for name, data in read_archive(memoryview(bundle_data)).items()}


@pytest.fixture(scope="session")
def archive_of() -> Callable[[Mapping[str, bytes]], memoryview]:
    """Archives any entries, with correct headers and CRCs, as an attacker can."""

    def archive(entries: Mapping[str, bytes]) -> memoryview:
        stream = BytesIO()
        write_archive(stream, list(entries.items()))
        return memoryview(stream.getvalue())

    return archive


@pytest.fixture
def network() -> ToyNetwork:
    return ToyNetwork()
