"""Quantisation of a .tflite file by litert-quantizer, whichever converter made it."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Mapping
from typing import Any

from ofa_export.converters.quiet import converter_chatter_silenced
from ofa_export.errors import LoweringError
from ofa_export.precision import Scheme

with converter_chatter_silenced():
    from litert_quantizer import quantizer
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.qtyping import TFLOperationName
    from litert_quantizer.recipe_manager import RecipeManager

BITS: Mapping[Scheme, int] = {"int8": 8, "int4": 4}


def quantise(model: bytes, base: Scheme, exceptions: Mapping[str, Scheme], *, converter: str) -> bytes:
    """Channelwise weights; activations are quantised as they come.

    Args:
        model: a .tflite file.
        base: scheme of every matrix that is not an exception.
        exceptions: name of a fully connected operation's output -> its scheme.
        converter: who asks, for the error.

    Raises:
        LoweringError: the quantiser refused the file.
    """
    try:
        # One of its two progress bars cannot be switched off.
        with contextlib.redirect_stderr(io.StringIO()):
            result = quantizer.Quantizer(model, _recipe(base, exceptions)).quantize(
                enable_progress_bar=False, enable_progress_report=False
            )
        return bytes(result.quantized_model)
    except Exception as error:
        raise LoweringError(
            converter=converter, stage="quantise", graph=None, detail=f"{type(error).__name__}: {error}"
        ) from error


def _recipe(base: Scheme, exceptions: Mapping[str, Scheme]) -> Any:
    manager = RecipeManager()
    if base != "fp32":
        manager.add_dynamic_config(".*", TFLOperationName.ALL_SUPPORTED, BITS[base])
    for scope, scheme in exceptions.items():
        only, layer = f"^{re.escape(scope)}$", TFLOperationName.FULLY_CONNECTED
        if scheme == "fp32":
            manager.add_quantization_config(only, layer, algorithm_key=AlgorithmName.NO_QUANTIZE)
        else:
            manager.add_dynamic_config(only, layer, BITS[scheme])
    return manager.get_quantization_recipe()
