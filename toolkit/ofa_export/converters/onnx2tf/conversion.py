"""Device graphs -> .tflite: torch exports ONNX, another process makes a TensorFlow model and a LiteRT file of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from ofa_export.converters.conversion_check import check_conversion
from ofa_export.converters.litert.converter import LiteRtConverter
from ofa_export.converters.litert.quantisation import quantise
from ofa_export.converters.litert.tensor_names import operation_name, shorten_tensor_names
from ofa_export.converters.quiet import ENVIRONMENT, converter_chatter_silenced
from ofa_export.errors import LoweringError
from ofa_export.graphs.device import DeviceGraph, sample_inputs
from ofa_export.precision import Precision

CONVERTER = "onnx2tf"
PROCESS = "ofa_export.converters.onnx2tf.process"
# What the other process reads and writes; see there.
GRAPHS, RESULT, FAILURE = "graphs.json", "graphs.tflite", "failure.json"


def convert_through_onnx(graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
    """Convert graphs to one .tflite file with a signature for each.

    Args:
        graphs: the graphs, in order.
        precision: one scheme for all, fp32 or int8.

    Returns:
        The file; its signatures carry the contract's names.

    Raises:
        LoweringError: a tool refused a graph, or computed something else than PyTorch.
    """
    with converter_chatter_silenced(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        for graph in graphs:
            _write_onnx(graph, Path(folder))
        model = _through_tensorflow(graphs, Path(folder))
        check_conversion(model, graphs, converter=CONVERTER, loader=LiteRtConverter())
        quantised = model if precision.base == "fp32" else quantise(model, precision.base, {}, converter=CONVERTER)
        return shorten_tensor_names(quantised, operation_name)


def _write_onnx(graph: DeviceGraph, folder: Path) -> None:
    spec = graph.spec
    try:
        program = torch.onnx.export(
            graph.module.eval(),
            sample_inputs(spec),
            dynamo=True,
            verbose=False,
            input_names=[tensor.name for tensor in spec.inputs],
            # A name stands for one value in ONNX; that of the contract may be an input's and an output's.
            output_names=[f"output_{tensor.name}" for tensor in spec.outputs],
        )
        assert program is not None
        program.save(folder / f"{spec.name}.onnx", external_data=False)
    except Exception as error:
        raise LoweringError(
            converter=CONVERTER, stage="export", graph=spec.name, detail=f"{type(error).__name__}: {error}"
        ) from error


def _through_tensorflow(graphs: Sequence[DeviceGraph], folder: Path) -> bytes:
    described = [
        {
            "name": graph.spec.name,
            "inputs": [tensor.name for tensor in graph.spec.inputs],
            "outputs": [tensor.name for tensor in graph.spec.outputs],
        }
        for graph in graphs
    ]
    (folder / GRAPHS).write_text(json.dumps(described))
    # The same modules as here, whoever put their folders on the path; no GPU, whose sums differ.
    found = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.run(
        [sys.executable, "-m", PROCESS, str(folder)],
        cwd=folder,
        env=os.environ | ENVIRONMENT | found | {"PYTHONHASHSEED": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if process.returncode == 0:
        return (folder / RESULT).read_bytes()
    if (folder / FAILURE).is_file():
        raise LoweringError(converter=CONVERTER, **json.loads((folder / FAILURE).read_text()))
    last = "\n".join(process.stdout.splitlines()[-5:])
    detail = f"the converter's process ended with code {process.returncode}: {last}"
    raise LoweringError(converter=CONVERTER, stage="onnx2tf", graph=None, detail=detail)
