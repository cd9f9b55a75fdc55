"""Operators of a .pte file that the phone's ExecuTorch does not have, found without running it.

The file names its operators in plain text, and the library those that it has. What XNNPACK computes is no operator: its
part of the file has a format of its own, which is not looked into.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

LIBRARY = "ExecuTorch as in react-native-executorch 0.8.5"
"""The library that the table is of: the one that the demo app carries."""

# Found: the names in its libexecutorch.so, the same for arm64-v8a and x86_64.
_HAS: Mapping[str, str] = {
    "aten": """
        _cdist_forward _fft_c2r _fft_r2c _log_softmax _native_batch_norm_legit
        _native_batch_norm_legit_no_training _pdist_forward _softmax _to_copy _upsample_bilinear2d_aa abs acos
        acosh add addmm alias_copy amax amin any arange argmax argmin as_strided_copy asin asinh atan atan2
        atanh avg_pool2d bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor
        bmm cat ceil clamp clone constant_pad_nd convolution convolution_backward copy cos cosh cumsum
        detach_copy diagonal_copy div elu embedding empty eq erf exp expand_copy expm1 fill flip floor
        floor_divide fmod full full_like gather ge gelu glu grid_sampler_2d gt hardtanh index index_put
        index_select isinf isnan le leaky_relu lift_fresh_copy linear log log10 log1p log2 logical_and
        logical_not logical_or logical_xor logit lt masked_fill masked_scatter masked_select max
        max_pool2d_with_indices max_pool2d_with_indices_backward maximum mean min minimum mm mul narrow_copy
        native_dropout native_group_norm native_layer_norm ne neg nonzero ones permute_copy pixel_shuffle
        pixel_unshuffle pow prod rand randn reciprocal reflection_pad1d reflection_pad2d reflection_pad3d relu
        remainder repeat repeat_interleave replication_pad1d replication_pad2d replication_pad3d roll round
        rsqrt rsub scalar_tensor scatter scatter_add select_copy select_scatter sigmoid sign sin sinh slice_copy
        slice_scatter split_copy split_with_sizes_copy sqrt squeeze_copy stack sub sum sym_size t_copy tan tanh
        topk transpose_copy tril trunc unbind_copy unfold_copy unsqueeze_copy upsample_bilinear2d
        upsample_nearest2d var view_as_real_copy view_copy where zeros
    """,
    "dim_order_ops": """
        _clone_dim_order _empty_dim_order _to_dim_order_copy
    """,
    "executorch_prim": """
        add ceil eq et_copy_index et_view floordiv ge gt le lt mod mul neg round sub sym_float sym_max sym_min
        truediv trunc
    """,
    "quantized_decomposed": """
        add choose_qparams choose_qparams_per_token_asymmetric dequantize_per_channel dequantize_per_tensor
        dequantize_per_token embedding_2bit embedding_4bit embedding_byte embedding_xbit mixed_linear mixed_mm
        quantize_per_channel quantize_per_tensor quantize_per_token
    """,
}

OPERATORS = frozenset(f"{space}::{name}" for space, names in _HAS.items() for name in names.split())

_NAME = re.compile(rb"(?<![\w:])[a-z][a-z0-9_]{1,40}::[A-Za-z_][A-Za-z0-9_]{0,80}(?![\w:])")


def unloadable(graphs: memoryview | bytes) -> tuple[str, ...]:
    """Describe the operators that a file names and the library does not have.

    Args:
        graphs: a file that a runtime has verified.
    """
    content = bytes(graphs)
    named = {match[0].decode() for match in _NAME.finditer(content) if _is_text(content, match)}
    return tuple(f"{name} (not in {LIBRARY})" for name in sorted(named - OPERATORS))


def _is_text(content: bytes, match: re.Match[bytes]) -> bool:
    """Tell a text, with its length before it and a zero behind it, from weights that look like one."""
    length = int.from_bytes(content[max(0, match.start() - 4) : match.start()], "little")
    return length == len(match[0]) and content[match.end() : match.end() + 1] == b"\0"
