from __future__ import annotations

import pytest

from ofa_export.converters.registry import (
    converter_names,
    converter_of,
    get_converter,
    other_converter,
    runtime_names,
    runtime_of,
)
from ofa_export.errors import ConfigError, UnknownNameError


def test_both_runtimes_are_installed() -> None:
    assert set(converter_names()) >= {"executorch", "litert"}


@pytest.mark.parametrize(
    ("name", "entry", "schemes"),
    [
        ("litert", "graphs.tflite", {"fp32", "int8", "int4"}),
        ("executorch", "graphs.pte", {"fp32", "int8", "int4"}),
        ("onnx2tf", "graphs.tflite", {"fp32", "int8"}),
    ],
)
def test_a_converter_knows_its_name_entry_and_schemes(name: str, entry: str, schemes: set[str]) -> None:
    converter = get_converter(name)
    assert (converter.name, converter.entry_name) == (name, entry)
    assert set(converter.schemes) == schemes


@pytest.mark.parametrize("name", ["litert", "executorch", "onnx2tf"])
def test_tool_versions_are_versions(name: str) -> None:
    versions = get_converter(name).tool_versions()
    assert "torch" in versions
    assert all(version[0].isdigit() for version in versions.values())


def test_an_unknown_converter_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'executorch'"):
        get_converter("executorsh")


@pytest.mark.integration
def test_getting_converters_imports_neither_torch_nor_converters(run_python) -> None:
    run_python(
        "import sys\n"
        "from ofa_export.converters.registry import converter_names, get_converter\n"
        "for name in converter_names(): get_converter(name).tool_versions()\n"
        "heavy = {'torch', 'executorch', 'litert_torch', 'litert_quantizer', 'onnx2tf', 'tensorflow', 'onnx'}\n"
        "assert not heavy & set(sys.modules)"
    )


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
