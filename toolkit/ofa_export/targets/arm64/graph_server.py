"""Server that runs the graphs of a file for another process, in an arm64 Python with numpy and a runtime alone.

Frames as in `targets/process/child_process.py`, their content as in `targets/process/child_runner.py`.
"""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

ELEMENT_TYPES = {"float32": "<f4", "int32": "<i4"}

Tensors = list[tuple[str, str, list[int]]]
"""Name, element type and shape of each."""

Contract = dict[str, dict[str, Tensors]]
"""Graph -> "input" and "output" -> tensors."""


class Graphs(Protocol):
    """A loaded file."""

    def held(self) -> Contract:
        """Return what it holds."""

    def run(self, graph: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a graph; arrays by name."""


Load = Callable[[str, Contract], Graphs]
"""From a path, and what the file has to hold."""


def main(load: Load) -> None:
    """Serve the file that the command line names, until the requests end."""
    # A crash leaves no file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One socket both ways.
    with open(0, "rb") as requests, open(0, "wb", closefd=False) as replies:
        serve(_Server(sys.argv[1], load), requests, replies)


def serve(server: _Server, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the requests end."""
    while len(length := requests.read(4)) == 4:
        request = requests.read(*struct.unpack(">I", length))
        try:
            reply = b"\x00" + server.answer(request)
        except Exception as error:
            reply = b"\x01" + (str(error) or repr(error)).encode()
        replies.write(struct.pack(">I", len(reply)) + reply)
        replies.flush()


class _Server:
    """The first request loads the file; graphs are numbered as in the contract that it brings."""

    def __init__(self, path: str, load: Load) -> None:
        self._path, self._load = path, load
        self._contract: Contract = {}
        self._graphs: Graphs | None = None

    def answer(self, request: bytes) -> bytes:
        """Return the content of a reply; what goes wrong is an exception."""
        if self._graphs is None:
            self._contract = parsed(request.decode())
            self._graphs = self._load(self._path, self._contract)
            return "\n".join(lines(self._graphs.held())).encode()
        (number,) = struct.unpack_from(">I", request)
        name, at, inputs = list(self._contract)[number], 4, {}
        for tensor, dtype, shape in self._contract[name]["input"]:
            values = np.frombuffer(request, ELEMENT_TYPES[dtype], count=int(np.prod(shape)), offset=at)
            inputs[tensor] = values.reshape(shape)
            at += values.nbytes
        outputs = self._graphs.run(name, inputs)
        return b"".join(encoded(outputs[tensor], dtype) for tensor, dtype, _ in self._contract[name]["output"])


def parsed(text: str) -> Contract:
    """Return a contract from its lines."""
    contract: Contract = {}
    for line in text.splitlines():
        kind, name, *rest = line.split(" ")
        if kind == "graph":
            graph = contract[name] = {"input": [], "output": []}
        else:
            graph[kind].append((name, rest[0], [int(size) for size in rest[1:]]))
    return contract


def lines(contract: Contract) -> Iterator[str]:
    """Return the lines of a contract."""
    for name, graph in contract.items():
        yield f"graph {name}"
        for side, tensors in graph.items():
            for tensor, dtype, shape in tensors:
                yield " ".join([side, tensor, dtype, *map(str, shape)])


def encoded(values: Any, dtype: str) -> bytes:
    """Return an output's dimensions and values."""
    shape = struct.pack(f">{values.ndim + 1}I", values.ndim, *values.shape)
    return shape + bytes(np.ascontiguousarray(values, ELEMENT_TYPES[dtype]).tobytes())
