"""The toy checkpoint, a converter that converts in no time, and the complete bundle that both make."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from ofa_export.bundle.writer import BundleContents
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.configuration_worth import weights
from ofa_export.planning.export_source import ExportSource
from ofa_export.precision import CHANNELWISE, Precision, QuantisationRules, Scheme
from ofa_export.support.content_cache import ContentCache


@dataclass
class DigestConverter:
    """A third-party converter: its "file" is a digest of the weights and as long as they are."""

    name: str = "digest"
    version: str = "1.0"
    entry_name: str = "graphs.digest"
    schemes: Mapping[Scheme, str] = field(default_factory=lambda: {"fp32": "1.0", "int8": "1.2"})
    rules: QuantisationRules = CHANNELWISE
    conversions: list[str] = field(default_factory=list)

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        self.conversions.append(precision.text)
        digest = hashlib.sha256(precision.text.encode())
        for graph in graphs:
            for value in graph.module.state_dict().values():
                digest.update(value.numpy().tobytes())
        return digest.digest() + bytes(sum(weights(graphs, precision, self).values()))

    def load(self, graphs: object, contract: object) -> NoReturn:
        raise NotImplementedError

    def tool_versions(self) -> dict[str, str]:
        return {"digest": self.version}


@pytest.fixture(scope="session")
def recipe() -> BundleRecipe:
    return BundleRecipe(description="toy", precision="int8", candidates=25, selftest=SelfTestRecipe(min_snr_db=20.0))


@pytest.fixture
def converter() -> DigestConverter:
    return DigestConverter()


@pytest.fixture(scope="session")
def checkpoint(toy_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(toy_checkpoint)


@pytest.fixture(scope="session")
def complete(toy_checkpoint: Path, recipe: BundleRecipe, tmp_path_factory: pytest.TempPathFactory) -> BundleContents:
    store = ContentCache(tmp_path_factory.mktemp("complete"))
    return load_complete_bundle(
        ExportSource(toy_checkpoint, group=0), converter=DigestConverter(), recipe=recipe, store=store
    )
