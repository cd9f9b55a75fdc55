from __future__ import annotations

import pytest

from ofa_export.backends.registry import backend_names, get_backend
from ofa_export.errors import UnknownNameError


def test_both_runtimes_are_installed() -> None:
    assert set(backend_names()) >= {"executorch", "litert"}


@pytest.mark.parametrize(
    ("name", "entry"), [("litert", "graphs.tflite"), ("executorch", "graphs.pte"), ("litert-onnx2tf", "graphs.tflite")]
)
def test_a_backend_knows_its_name_entry_and_precisions(name: str, entry: str) -> None:
    backend = get_backend(name)
    assert (backend.name, backend.entry_name) == (name, entry)
    assert backend.precisions == ("fp32", "int8")


@pytest.mark.parametrize("name", ["litert", "executorch", "litert-onnx2tf"])
def test_tool_versions_are_versions(name: str) -> None:
    versions = get_backend(name).tool_versions()
    assert "torch" in versions
    assert all(version[0].isdigit() for version in versions.values())


def test_an_unknown_backend_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'executorch'"):
        get_backend("executorsh")


@pytest.mark.parametrize("name", ["litert", "executorch", "litert-onnx2tf"])
def test_an_unknown_precision_is_refused_before_any_converter_is_imported(name: str) -> None:
    with pytest.raises(UnknownNameError, match="fp32, int8"):
        get_backend(name).convert((), precision="int9")


@pytest.mark.integration
def test_getting_backends_imports_neither_torch_nor_converters(run_python) -> None:
    run_python(
        "import sys\n"
        "from ofa_export.backends.registry import backend_names, get_backend\n"
        "for name in backend_names(): get_backend(name).tool_versions()\n"
        "heavy = {'torch', 'executorch', 'litert_torch', 'ai_edge_quantizer', 'onnx2tf', 'tensorflow', 'onnx'}\n"
        "assert not heavy & set(sys.modules)"
    )
