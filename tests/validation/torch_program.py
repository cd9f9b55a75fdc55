"""A third-party converter: PyTorch itself as the runtime, with layers that are rounded if asked to.

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

from ofa_export.contract import GraphSpec
from ofa_export.converters.agreement import check_inputs
from ofa_export.errors import BundleError, RejectionCode
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.fake_quantised import QuantisedLinear
from ofa_export.precision import CHANNELWISE, Precision, QuantisationRules


class TorchProgramConverter:
    name = "torch-program"
    entry_name = "graphs.torch"
    schemes: ClassVar = {"fp32": "2.0", "int8": "2.0", "int4": "2.0"}
    rules = CHANNELWISE

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        modules = {graph.spec.name: copy.deepcopy(graph.module) for graph in graphs}
        for graph in graphs:
            round_layers(modules[graph.spec.name], graph.spec.name, precision, self.rules)
        stream = io.BytesIO()
        torch.save(modules, stream)
        return stream.getvalue()

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> TorchProgramRunner:
        modules = torch.load(io.BytesIO(bytes(graphs)), weights_only=False)
        if list(modules) != [graph.name for graph in contract]:
            reason = f"it holds the graphs {', '.join(modules)}."
            raise BundleError(reason, code=RejectionCode.GRAPHS, entry=self.entry_name)
        return TorchProgramRunner(modules, contract)

    def tool_versions(self) -> dict[str, str]:
        return {"torch": torch.__version__}


class TwinProgramConverter(TorchProgramConverter):
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


def round_layers(module: nn.Module, graph: str, precision: Precision, rules: QuantisationRules) -> None:
    """Quantise weights and activations of every linear layer as the rules say."""
    layers = {path: layer for path, layer in module.named_modules() if isinstance(layer, nn.Linear)}
    for path, layer in layers.items():
        scheme = precision.scheme_of(f"{graph}.{path}")
        if scheme != "fp32":
            module.set_submodule(path, QuantisedLinear(layer, scheme, rules))
