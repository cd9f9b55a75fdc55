"""The tensor contract between the toolkit and a phone: graph names, inputs, outputs, order, and who runs them.

Notation: T history length, d embedding width, L backbone blocks, C candidates per call, P parameters of one block.
The batch is always 1 on a device. Names and order are the same on every runtime.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

DType = Literal["float32", "int32"]


@dataclass(frozen=True, kw_only=True)
class DeviceShapes:
    """The five numbers that fix every tensor of the contract.

    Args:
        history_length: T, items that `adapt` looks at.
        width: d, width of an item embedding.
        depth: L, backbone blocks.
        candidates: C, items that one call of `score` ranks.
        theta_size: P, parameters that the mapper generates for one block.
    """

    history_length: int
    width: int
    depth: int
    candidates: int
    theta_size: int


@dataclass(frozen=True)
class TensorSpec:
    """Name, static shape and element type of one input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: DType = "float32"


@dataclass(frozen=True)
class GraphSpec:
    """One named graph: its inputs and outputs, in binding order."""

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def block_name(index: int) -> str:
    """Return name of the graph of backbone block `index`, counted from 0."""
    return f"block_{index}"


def theta_name(index: int) -> str:
    """Return name of the tensor of generated parameters of block `index`, counted from 0."""
    return f"theta_{index}"


def device_contract(shapes: DeviceShapes) -> tuple[GraphSpec, ...]:
    """Return the graphs of a bundle, in order: `adapt`, `block_0` … `block_{L-1}`, `score`.

    Args:
        shapes: T, d, L, C and P.

    Returns:
        One spec per graph. `history` holds item embeddings, left-padded with zeros: the last `length` rows are real.
    """
    T, d, L = shapes.history_length, shapes.width, shapes.depth
    hidden = TensorSpec("hidden", (1, T, d))
    length = TensorSpec("length", (1,), "int32")
    thetas = tuple(TensorSpec(theta_name(index), (1, shapes.theta_size)) for index in range(L))
    adapt = GraphSpec(
        "adapt",
        (TensorSpec("history", (1, T, d)), length),
        (hidden, TensorSpec("gates", (1, L)), TensorSpec("keep_logits", (1, L, 2)), *thetas),
    )
    blocks = tuple(GraphSpec(block_name(i), (hidden, length, thetas[i]), (hidden,)) for i in range(L))
    candidates = TensorSpec("candidates", (1, shapes.candidates, d))
    score = GraphSpec("score", (hidden, candidates), (TensorSpec("scores", (1, shapes.candidates)),))
    return (adapt, *blocks, score)


class GraphRunner(Protocol):
    """Loaded graphs of a bundle; one thread, one caller at a time."""

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run one graph.

        Args:
            graph: its name.
            inputs: one array for each input of the contract, by name, in its exact shape and element type.

        Returns:
            One array for each output, by name; the caller owns them.

        Raises:
            ConfigError: the graph is unknown, or the inputs are not those of the contract.
            BundleError: the runtime loaded the graph and cannot run it.
        """
        ...

    def close(self) -> None:
        """Free the runtime's memory; the runner cannot be used afterwards."""
        ...
