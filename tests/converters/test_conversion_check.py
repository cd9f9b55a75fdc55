"""The check is run on the modules themselves as a runtime, one output of which can be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from ofa_export.contract import GraphSpec
from ofa_export.converters.conversion_check import check_conversion
from ofa_export.errors import BundleError, LoweringError, RejectionCode
from ofa_export.graphs.device import DeviceGraph
from ofa_export.precision import CHANNELWISE, Precision, Scheme


class Modules:
    """A runtime that computes what PyTorch does, besides what `change` does to one output."""

    name, entry_name, rules = "modules", "graphs.modules", CHANNELWISE
    schemes: Mapping[Scheme, str] = MappingProxyType({"fp32": "1"})

    def __init__(self, graphs: Sequence[DeviceGraph], wrong: tuple[str, str] | None = None, by: float = 0.0) -> None:
        self._graphs = {graph.spec.name: graph for graph in graphs}
        self._wrong, self._by = wrong, by

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        raise NotImplementedError

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> Modules:
        return self

    def tool_versions(self) -> dict[str, str]:
        return {}

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        spec, module = self._graphs[graph].spec, self._graphs[graph].module
        with torch.no_grad():
            found = module(*(torch.from_numpy(inputs[tensor.name]) for tensor in spec.inputs))
        outputs = {tensor.name: value.numpy().copy() for tensor, value in zip(spec.outputs, found, strict=True)}
        if self._wrong is not None and self._wrong[0] == graph:
            outputs[self._wrong[1]].flat[-1] += self._by
        return outputs

    def close(self) -> None:
        self._graphs = {}


class Unreadable(Modules):
    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> Modules:
        raise BundleError("it is cut off.", code=RejectionCode.GRAPHS, entry=self.entry_name)


def test_a_file_that_cannot_be_loaded_is_the_converters_fault(graphs: Any) -> None:
    with pytest.raises(LoweringError, match="odd: check failed: it is cut off"):
        check_conversion(b"", graphs, converter="odd", loader=Unreadable(graphs))


def test_what_computes_the_same_passes(graphs: Any) -> None:
    check_conversion(b"", graphs, converter="odd", loader=Modules(graphs))
    check_conversion(b"", graphs, converter="odd", loader=Modules(graphs, ("block_1", "hidden"), 1e-5))


@pytest.mark.parametrize("by", [1.0, -0.1, float("nan")])
@pytest.mark.parametrize("wrong", [("adapt", "gates"), ("block_1", "hidden"), ("score", "scores")])
def test_one_wrong_value_is_refused_by_name(graphs: Any, wrong: tuple[str, str], by: float) -> None:
    with pytest.raises(LoweringError, match=f"odd: check failed for graph {wrong[0]}: output {wrong[1]} is up to"):
        check_conversion(b"", graphs, converter="odd", loader=Modules(graphs, wrong, by))
