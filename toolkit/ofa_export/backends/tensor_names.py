"""Shorter names inside a .tflite file: litert_torch writes whole class paths, a sixth of a small int8 file."""

from __future__ import annotations

import itertools
import re
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

# One step of a path: module path, class, then the attribute that holds the module ("torch.nn.Linear_down" -> "down").
STEP = re.compile(r"(?:\w+\.)+[A-Za-z0-9]+(?:_(\w+))?")


def shorten_tensor_names(model: bytes) -> bytes:
    """Name every inner tensor after its graph and attributes; graphs, inputs and outputs keep their names.

    Args:
        model: a .tflite file.

    Returns:
        The same model, packed again; equal names are told apart by a number, in the whole file. All weights lie in
        the flatbuffer, where LiteRT verifies them, also those that ai-edge-quantizer had put behind it.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    taken = {graph.tensors[index].name for graph in content.subgraphs for index in _bound(graph)}
    for graph in content.subgraphs:
        for index in sorted(set(range(len(graph.tensors))) - _bound(graph)):
            tensor = graph.tensors[index]
            tensor.name = _unique(f"{graph.name.decode()}/{short_name(tensor.name.decode())}", taken)
            taken.add(tensor.name)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def short_name(name: str) -> str:
    """The attributes on the path to the first operation that a tensor stands for.

    Args:
        name: paths of one or more fused operations, each `package.Class_attribute/…;number`, separated by ";".
    """
    steps = STEP.sub(lambda step: step.group(1) or "", name.split(";")[0]).split("/")
    return "/".join(step for step in steps if step not in ("", "module"))


def _bound(graph: Any) -> set[int]:
    return {*graph.inputs, *graph.outputs}


def _unique(name: str, taken: set[bytes]) -> bytes:
    numbered = itertools.chain([name], (f"{name}:{number}" for number in itertools.count(1)))
    return next(candidate.encode() for candidate in numbered if candidate.encode() not in taken)
