"""A third-party backend: PyTorch itself as the runtime, with weights that are rounded to int8 if asked to.

It takes milliseconds where a real converter takes half a minute, so every way of breaking a bundle can be tried.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import nn

from ofa_export.backends.agreement import check_inputs
from ofa_export.contract import GraphSpec
from ofa_export.errors import BundleError
from ofa_export.graphs.device import DeviceGraph
from ofa_export.precision import INT8, Precision
from ofa_export.quantisation_rules import CHANNELWISE


class TorchProgramBackend:
    name = "torch-program"
    entry_name = "graphs.torch"
    schemes: ClassVar = {"fp32": "2.0", "int8": "2.0"}
    rules = CHANNELWISE

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        modules = {graph.spec.name: copy.deepcopy(graph.module) for graph in graphs}
        if precision == INT8:
            for module in modules.values():
                round_weights(module)
        stream = io.BytesIO()
        torch.save(modules, stream)
        return stream.getvalue()

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> TorchProgramRunner:
        modules = torch.load(io.BytesIO(bytes(graphs)), weights_only=False)
        if list(modules) != [graph.name for graph in contract]:
            raise BundleError(f"it holds the graphs {', '.join(modules)}.", entry=self.entry_name)
        return TorchProgramRunner(modules, contract)

    def tool_versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}


class TwinProgramBackend(TorchProgramBackend):
    """A second converter for the same runtime."""

    name = "torch-program-twin"

    def tool_versions(self) -> dict[str, str]:
        return {"twin": "1.0", **super().tool_versions()}


class TorchProgramRunner:
    def __init__(self, modules: Mapping[str, nn.Module], contract: Sequence[GraphSpec]) -> None:
        self._modules = modules
        self._contract = {graph.name: graph for graph in contract}

    @torch.no_grad()
    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        spec = self._contract[graph]
        check_inputs(spec, inputs)
        outputs = self._modules[graph](*(torch.from_numpy(inputs[tensor.name].copy()) for tensor in spec.inputs))
        return {tensor.name: output.numpy() for tensor, output in zip(spec.outputs, outputs, strict=True)}

    def close(self) -> None:
        self._modules = {}


def round_weights(module: nn.Module) -> None:
    """Channelwise int8: each row of a matrix to 255 levels."""
    for weight in module.parameters():
        if weight.ndim == 2:
            scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
            weight.copy_((weight / scale).round() * scale)
