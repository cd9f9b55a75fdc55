"""Shorter names inside a .tflite file: converters write whole paths, a sixth of a small int8 file."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

from ai_edge_litert.tools import flatbuffer_utils

# One step of a path: module path, class, then the attribute that holds the module ("torch.nn.Linear_down" -> "down").
STEP = re.compile(r"(?:\w+\.)+[A-Za-z0-9]+(?:_(\w+))?")

NUMBER = re.compile(r"_?[0-9]+$")


def short_name(name: str) -> str:
    """Of litert_torch's names: the attributes on the path to the first operation that a tensor stands for.

    Args:
        name: paths of one or more fused operations, each `package.Class_attribute/…;number`, separated by ";".
    """
    steps = STEP.sub(lambda step: step.group(1) or "", name.split(";")[0]).split("/")
    return "/".join(step for step in steps if step not in ("", "module"))


def operation_name(name: str) -> str:
    """Of TensorFlow's names: the kind of the first operation; its number counts what was built before.

    Args:
        name: paths of one or more fused operations, each `model_number/layer_number/Operation`, separated by ";".
    """
    return NUMBER.sub("", name.split(";")[0].split("/")[-1])


def shorten_tensor_names(model: bytes, naming: Callable[[str], str] = short_name) -> bytes:
    """Return name every inner tensor after its graph and what it is; graphs, inputs and outputs keep their names.

    Args:
        model: a .tflite file.
        naming: what is worth keeping of a name: `short_name` or `operation_name`.

    Returns:
        The same model, packed again; equal names are told apart by a number, in the whole file. All weights lie in
        the flatbuffer, where LiteRT verifies them, also those that litert-quantizer had put behind it.
    """
    content = flatbuffer_utils.read_model_from_bytearray(bytearray(model))
    taken = {graph.tensors[index].name for graph in content.subgraphs for index in _bound(graph)}
    for graph in content.subgraphs:
        for index in sorted(set(range(len(graph.tensors))) - _bound(graph)):
            tensor = graph.tensors[index]
            tensor.name = _unique(f"{graph.name.decode()}/{naming(tensor.name.decode())}", taken)
            taken.add(tensor.name)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(content))


def _bound(graph: Any) -> set[int]:
    return {*graph.inputs, *graph.outputs}


def _unique(name: str, taken: set[bytes]) -> bytes:
    numbered = itertools.chain([name], (f"{name}:{number}" for number in itertools.count(1)))
    return next(candidate.encode() for candidate in numbered if candidate.encode() not in taken)
