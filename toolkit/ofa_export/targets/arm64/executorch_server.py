"""Server of an ExecuTorch file: python -m ofa_export.targets.arm64.executorch_server FILE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Before the extension, which needs its libraries.
import torch
from executorch.extension.pybindings import _C

from ofa_export.targets.arm64.graph_server import Contract, Tensors, main

# Numbers of c10::ScalarType.
SCALAR_TYPES = {3: "int32", 6: "float32"}


class ExecutorchGraphs:
    """The methods of a file, whose tensors have no names.

    Args:
        path: of the file.
        contract: names its tensors, by position.
    """

    def __init__(self, path: str, contract: Contract) -> None:
        _C._unsafe_reset_threadpool(1)
        with open(path, "rb") as file:  # noqa: PTH123
            # The program reads its weights in place: they must live as long as it does.
            self._content = file.read()
        verification = _C.Verification.InternalConsistency
        self._program = _C._load_program_from_buffer(self._content, program_verification=verification)
        self._contract = contract
        names = [self._program.get_method_name(index) for index in range(self._program.num_methods())]
        self._methods = {name: self._program.load_method(name) for name in names}

    def held(self) -> Contract:
        """Return what the file says of its methods."""
        return {name: self._described(name, self._program.method_meta(name)) for name in self._methods}

    def run(self, graph: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a method."""
        # Copies: the arrays are views of bytes that must not be written to.
        values = [torch.from_numpy(inputs[name].copy()) for name, _, _ in self._contract[graph]["input"]]
        outputs = self._methods[graph].call(values, True)
        named = zip(self._contract[graph]["output"], outputs, strict=True)
        return {name: output.numpy() for (name, _, _), output in named}

    def _described(self, name: str, meta: Any) -> dict[str, Tensors]:
        expected = self._contract.get(name, {"input": [], "output": []})
        return {
            "input": tensors(meta.num_inputs(), meta.input_tensor_meta, expected["input"]),
            "output": tensors(meta.num_outputs(), meta.output_tensor_meta, expected["output"]),
        }


def tensors(count: int, meta_of: Callable[[int], Any], expected: Tensors) -> Tensors:
    """Return tensors as ExecuTorch describes them, named as expected as far as names go."""
    names = [name for name, _, _ in expected] + [f"#{index}" for index in range(len(expected), count)]
    metas = [meta_of(index) for index in range(count)]
    return [
        (name, SCALAR_TYPES.get(meta.dtype(), f"scalar_type_{meta.dtype()}"), list(meta.sizes()))
        for name, meta in zip(names, metas, strict=False)
    ]


if __name__ == "__main__":
    main(ExecutorchGraphs)
