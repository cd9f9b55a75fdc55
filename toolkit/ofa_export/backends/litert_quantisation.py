"""int8 of a .tflite file by ai-edge-quantizer, whichever converter made it."""

from __future__ import annotations

import contextlib
import io

from ofa_export.backends.chatter import converter_chatter_silenced
from ofa_export.errors import LoweringError

with converter_chatter_silenced():
    from ai_edge_quantizer import quantizer, recipe


def quantise_int8(model: bytes, *, backend: str) -> bytes:
    """Channelwise int8 weights; activations are quantised as they come.

    Args:
        model: a .tflite file.
        backend: who asks, for the error.

    Raises:
        LoweringError: the quantiser refused the file.
    """
    try:
        # One of its two progress bars cannot be switched off.
        with contextlib.redirect_stderr(io.StringIO()):
            result = quantizer.Quantizer(model, recipe.dynamic_wi8_afp32()).quantize(
                enable_progress_bar=False, enable_progress_report=False
            )
        return bytes(result.quantized_model)
    except Exception as error:
        raise LoweringError(
            backend=backend, stage="quantise", graph=None, detail=f"{type(error).__name__}: {error}"
        ) from error
