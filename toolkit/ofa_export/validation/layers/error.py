"""The error of one layer: how far its output is from PyTorch's, how much of that it adds, and what nobody ordered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """One module of one graph, in the worst of all histories; each graph is fed the inputs of the reference.

    Decibels are signal-to-noise ratios as everywhere in a report: the signal is the reference's output of the layer,
    mean over histories, the noise that of the worst history. They are None where the two are equal, and where
    `max_abs_err` is None too: then a value was NaN or infinite.

    Args:
        graph: such as "adapt".
        layer: GRAPH.MODULE_PATH, such as "adapt.controller.head_in" or "block_0.block.linears.key".
        scheme: of the linear layers in it, finest first: "int8", "int8+int4"; "fp32" where it has none.
        max_abs_err: largest absolute difference of its output from the reference's.
        snr_db: of the same difference: everything that has added up since the inputs of the graph.
        own_snr_db: of what the layer adds: against the float layer, given what reached it on the device.
        unexplained_snr_db: of what is left when the layer rounds as its scheme says, given the same: a defect, or a
            choice of the converter.
    """

    graph: str
    layer: str
    scheme: str
    max_abs_err: float | None
    snr_db: float | None
    own_snr_db: float | None
    unexplained_snr_db: float | None
