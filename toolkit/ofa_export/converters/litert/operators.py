"""Operators of a .tflite file that the phone's TensorFlow Lite does not load, found without running it.

An operator has versions, and a release of the runtime loads those up to one. The host's is newer than the phone's: what
it loads says nothing about the phone.
"""

from __future__ import annotations

from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

from ofa_export.converters.schemes import newest

RELEASE = "2.16.1"
"""The release of TensorFlow Lite that the table is of: the one that the demo app carries."""

# Measured: the library loads each operator in this version, and refuses the next one (tests/converters/litert).
_HIGHEST: Mapping[int, str] = {
    1: """
        ADD_N CEIL COS CUMSUM DYNAMIC_UPDATE_SLICE ELU EXPAND_DIMS FLOOR HARD_SWISH LOGICAL_AND LOGICAL_NOT
        LOGICAL_OR NEG POW PRELU RELU_N1_TO_1 RESHAPE SHAPE SIN SQRT SQUARE ZEROS_LIKE
    """,
    2: """
        DIV EXP GELU GREATER LEAKY_RELU LESS_EQUAL LOG LOG_SOFTMAX RANGE SELECT_V2 SIGN SPLIT_V
        SQUARED_DIFFERENCE SQUEEZE SUM WHERE
    """,
    3: """
        ARG_MAX ARG_MIN AVERAGE_POOL_2D BROADCAST_TO EMBEDDING_LOOKUP GREATER_EQUAL LESS LOGISTIC MAX_POOL_2D
        MEAN NOT_EQUAL QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 REVERSE_V2 RSQRT SOFTMAX TANH TILE TOPK_V2
    """,
    4: """
        BATCH_MATMUL CONCATENATION EQUAL FILL MAXIMUM MINIMUM PACK PAD PADV2 SELECT SPLIT UNPACK
    """,
    5: """
        ABS ADD DEQUANTIZE GATHER_ND SUB TRANSPOSE_CONV
    """,
    6: """
        CAST SLICE TRANSPOSE
    """,
    7: """
        DEPTHWISE_CONV_2D GATHER MUL
    """,
    8: """
        CONV_2D STRIDED_SLICE
    """,
    11: """
        FULLY_CONNECTED
    """,
}

HIGHEST: Mapping[str, int] = {name: version for version, names in _HIGHEST.items() for name in names.split()}
"""Operator -> highest version that the release loads."""

LATER: Mapping[tuple[str, int], str] = {
    ("CAST", 7): "2.17.0",
    ("DEQUANTIZE", 6): "2.18.0",
    ("DYNAMIC_UPDATE_SLICE", 2): "2.17.0",
    ("DYNAMIC_UPDATE_SLICE", 3): "2.19.0",
    ("DYNAMIC_UPDATE_SLICE", 4): "2.20.0",
    ("EMBEDDING_LOOKUP", 4): "2.18.0",
    ("FULLY_CONNECTED", 12): "2.17.0",
    ("FULLY_CONNECTED", 13): "2.18.0",
}
"""Operator and version -> first release that loads it (LiteRT, tflite/tools/versioning/runtime_version.cc)."""

SHOWN = 80
"""Characters of a custom operator's name, which can be anything, that are shown."""

NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}


def operator_versions(graphs: memoryview | bytes) -> tuple[tuple[str, int], ...]:
    """List operators of a file with their versions, sorted; one that is not the runtime's own has version 0.

    Args:
        graphs: a file that a runtime has verified.
    """
    model = schema.Model.GetRootAs(bytearray(graphs), 0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    return tuple(sorted({_name_and_version(code) for code in codes}))


def _name_and_version(code: schema.OperatorCode) -> tuple[str, int]:
    # Files from before there were more than 127 operators have the number in the older field only.
    number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if number == schema.BuiltinOperator.CUSTOM:
        return f"custom operator {(code.CustomCode() or b'')[:SHOWN].decode(errors='replace')!r}", 0
    return NAMES.get(number, f"operator number {number}"), int(code.Version())


def unloadable(graphs: memoryview | bytes) -> tuple[str, ...]:
    """Describe the operators that the release does not load, with the first one that does where it is known.

    Args:
        graphs: a file that a runtime has verified.
    """
    return tuple(
        f"{name} in version {version} ({_where(name, version)})"
        for name, version in operator_versions(graphs)
        if not 1 <= version <= HIGHEST.get(name, 0)
    )


def oldest_release(graphs: memoryview | bytes) -> str:
    """Return the oldest release that loads a file; never one before `RELEASE`, with which none was tried.

    Args:
        graphs: a file that a runtime has verified.
    """
    return newest(RELEASE, *(LATER.get(each, RELEASE) for each in operator_versions(graphs)))


def _where(name: str, version: int) -> str:
    if (name, version) in LATER:
        return f"TensorFlow Lite {LATER[name, version]} is the first that loads it"
    if name in HIGHEST:
        return f"{RELEASE} loads up to version {HIGHEST[name]}"
    return f"not among the operators that are known of {RELEASE}"
