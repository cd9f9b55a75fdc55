from __future__ import annotations

import pytest

from ofa_export.backends.registry import get_backend
from ofa_export.errors import ConfigError
from ofa_export.runtimes.arm64 import arm64_i8mm, what_it_said


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


def test_files_of_executorch_are_refused_with_what_to_use_instead() -> None:
    with pytest.raises(ConfigError, match=r"LiteRT only.*executorch: use --runtime android or --runtime host"):
        arm64_i8mm().load(get_backend("executorch"), b"", ())


def test_the_versions_of_what_runs_are_reported() -> None:
    assert {"ai-edge-litert (arm64)", "qemu-aarch64-static"} <= arm64_i8mm().versions(get_backend("litert")).keys()
