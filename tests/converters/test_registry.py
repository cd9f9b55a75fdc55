from __future__ import annotations

import pytest

from ofa_export.converters.registry import backend_names, get_backend
from ofa_export.errors import UnknownNameError


def test_both_runtimes_are_installed() -> None:
    assert set(backend_names()) >= {"executorch", "litert"}


@pytest.mark.parametrize(
    ("name", "entry", "schemes"),
    [
        ("litert", "graphs.tflite", {"fp32", "int8", "int4"}),
        ("executorch", "graphs.pte", {"fp32", "int8", "int4"}),
        ("litert-onnx2tf", "graphs.tflite", {"fp32", "int8"}),
    ],
)
def test_a_backend_knows_its_name_entry_and_schemes(name: str, entry: str, schemes: set[str]) -> None:
    backend = get_backend(name)
    assert (backend.name, backend.entry_name) == (name, entry)
    assert set(backend.schemes) == schemes


@pytest.mark.parametrize("name", ["litert", "executorch", "litert-onnx2tf"])
def test_tool_versions_are_versions(name: str) -> None:
    versions = get_backend(name).tool_versions()
    assert "torch" in versions
    assert all(version[0].isdigit() for version in versions.values())


def test_an_unknown_backend_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'executorch'"):
        get_backend("executorsh")


@pytest.mark.integration
def test_getting_backends_imports_neither_torch_nor_converters(run_python) -> None:
    run_python(
        "import sys\n"
        "from ofa_export.converters.registry import backend_names, get_backend\n"
        "for name in backend_names(): get_backend(name).tool_versions()\n"
        "heavy = {'torch', 'executorch', 'litert_torch', 'ai_edge_quantizer', 'onnx2tf', 'tensorflow', 'onnx'}\n"
        "assert not heavy & set(sys.modules)"
    )
