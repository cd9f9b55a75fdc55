"""ONNX files -> one .tflite file, in a process of its own: `python -m ofa_export.converters.onnx2tf.process FOLDER`.

Beside torch, onnx2tf and TensorFlow ended in a segmentation fault; besides, onnx2tf writes where it runs, ends the
process when it gives up, and changes the environment. The folder holds `graphs.json`, a list of `{name, inputs,
outputs}`, and a `NAME.onnx` for each, whose outputs are in the order of `outputs`. It gets `graphs.tflite`, or
`failure.json` with `stage`, `graph` and `detail`.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx2tf
import onnx2tf.onnx2tf
import tensorflow as tf
from onnx2tf.utils import common_functions

from ofa_export.converters.onnx2tf.layout import keep_layouts

GRAPHS, RESULT, FAILURE = "graphs.json", "graphs.tflite", "failure.json"


class StageError(Exception):
    """A step failed; its arguments are the step, the graph or None, and what was said."""


def main(folder: Path) -> int:
    """Convert what lies in a folder, which is also where the process runs.

    Args:
        folder: see the module; it is written to.

    Returns:
        The exit code.
    """
    keep_layouts(common_functions)
    onnx2tf.onnx2tf.download_test_image_data = _no_download
    try:
        with _stage("lower", None):
            (folder / RESULT).write_bytes(_convert(folder, json.loads((folder / GRAPHS).read_text())))
    except StageError as error:
        (folder / FAILURE).write_text(json.dumps(dict(zip(("stage", "graph", "detail"), error.args, strict=True))))
        return 1
    return 0


def _convert(folder: Path, graphs: list[dict[str, Any]]) -> bytes:
    module = tf.Module()
    module.models = {graph["name"]: _model(folder, graph) for graph in graphs}
    signatures = {graph["name"]: _signature(module.models[graph["name"]], graph) for graph in graphs}
    saved = str(folder / "saved")
    with _stage("save", None):
        tf.saved_model.save(module, saved, signatures=signatures)
    try:
        return _tflite(saved, list(signatures))
    except Exception:
        # The converter takes all graphs in one call and does not say which one it refused; only a failure pays for it.
        for name in signatures:
            with _stage("lower", name):
                _tflite(saved, [name])
        raise


def _tflite(saved: str, signatures: list[str]) -> bytes:
    # Built-in operations only, which is the default: whatever needs more is refused.
    return bytes(tf.lite.TFLiteConverter.from_saved_model(saved, signature_keys=signatures).convert())


def _model(folder: Path, graph: dict[str, Any]) -> Any:
    name = graph["name"]
    with _stage("onnx2tf", name):
        return onnx2tf.convert(
            input_onnx_file_path=str(folder / f"{name}.onnx"),
            output_folder_path=str(folder / name),
            keep_shape_absolutely_input_names=graph["inputs"],
            # torch has simplified the graph, and each run of onnxsim is another process.
            not_use_onnxsim=True,
            # Strict mode repairs wrong guesses by trying; there are none.
            disable_strict_mode=True,
            disable_model_save=True,
            non_verbose=True,
        )


def _signature(model: Any, graph: dict[str, Any]) -> Any:
    specs = [
        tf.TensorSpec(tensor.shape, tensor.dtype, name=name)
        for name, tensor in zip(graph["inputs"], model.inputs, strict=True)
    ]

    def run(*tensors: Any) -> dict[str, Any]:
        outputs = tf.nest.flatten(model(dict(zip(graph["inputs"], tensors, strict=True))))
        return dict(zip(graph["outputs"], outputs, strict=True))

    with _stage("lower", graph["name"]):
        return tf.function(run, input_signature=specs).get_concrete_function()


def _no_download() -> None:
    raise RuntimeError("onnx2tf wants to fetch pictures to try the graph on; conversions use no network")


@contextlib.contextmanager
def _stage(stage: str, graph: str | None) -> Iterator[None]:
    try:
        yield
    except StageError:
        raise
    except (Exception, SystemExit) as error:
        raise StageError(stage, graph, f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
