"""Graphs in another process: tensors by name here, their bytes in the order of the contract on the way.

The first request is the contract as text, a line for each graph and tensor (`graph NAME`, `input NAME TYPE SIZE…`,
`output NAME TYPE SIZE…`); the reply is the same about what the loaded file holds. Every further request is the number
of a graph in the contract, a big-endian uint32, and the values of its inputs; the reply holds, for each output, the
number of its dimensions, their sizes, all big-endian uint32, and its values. Values are little-endian; all element
types of the contract have four bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ofa_export.contract import DType, GraphSpec, TensorSpec
from ofa_export.converters.agreement import check_agreement, check_inputs
from ofa_export.errors import RuntimeFailedError, UnknownNameError
from ofa_export.targets.process.child_process import ChildProcess

ITEM_SIZE = 4


class ChildRunner:
    """A `GraphRunner` whose graphs another process runs.

    Args:
        child: the process; it is closed when the runner is, or cannot be made.
        contract: what the file that it loads has to hold.
        entry: the bundle entry that the file came from.

    Raises:
        BundleError: the file does not hold what the contract says.
        RuntimeFailedError: the process refused the file, crashed or did not answer.
    """

    def __init__(self, child: ChildProcess, contract: Sequence[GraphSpec], *, entry: str) -> None:
        self._child = child
        self._graphs = {graph.name: (index, graph) for index, graph in enumerate(contract)}
        try:
            held = child.ask(contract_text(contract).encode(), doing=f"it loaded {entry}")
            check_agreement(parse_contract(held.decode()), contract, entry=entry)
        except Exception:
            child.close()
            raise

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph; see `GraphRunner.run`.

        Raises:
            RuntimeFailedError: the process refused to, crashed or did not answer.
        """
        request = self._call(graph, inputs)
        reply = self._child.ask(request, doing=f"it ran graph {graph}")
        try:
            return dict(_outputs(reply, self._graphs[graph][1]))
        except (struct.error, ValueError) as error:
            raise RuntimeFailedError(f"The process that runs graph {graph} did not send an answer: {error}.") from error

    def close(self) -> None:
        """End the process."""
        self._graphs = {}
        self._child.close()

    def _call(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> bytes:
        if graph not in self._graphs:
            raise UnknownNameError("loaded graph", graph, self._graphs)
        index, spec = self._graphs[graph]
        check_inputs(spec, inputs)
        values = [_little_endian(inputs[tensor.name], tensor).tobytes() for tensor in spec.inputs]
        return b"".join([struct.pack(">I", index), *values])


def contract_text(graphs: Sequence[GraphSpec]) -> str:
    """Return graphs as the lines that the other process reads."""
    lines = []
    for graph in graphs:
        lines.append(f"graph {graph.name}")
        for side, tensors in (("input", graph.inputs), ("output", graph.outputs)):
            lines += [" ".join([side, tensor.name, tensor.dtype, *map(str, tensor.shape)]) for tensor in tensors]
    return "\n".join(lines)


def parse_contract(text: str) -> list[GraphSpec]:
    """Return the graphs that lines describe; the reverse of `contract_text`."""
    graphs: list[GraphSpec] = []
    for line in text.splitlines():
        kind, name, *rest = line.split(" ")
        if kind == "graph":
            graphs.append(GraphSpec(name, (), ()))
            continue
        tensor = TensorSpec(name, tuple(map(int, rest[1:])), cast(DType, rest[0]))
        last = graphs.pop()
        inputs, outputs = ((tensor,), ()) if kind == "input" else ((), (tensor,))
        graphs.append(GraphSpec(last.name, last.inputs + inputs, last.outputs + outputs))
    return graphs


def _little_endian(array: NDArray[Any], tensor: TensorSpec) -> NDArray[Any]:
    return array.astype(np.dtype(tensor.dtype).newbyteorder("<"), copy=False)


def _outputs(reply: bytes, spec: GraphSpec) -> Iterator[tuple[str, NDArray[Any]]]:
    at = 0
    for tensor in spec.outputs:
        (rank,) = struct.unpack_from(">I", reply, at)
        shape = struct.unpack_from(f">{rank}I", reply, at + 4)
        at += 4 + 4 * rank
        dtype = np.dtype(tensor.dtype).newbyteorder("<")
        # A copy: the caller owns it, and may write to it.
        values = np.frombuffer(reply, dtype, count=math.prod(shape), offset=at).astype(tensor.dtype)
        at += values.size * ITEM_SIZE
        yield tensor.name, values.reshape(shape)
