from __future__ import annotations

import pytest

from ofa_export.converters.converters import converter_of, other_converter, runtime_names, runtime_of
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError


def test_a_second_converter_is_no_runtime() -> None:
    assert {"executorch", "litert"} <= set(runtime_names())
    assert "onnx2tf" not in runtime_names()
    assert [runtime_of(name) for name in ("litert", "onnx2tf", "executorch")] == [
        "litert",
        "litert",
        "executorch",
    ]


@pytest.mark.parametrize("name", ["litert", "onnx2tf", "executorch"])
def test_the_tools_of_a_manifest_say_who_converted(name: str) -> None:
    assert converter_of(runtime_of(name), {"ofa-export": "0", **get_converter(name).tool_versions()}) == name


def test_each_converter_of_a_runtime_has_the_other() -> None:
    assert other_converter("litert") == "onnx2tf"
    assert other_converter("onnx2tf") == "litert"


def test_a_runtime_with_one_converter_has_no_other() -> None:
    with pytest.raises(ConfigError, match=r"one converter for executorch only.*two have: litert"):
        other_converter("executorch")
