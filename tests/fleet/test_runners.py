from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

# Tasks must lie in a module that workers can import, which this one is not.
SCRIPT = """
import shutil
from contextlib import nullcontext
import dying
from ofa_export.errors import OfaExportError
from ofa_export.fleet.runners import process_runner, ray_runner
if __name__ == "__main__":
    try:
        {setup}
        with {runner} as runner:
            found = sorted(runner(dying.{task}, {tasks}))
        print(found)
    except OfaExportError as error:
        print(type(error).__name__, error)
"""


def said(tmp_path: Path, runner: str, task: str, tasks: str, *, setup: str = "pass") -> str:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(runner=runner, task=task, tasks=tasks, setup=setup))
    shutil.copy(Path(__file__).with_name("dying.py"), tmp_path)
    result = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


PROCESSES, RAY = "nullcontext(process_runner(2))", "ray_runner('local')"


def marked(tmp_path: Path) -> str:
    return f"[({str(tmp_path / 'marker')!r}, number) for number in range(5)]"


def test_processes_run_every_task(tmp_path: Path) -> None:
    assert said(tmp_path, PROCESSES, "square", "range(6)") == "[0, 1, 4, 9, 16, 25]\n"


@pytest.mark.parametrize("runner", [PROCESSES, RAY])
def test_a_worker_that_dies_loses_nothing(tmp_path: Path, runner: str) -> None:
    assert said(tmp_path, runner, "dies_once", marked(tmp_path)) == "[0, 1, 4, 9, 16]\n"
    assert (tmp_path / "marker").exists()


def test_workers_that_go_on_dying_are_given_up(tmp_path: Path) -> None:
    text = said(tmp_path, PROCESSES, "dies", "range(3)")
    assert text.startswith("WorkerError 3 workers died in a row with 3 bundles left")
    assert "--resume and fewer --workers" in text


def test_a_node_without_the_package_is_told_of(tmp_path: Path) -> None:
    text = said(tmp_path, RAY, "square", "[1]", setup="shutil.move('dying.py', 'moved.py')")
    assert text.startswith("WorkerError A worker of the Ray cluster cannot do its task: ModuleNotFoundError")
    assert "Every node needs this version of ofa-export" in text


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    text = said(tmp_path, "ray_runner('auto')", "square", "[1]")
    assert text.startswith("ConfigError No Ray cluster answers at 'auto'")
    assert "ray start --head" in text


def test_without_ray_the_command_that_installs_it(tmp_path: Path) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('no ray here')")
    text = said(tmp_path, RAY, "square", "[1]")
    assert text.startswith("MissingToolError Ray is not installed")
    assert 'pip install "ofa-export[fleet]"' in text
