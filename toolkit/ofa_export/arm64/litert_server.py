"""Runs a LiteRT file for another process, in an arm64 Python that has numpy and LiteRT and nothing else of ours.

    python litert_server.py FILE

Frames as in `runtimes/child_process.py`, their content as in `runtimes/child_runner.py`.
"""

from __future__ import annotations

import resource
import struct
import sys
from typing import Any, BinaryIO

import numpy as np
from ai_edge_litert.interpreter import Interpreter

ELEMENT_TYPES = {"float32": "<f4", "int32": "<i4"}


class Graphs:
    """The signatures of a file, numbered as in the contract that the first request brings.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._names: list[str] = []
        self._tensors: dict[str, dict[str, list[tuple[str, str, list[int]]]]] = {}
        self._signatures: dict[str, Any] = {}

    def answer(self, request: bytes) -> bytes:
        """The content of a reply; what goes wrong is an exception."""
        return self._run(request) if self._signatures else self._load(request.decode()).encode()

    def _load(self, contract: str) -> str:
        with open(self._path, "rb") as file:  # noqa: PTH123
            # From bytes: only then is the flatbuffer verified.
            interpreter = Interpreter(model_content=file.read(), num_threads=1)
        interpreter.allocate_tensors()
        for line in contract.splitlines():
            kind, name, *rest = line.split(" ")
            if kind == "graph":
                self._names.append(name)
                self._tensors[name] = {"input": [], "output": []}
            else:
                self._tensors[self._names[-1]][kind].append((name, rest[0], [int(size) for size in rest[1:]]))
        self._signatures = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}
        return "\n".join(line for name, found in self._signatures.items() for line in described(name, found))

    def _run(self, request: bytes) -> bytes:
        (number,) = struct.unpack_from(">I", request)
        name, at, inputs = self._names[number], 4, {}
        for tensor, dtype, shape in self._tensors[name]["input"]:
            values = np.frombuffer(request, ELEMENT_TYPES[dtype], count=int(np.prod(shape)), offset=at)
            inputs[tensor] = values.reshape(shape)
            at += values.nbytes
        outputs = self._signatures[name](**inputs)
        return b"".join(
            encoded(outputs[tensor], ELEMENT_TYPES[dtype]) for tensor, dtype, _ in self._tensors[name]["output"]
        )


def described(name: str, signature: Any) -> list[str]:
    """The lines about a signature that the file holds."""
    lines = [f"graph {name}"]
    for side, tensors in (("input", signature.get_input_details()), ("output", signature.get_output_details())):
        for tensor, detail in tensors.items():
            lines.append(" ".join([side, tensor, np.dtype(detail["dtype"]).name, *map(str, detail["shape"])]))
    return lines


def encoded(values: Any, element_type: str) -> bytes:
    """An output's dimensions and values."""
    shape = struct.pack(f">{values.ndim + 1}I", values.ndim, *values.shape)
    return shape + bytes(np.ascontiguousarray(values, element_type).tobytes())


def serve(graphs: Graphs, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer until the requests end."""
    while len(length := requests.read(4)) == 4:
        request = requests.read(*struct.unpack(">I", length))
        try:
            reply = b"\x00" + graphs.answer(request)
        except Exception as error:
            reply = b"\x01" + (str(error) or repr(error)).encode()
        replies.write(struct.pack(">I", len(reply)) + reply)
        replies.flush()


if __name__ == "__main__":
    # A crash leaves no file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # One socket both ways.
    with open(0, "rb") as incoming, open(0, "wb", closefd=False) as outgoing:
        serve(Graphs(sys.argv[1]), incoming, outgoing)
