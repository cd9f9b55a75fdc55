from __future__ import annotations

import pytest

from ofa_export.converters.executorch.converter import ExecutorchConverter
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError
from ofa_export.targets.arm64.target import arm64_i8mm, what_it_said


def test_the_end_of_the_process_is_told_without_idle_talk() -> None:
    log = (
        "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        "odd weights\n"
        "qemu: uncaught target signal 4 (Illegal instruction) - core dumped\n"
    )
    assert what_it_said(log).splitlines() == [
        "odd weights",
        "qemu: uncaught target signal 4 (Illegal instruction) - core dumped",
    ]


class OtherConverter(ExecutorchConverter):
    name = "other"


def test_files_of_other_runtimes_are_refused_with_what_to_use_instead() -> None:
    with pytest.raises(ConfigError, match=r"files of litert and executorch, not .* other: use --target host"):
        arm64_i8mm().load(OtherConverter(), b"", ())


@pytest.mark.parametrize(
    ("converter", "wheel"),
    [("litert", "ai-edge-litert"), ("onnx2tf", "ai-edge-litert"), ("executorch", "executorch")],
)
def test_the_versions_of_what_runs_are_reported(converter: str, wheel: str) -> None:
    assert {f"{wheel} (arm64)", "qemu-aarch64-static"} <= arm64_i8mm().versions(get_converter(converter)).keys()
