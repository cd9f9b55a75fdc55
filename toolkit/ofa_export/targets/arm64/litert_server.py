"""Server of a LiteRT file: python -m ofa_export.targets.arm64.litert_server FILE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from ofa_export.targets.arm64.graph_server import Contract, Tensors, main


class LiteRtGraphs:
    """The signatures of a file.

    Args:
        path: of the file.
        contract: not asked; a LiteRT file names its tensors itself.
    """

    def __init__(self, path: str, contract: Contract) -> None:
        with open(path, "rb") as file:  # noqa: PTH123
            # From bytes: only then is the flatbuffer verified.
            interpreter = Interpreter(model_content=file.read(), num_threads=1)
        interpreter.allocate_tensors()
        self._signatures = {name: interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()}

    def held(self) -> Contract:
        """Return what the file says of its signatures."""
        return {
            name: {"input": tensors(found.get_input_details()), "output": tensors(found.get_output_details())}
            for name, found in self._signatures.items()
        }

    def run(self, graph: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run a signature."""
        outputs: Mapping[str, Any] = self._signatures[graph](**inputs)
        return outputs


def tensors(details: Mapping[str, Any]) -> Tensors:
    """Return tensors as LiteRT describes them."""
    return [(name, np.dtype(detail["dtype"]).name, list(detail["shape"])) for name, detail in details.items()]


if __name__ == "__main__":
    main(LiteRtGraphs)
