"""Which packages a command loads: what decides how soon it answers, and that a device needs neither framework."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CASES = Path(__file__).parents[1] / "data" / "cases"
FRAMEWORKS = {"torch", "tensorflow", "jax"}
LIGHT = {"ofa_export.errors", "ofa_export.foreign_text", "ofa_export.support", "ofa_export.support.resources"}
SCRIPT = """
import json, sys

class Watch:
    '''Notes who imports torch first.'''
    importer = None

    def find_spec(self, name, path=None, target=None):
        if name == "torch" and self.importer is None:
            frame = sys._getframe(1)
            while "importlib" in frame.f_globals.get("__name__", ""):
                frame = frame.f_back
            self.importer = frame.f_globals.get("__name__")

watch = Watch()
sys.meta_path.insert(0, watch)
from ofa_export.cli.app import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code or 0
print(json.dumps({"code": code, "loaded": sorted(sys.modules), "importer": watch.importer}), file=sys.stderr)
"""


def loaded_by(*arguments: str | Path, code: int = 0) -> tuple[set[str], str | None]:
    """Modules that are loaded when a command ends with a code, and the one that imported torch first."""
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(finished.stderr.splitlines()[-1])
    assert said["code"] == code, finished.stderr
    return set(said["loaded"]), said["importer"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["train"],
        ["import"],
        ["plan"],
        ["bundle"],
        ["fleet"],
        ["collect"],
        ["resize"],
        ["delta"],
        ["patch"],
        ["session"],
        ["inspect"],
        ["validate"],
        ["run"],
        ["apk"],
    ],
)
def test_help_loads_nothing_heavy(command: list[str]) -> None:
    loaded, _ = loaded_by(*command, "--help")
    assert not loaded & (FRAMEWORKS | {"polars", "numpy", "rich"})
    assert {name for name in loaded if name.startswith("ofa_export.") and ".cli" not in name} <= LIGHT
    # Typer itself loads pydantic to parse the arguments of a command.
    assert command or "pydantic" not in loaded


def test_inspect_loads_not_even_numpy(litert: Path) -> None:
    loaded, _ = loaded_by("inspect", litert)
    assert not loaded & (FRAMEWORKS | {"numpy", "polars", "rich", "ai_edge_litert", "executorch"})


def test_inspecting_a_session_pack_loads_no_numpy_either(session_pack: Path) -> None:
    loaded, _ = loaded_by("inspect", session_pack)
    assert not loaded & (FRAMEWORKS | {"numpy", "polars", "rich"})


def test_a_second_budget_loads_no_framework(bundles: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    loaded, _ = loaded_by("bundle", toy_checkpoint, "--budget", "900KB", "-o", tmp_path)
    assert not loaded & (FRAMEWORKS | {"polars", "rich"})
    assert len(list(tmp_path.iterdir())) == 2


def test_resizing_loads_no_framework_and_no_runtime(litert: Path, tmp_path: Path) -> None:
    budget, small, delta = str(litert.stat().st_size - 300), tmp_path / "small.ofab", tmp_path / "up.ofad"
    for command in (
        ["resize", litert, "--budget", budget, "-o", small],
        ["delta", small, litert, "-o", delta],
        ["patch", small, delta, "-o", tmp_path / "large.ofab"],
    ):
        loaded, _ = loaded_by(*command)
        assert not loaded & (FRAMEWORKS | {"polars", "rich", "ai_edge_litert", "executorch"})
    assert (tmp_path / "large.ofab").read_bytes() == litert.read_bytes()


def test_running_a_litert_bundle_loads_no_framework(litert: Path) -> None:
    loaded, _ = loaded_by("run", litert, "--history", "K1")
    assert not loaded & (FRAMEWORKS | {"polars", "rich"})
    assert "ai_edge_litert" in loaded


def test_a_session_pack_adds_nothing_to_that(litert: Path, session_pack: Path) -> None:
    loaded, _ = loaded_by("run", litert, "--history", "K1", "--session", session_pack)
    assert not loaded & (FRAMEWORKS | {"polars", "rich"})


def test_running_an_executorch_bundle_loads_torch_only_because_executorch_does(executorch: Path) -> None:
    # The Python binding in ExecuTorch's wheel is linked to torch's libraries, so the adapter has to load them first.
    # The exporter and the reference model stay out of it; on a phone the runtime is C++ without torch.
    loaded, importer = loaded_by("run", executorch, "--history", "K1")
    assert importer == "ofa_export.converters.executorch.converter"
    assert not loaded & {"tensorflow", "jax", "polars", "executorch.exir", "ofa_export.model", "ofa_export.graphs"}


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (2, "train nothing.csv -o {}/new"),
        (2, "train planted -o {}/new --recipe nothing"),
        (2, "train planted -o {}/nothing/new"),
        (5, "train planted -o {}/new --from nothing"),
        (5, "import nothing.pth --format pmixer --interactions planted -o {}/new"),
        (2, "import {0}/toy --format pmixr --interactions planted -o {0}/new"),
        (5, "evaluate nothing"),
        (2, "evaluate --split validaton"),
        (2, "evaluate --interactions nothing.csv"),
        (5, "plan nothing --budget 1MB"),
        (2, "plan --budget 1MB --group 7"),
        (5, "bundle nothing --budget 1MB"),
        (5, "fleet nothing -o {}/new"),
        (2, "session --items nothing.csv -o {}/new"),
        (2, "benchmark nothing.ofab"),
        (2, f"train {CASES}/u.data -o {{}}/new --user-column 9"),
        (2, f"evaluate --interactions {CASES}/u.data --user-column 9"),
    ],
)
def test_a_mistyped_path_is_told_before_pytorch_is_loaded(tmp_path: Path, code: int, arguments: str) -> None:
    loaded, _ = loaded_by(*arguments.format(tmp_path).split(), code=code)
    assert not loaded & FRAMEWORKS
    assert not list(tmp_path.iterdir())
