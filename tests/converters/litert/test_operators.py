from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.litert.operators import (
    HIGHEST,
    LATER,
    RELEASE,
    oldest_release,
    operator_versions,
    unloadable,
)
from ofa_export.converters.operators import minimum_version, unloadable_operators
from ofa_export.converters.registry import get_converter
from ofa_export.errors import RuntimeFailedError
from ofa_export.support.resources import shipped
from ofa_export.targets.android.libraries import TENSORFLOW_LITE
from ofa_export.targets.registry import get_target

GOLDEN = shipped("artifacts", "golden") / "sample-420KB-litert.ofab"


@pytest.fixture(scope="module")
def golden() -> Bundle:
    return Bundle.open(GOLDEN)


def with_operators(graphs: memoryview, *operators: tuple[str, int]) -> bytes:
    """The same file that lists more operators, which no graph uses; a runtime looks them up all the same."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(graphs))
    for name, version in operators:
        number = getattr(schema.BuiltinOperator, name)
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), version
        model.operatorCodes.append(code)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def test_a_bundle_of_ours_has_operators_that_the_phone_loads(golden: Bundle) -> None:
    assert ("FULLY_CONNECTED", 5) in operator_versions(golden.graphs)
    assert unloadable_operators("litert", golden.graphs) == ()
    assert minimum_version("litert", golden.graphs, of_schemes="2.1") == RELEASE == TENSORFLOW_LITE.version


@pytest.mark.parametrize(
    ("operator", "version", "where"),
    [
        ("FULLY_CONNECTED", 12, "TensorFlow Lite 2.17.0 is the first that loads it"),
        ("SOFTMAX", 4, "2.16.1 loads up to version 3"),
        ("STABLEHLO_CBRT", 1, "not among the operators that are known of 2.16.1"),
    ],
)
def test_a_newer_operator_is_named_with_the_release_that_has_it(
    golden: Bundle, operator: str, version: int, where: str
) -> None:
    graphs = with_operators(golden.graphs, (operator, version))
    assert unloadable(graphs) == (f"{operator} in version {version} ({where})",)


def test_the_oldest_release_follows_from_the_operators(golden: Bundle) -> None:
    graphs = with_operators(golden.graphs, ("CAST", 7), ("DEQUANTIZE", 6))
    assert oldest_release(graphs) == "2.18.0"
    assert all(version > HIGHEST[name] for name, version in LATER)


@pytest.mark.integration
@pytest.mark.android
def test_the_phone_s_library_loads_what_the_table_says_and_no_more(golden: Bundle) -> None:
    converter, target, contract = get_converter("litert"), get_target("android"), golden.manifest.shapes.contract()
    target.load(converter, with_operators(golden.graphs, *HIGHEST.items()), contract).close()
    for name in ("FULLY_CONNECTED", "TRANSPOSE", "CAST", "RESHAPE"):
        newer = with_operators(golden.graphs, (name, HIGHEST[name] + 1))
        with pytest.raises(RuntimeFailedError, match=f"'{name}' version '{HIGHEST[name] + 1}'"):
            target.load(converter, newer, contract)
