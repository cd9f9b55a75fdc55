"""The second converter for LiteRT: ONNX, onnx2tf and TensorFlow instead of litert_torch; loading is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING

from ofa_export.converters.litert.converter import LiteRtConverter
from ofa_export.converters.schemes import check_schemes
from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.precision import Precision, Scheme

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph

# onnx2tf, and what it imports without asking its installer for it.
MODULES = (
    "onnx2tf",
    "onnx_graphsurgeon",
    "sng4onnx",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "tensorflow",
    "tf_keras",
    "psutil",
    "requests",
)
TOOLS = (
    "onnx2tf",
    "onnx-graphsurgeon",
    "onnx",
    "onnxscript",
    "tensorflow",
    "tf-keras",
    "ai-edge-litert",
    "litert-quantizer",
    "torch",
    "numpy",
)


class Onnx2TfConverter(LiteRtConverter):
    """LiteRT files that share no converter code with those of `LiteRtConverter`."""

    name = "onnx2tf"
    # Operations carry no names of layers here, so a layer cannot have a scheme of its own, nor can int4 leave out what
    # is no layer.
    schemes: Mapping[Scheme, str] = MappingProxyType({"fp32": "2.16.1", "int8": "2.16.1"})

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: Precision) -> bytes:
        """Convert graphs to one .tflite file; see `Converter.convert`.

        Raises:
            ConfigError: the precision has exceptions for single layers.
            MissingToolError: the extra is not installed.
        """
        check_schemes(self, precision)
        if precision.layers:
            raise ConfigError(
                f"The converter {self.name} has one precision for all layers, not {precision.text}: "
                "leave out `layers`, or leave out --converter."
            )
        check_installed()
        from ofa_export.converters.onnx2tf.conversion import convert_through_onnx

        return convert_through_onnx(graphs, precision=precision)

    def tool_versions(self) -> dict[str, str]:
        """Versions of the tools that make the file, by distribution name.

        Raises:
            MissingToolError: the extra is not installed.
        """
        check_installed()
        try:
            return {tool: version(tool) for tool in TOOLS}
        except PackageNotFoundError as error:
            raise _missing(str(error.name)) from error


def check_installed() -> None:
    """Refuse to start without the tools: some are found missing only after minutes.

    Raises:
        MissingToolError: one of them is not installed.
    """
    for module in MODULES:
        if find_spec(module) is None:
            raise _missing(module)


def _missing(what: str) -> MissingToolError:
    return MissingToolError(
        f"The converter onnx2tf needs {what}, which is not installed: run pip install 'ofa-export[onnx2tf]', "
        "or leave out --converter: litert's first converter needs no extra."
    )
