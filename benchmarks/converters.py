"""The two LiteRT converters beside each other: conversion seconds, file bytes, distance from PyTorch and each other.

python benchmarks/converters.py [CHECKPOINT]

Seconds are of the processor, of this process and of those that it starts: a busy computer changes them less than wall
time. The first conversion of each converter also pays for importing its tools.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from ofa_export.bundle.codes import encode
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import plane_order
from ofa_export.converters.registry import SECOND_CONVERTERS, get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.precision import FP32, INT8
from ofa_export.validation.deviation import deviation
from ofa_export.validation.histories import validation_histories
from ofa_export.validation.reference import Tensors, run_graphs, run_reference

HISTORIES, CANDIDATES = 200, 100


def main(folder: Path) -> None:
    """Print bytes, seconds and distances of every pair of converters of a runtime."""
    torch.set_num_threads(1)
    checkpoint = load_checkpoint(folder)
    graphs = device_graphs(checkpoint.model, candidates=CANDIDATES)
    specs = [graph.spec for graph in graphs]
    histories = validation_histories(checkpoint, group=0, maximum=HISTORIES)
    model = checkpoint.config.model
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=model.group_sizes)
    table = ElasticTable.from_encoded(encoded, plane_order(model.item_groups, model.embedding_blocks))
    reference = run_reference(graphs, rows=histories.rows, table=torch.from_numpy(table.all_rows()))
    outputs: dict[tuple[str, str], Mapping[str, Tensors]] = {}
    for first, second in ((converter.runtime, name) for name, converter in SECOND_CONVERTERS.items()):
        for scheme in (FP32, INT8):
            precision = scheme.name
            for name in (first, second):
                converter, before = get_converter(name), processor_seconds()
                content = converter.convert(graphs, precision=scheme)
                seconds = processor_seconds() - before
                runner = converter.load(content, specs)
                outputs[name, precision] = run_graphs(runner, specs, reference, entry=converter.entry_name)
                runner.close()
                print(f"{name} {precision}: {len(content):,} bytes, {seconds:.1f} s")
                print_distances(outputs[name, precision], reference.outputs)
            print(f"{first} against {second}, {precision}")
            print_distances(outputs[second, precision], outputs[first, precision])


def print_distances(values: Mapping[str, Tensors], expected: Mapping[str, Tensors]) -> None:
    """Print how far every output is from what is expected."""
    for graph, tensors in expected.items():
        for output, value in tensors.items():
            found = deviation(value, values[graph][output])
            snr = "-" if found.silent else f"{np.min(found.snr_db):.1f} dB"
            print(f"  {graph}.{output}: {found.max_abs_err:.1e} of {np.abs(value).max():.1e}, {snr}", flush=True)


def processor_seconds() -> float:
    """Read the processor time of this process and its children."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "artifacts/sample"))
