"""LiteRT (TensorFlow Lite): graphs are signatures of one .tflite file, tensors are bound by signature name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from ai_edge_litert.interpreter import Interpreter, SignatureRunner
from numpy.typing import NDArray

from ofa_export.contract import DType, GraphRunner, GraphSpec, TensorSpec
from ofa_export.converters.agreement import check_agreement, check_inputs
from ofa_export.converters.quiet import native_stderr_silenced
from ofa_export.converters.schemes import check_schemes
from ofa_export.errors import BundleError, RejectionCode, UnknownNameError
from ofa_export.precision import CHANNELWISE, Precision, Scheme
from ofa_export.support.extras import require

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph

TOOLS = ("litert-torch", "litert-converter", "ai-edge-litert", "litert-quantizer", "torch", "jax", "numpy")


class LiteRtConverter:
    """LiteRT on a phone, ai-edge-litert on this computer."""

    name = "litert"
    entry_name = "graphs.tflite"
    # The oldest runtime on which files of each were run with the same results as here (the AAR of the demo app). It
    # refuses weight-only int4 and crashes on blockwise int4, which this computer's runtime takes: int4 is channelwise.
    schemes: Mapping[Scheme, str] = MappingProxyType({"fp32": "2.16.1", "int8": "2.16.1", "int4": "2.16.1"})
    rules = CHANNELWISE
    tools: tuple[str, ...] = TOOLS

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        """Convert graphs to one .tflite file; see `Converter.convert`."""
        check_schemes(self, precision)
        from ofa_export.converters.litert.conversion import convert_to_litert

        return convert_to_litert(graphs, precision=precision)

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a .tflite file; see `Converter.load`."""
        return LiteRtRunner(_interpreter(bytes(graphs), entry=self.entry_name), contract, entry=self.entry_name)

    def tool_versions(self) -> dict[str, str]:
        """Return versions of the tools that make the file, by distribution name.

        Raises:
            MissingToolError: the extra is not installed.
        """
        require(self.name, by=f"The converter {self.name}")
        return {tool: version(tool) for tool in self.tools}


class LiteRtRunner:
    """Signatures of one interpreter, whose tensors are allocated once.

    Args:
        interpreter: the loaded file.
        contract: what it has to hold.
        entry: the bundle entry that it came from.

    Raises:
        BundleError: the file does not hold what the contract says.
    """

    def __init__(self, interpreter: Interpreter, contract: Sequence[GraphSpec], *, entry: str) -> None:
        try:
            signatures = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
            found = [_graph_spec(name, runner) for name, runner in signatures.items()]
        except (ValueError, RuntimeError) as error:
            raise BundleError(
                f"LiteRT cannot read its signatures: {error}.", code=RejectionCode.GRAPHS, entry=entry
            ) from error
        check_agreement(found, contract, entry=entry)
        self._signatures: dict[str, SignatureRunner] = signatures
        self._entry = entry
        self._contract = {graph.name: graph for graph in contract}

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        if graph not in self._signatures:
            raise UnknownNameError("loaded graph", graph, self._signatures)
        check_inputs(self._contract[graph], inputs)
        try:
            return cast("dict[str, NDArray[Any]]", self._signatures[graph](**inputs))
        except (ValueError, RuntimeError) as error:
            raise BundleError(
                f"LiteRT cannot run graph {graph}: {error}.", code=RejectionCode.GRAPHS, entry=self._entry
            ) from error

    def close(self) -> None:
        """Free the interpreter."""
        self._signatures = {}


def _interpreter(content: bytes, *, entry: str) -> Interpreter:
    # From bytes, not from a path: only then does LiteRT verify the flatbuffer instead of crashing on a corrupt one.
    # It reads them in place, so the one copy out of the bundle is the only one.
    try:
        with native_stderr_silenced():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
            return interpreter
    except (ValueError, RuntimeError) as error:
        raise BundleError(f"LiteRT cannot read the file: {error}.", code=RejectionCode.GRAPHS, entry=entry) from error


def _graph_spec(name: str, runner: SignatureRunner) -> GraphSpec:
    return GraphSpec(
        name,
        tuple(_tensor_specs(runner.get_input_details().items())),
        tuple(_tensor_specs(runner.get_output_details().items())),
    )


def _tensor_specs(details: Iterable[tuple[str, dict[str, Any]]]) -> Iterable[TensorSpec]:
    for name, detail in details:
        dtype = cast(DType, np.dtype(detail["dtype"]).name)
        yield TensorSpec(name, tuple(int(size) for size in detail["shape"]), dtype)
