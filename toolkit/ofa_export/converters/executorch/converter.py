"""ExecuTorch: graphs are methods of one .pte file, tensors are bound by position in the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from numpy.typing import NDArray

from ofa_export.contract import DType, GraphRunner, GraphSpec, TensorSpec
from ofa_export.converters.agreement import check_agreement, check_inputs
from ofa_export.converters.quiet import native_stderr_silenced
from ofa_export.converters.schemes import check_schemes
from ofa_export.errors import BundleError, RejectionCode, UnknownNameError
from ofa_export.precision import GROUPWISE, Precision, Scheme
from ofa_export.support.extras import require

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph

TOOLS = ("executorch", "torchao", "torch")
RUNTIME_TOOLS = ("executorch", "torch")
# The flatbuffer's file identifier, after the offset of its root table.
IDENTIFIER_AT, IDENTIFIER = 4, b"ET12"
# Numbers of c10::ScalarType.
SCALAR_TYPES = {3: "int32", 6: "float32"}


class ExecutorchConverter:
    """ExecuTorch with XNNPACK, on a phone and on this computer."""

    name = "executorch"
    entry_name = "graphs.pte"
    # Each was run on the library that the demo app carries, with the same results as here.
    schemes: Mapping[Scheme, str] = MappingProxyType({"fp32": "1.0", "int8": "1.0", "int4": "1.0"})
    rules = GROUPWISE

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        """Convert graphs to one .pte file; see `Converter.convert`."""
        check_schemes(self, precision)
        from ofa_export.converters.executorch.conversion import convert_to_executorch

        return convert_to_executorch(graphs, precision=precision)

    def load(self, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a .pte file; see `Converter.load`.

        Raises:
            MissingToolError: the extra is not installed.
        """
        require(self.name, by="A bundle for ExecuTorch", only=RUNTIME_TOOLS)
        return ExecutorchRunner(bytes(graphs), contract, entry=self.entry_name)

    def tool_versions(self) -> dict[str, str]:
        """Return versions of the tools that make the file, by distribution name.

        Raises:
            MissingToolError: the extra is not installed.
        """
        require(self.name, by=f"The converter {self.name}")
        return {tool: version(tool) for tool in TOOLS}


class ExecutorchRunner:
    """Methods of one program, whose memory is planned at conversion and allocated once.

    Args:
        content: the .pte file.
        contract: what it has to hold.
        entry: the bundle entry that it came from.

    Raises:
        BundleError: the bytes are no such file, or it does not hold what the contract says.
    """

    def __init__(self, content: bytes, contract: Sequence[GraphSpec], *, entry: str) -> None:
        # The runtime ends the process when it has to report an identifier that is not text.
        if content[IDENTIFIER_AT : IDENTIFIER_AT + len(IDENTIFIER)] != IDENTIFIER:
            raise BundleError(
                f"the file is no ExecuTorch program: it does not carry {IDENTIFIER.decode()}.",
                code=RejectionCode.GRAPHS,
                entry=entry,
            )
        self._contract = {graph.name: graph for graph in contract}
        try:
            with native_stderr_silenced():
                program = _load_program(content)
                names = [program.get_method_name(index) for index in range(program.num_methods())]
                metas = {name: program.method_meta(name) for name in names}
                check_agreement(
                    [_graph_spec(name, meta, self._contract.get(name)) for name, meta in metas.items()],
                    contract,
                    entry=entry,
                )
                self._methods = {name: program.load_method(name) for name in names}
        except RuntimeError as error:
            raise BundleError(
                f"ExecuTorch cannot read the file: {error}.", code=RejectionCode.GRAPHS, entry=entry
            ) from error
        # The program reads its weights in place: they must live as long as it does.
        self._program, self._content, self._entry = program, content, entry

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`."""
        if graph not in self._methods:
            raise UnknownNameError("loaded graph", graph, self._methods)
        spec = self._contract[graph]
        check_inputs(spec, inputs)
        # Cloned outputs, because the method writes the next call's outputs to the same memory.
        try:
            outputs = self._methods[graph].call([_tensor(inputs[tensor.name]) for tensor in spec.inputs], True)
        except RuntimeError as error:
            raise BundleError(
                f"ExecuTorch cannot run graph {graph}: {error}.", code=RejectionCode.GRAPHS, entry=self._entry
            ) from error
        return {tensor.name: output.numpy() for tensor, output in zip(spec.outputs, outputs, strict=True)}

    def close(self) -> None:
        """Free the program."""
        self._methods, self._program, self._content = {}, None, b""


def _load_program(content: bytes) -> Any:
    # torch first: the extension needs its libraries. Not executorch.runtime: it imports the whole exporter, 7 s.
    import torch  # noqa: F401
    from executorch.extension.pybindings import _C

    _C._unsafe_reset_threadpool(1)
    return _C._load_program_from_buffer(content, program_verification=_C.Verification.InternalConsistency)


def _tensor(array: NDArray[Any]) -> Any:
    import torch

    # from_numpy warns about arrays that must not be written to, which the runtime does not do anyway.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _graph_spec(name: str, meta: Any, expected: GraphSpec | None) -> GraphSpec:
    # The file has no tensor names: the contract's names are given out by position.
    inputs = [meta.input_tensor_meta(index) for index in range(meta.num_inputs())]
    outputs = [meta.output_tensor_meta(index) for index in range(meta.num_outputs())]
    return GraphSpec(
        name,
        _tensor_specs(inputs, expected.inputs if expected else ()),
        _tensor_specs(outputs, expected.outputs if expected else ()),
    )


def _tensor_specs(infos: Sequence[Any], expected: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    names = [tensor.name for tensor in expected] + [f"#{index}" for index in range(len(expected), len(infos))]
    return tuple(
        TensorSpec(
            name,
            tuple(info.sizes()),
            cast(DType, SCALAR_TYPES.get(info.dtype(), f"scalar type {info.dtype()}")),
        )
        for name, info in zip(names, infos, strict=False)
    )
