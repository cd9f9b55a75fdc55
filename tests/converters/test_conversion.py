from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ofa_export.contract import GraphSpec, TensorSpec
from ofa_export.converters.conversion import conversion_key
from ofa_export.converters.executorch.converter import ExecutorchConverter
from ofa_export.converters.litert.converter import LiteRtConverter
from ofa_export.graphs.device import DeviceGraph
from ofa_export.precision import FP32, INT8, Precision

X = TensorSpec("x", (1, 3))


class Scaled(nn.Module):
    def __init__(self, *, scale: float = 2.0, offset: float = 0.0, weight: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.full((3,), weight))
        self.register_buffer("offset", torch.full((3,), offset), persistent=False)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (x * self.weight * self.scale + self.offset,)


class OtherLiteRt(LiteRtConverter):
    def tool_versions(self) -> dict[str, str]:
        return super().tool_versions() | {"torch": "0.0"}


def graph(module: nn.Module, name: str = "x") -> DeviceGraph:
    return DeviceGraph(GraphSpec("g", (dataclasses.replace(X, name=name),), (X,)), module)


def key(
    *graphs: DeviceGraph, converter: LiteRtConverter | ExecutorchConverter | None = None, precision: Precision = FP32
) -> str:
    return conversion_key(graphs, converter=converter or LiteRtConverter(), precision=precision)


def test_equal_graphs_have_equal_keys() -> None:
    assert key(graph(Scaled())) == key(graph(Scaled()))
    assert len(key(graph(Scaled()))) == 64


@pytest.mark.parametrize(
    "other",
    [
        key(graph(Scaled(weight=1 + 2**-23))),
        key(graph(Scaled(scale=2.5))),
        key(graph(Scaled(offset=0.5))),
        key(graph(Scaled(), name="y")),
        key(graph(Scaled().double())),
        key(graph(nn.Sequential(Scaled()))),
        key(graph(Scaled()), graph(Scaled())),
        key(),
        key(graph(Scaled()), precision=INT8),
        key(graph(Scaled()), converter=ExecutorchConverter()),
        key(graph(Scaled()), converter=OtherLiteRt()),
    ],
    ids=["weight", "attribute", "buffer", "name", "dtype", "nesting", "two", "none", "precision", "converter", "tool"],
)
def test_whatever_changes_the_result_changes_the_key(other: str) -> None:
    assert other != key(graph(Scaled()))


def test_changed_code_changes_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []
    for factor in (2, 3):
        folder = tmp_path / str(factor)
        folder.mkdir()
        (folder / "factor.py").write_text(f"FACTOR = {factor}\n")
        (folder / "user_model.py").write_text("import torch\nclass Model(torch.nn.Module):\n    pass\n")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "user_model", raising=False)
        import user_model  # type: ignore[import-not-found]

        keys.append(key(graph(user_model.Model())))
    assert keys[0] != keys[1]


@pytest.mark.integration
def test_the_key_is_the_same_in_another_process_and_imports_no_converter(run_python) -> None:
    script = (
        "import sys\n"
        "from conftest import tiny_graphs\n"
        "from ofa_export.converters.conversion import conversion_key\n"
        "from ofa_export.converters.litert.converter import LiteRtConverter\n"
        "from ofa_export.precision import INT8\n"
        "print(conversion_key(tiny_graphs(), converter=LiteRtConverter(), precision=INT8))\n"
        "assert not {'executorch', 'litert_torch', 'litert_quantizer'} & set(sys.modules)"
    )
    keys = {run_python(script, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(keys) == 1
