"""The second converter for LiteRT: ONNX, onnx2tf and TensorFlow instead of litert_torch; loading is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from ofa_export.converters.litert.converter import LiteRtConverter
from ofa_export.converters.schemes import check_schemes
from ofa_export.errors import ConfigError
from ofa_export.precision import Precision, Scheme
from ofa_export.support.extras import require

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph

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
    tools = TOOLS

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
        require(self.name, by=f"The converter {self.name}")
        from ofa_export.converters.onnx2tf.conversion import convert_through_onnx

        return convert_through_onnx(graphs, precision=precision)
