"""`pip install ofa-export` alone: small, enough for devices and CI, and it says what brings the rest."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "artifacts" / "golden"
LITERT, EXECUTORCH = GOLDEN / "sample-420KB-litert.ofab", GOLDEN / "sample-420KB-executorch.ofab"
MOST_BYTES = 250_000_000
MOST_SECONDS = 1.0

Run = Callable[..., subprocess.CompletedProcess[str]]

REFUSED = {
    "train": (["train", "online-retail", "-o", "c"], "train"),
    "import": (["import", "x.pt", "--format", "recbole", "--interactions", "planted", "-o", "c"], "train"),
    "evaluate": (["evaluate"], "train"),
    "evaluate --html": (["evaluate", "--html", "e.html"], "train,report"),
    "plan": (["plan", "--budget", "4MB"], "litert"),
    "plan --html": (["plan", "--budget", "4MB", "--html", "p.html"], "litert,report"),
    "plan --runtime": (["plan", "--budget", "4MB", "--runtime", "executorch"], "executorch"),
    "plan --converter": (["plan", "--budget", "4MB", "--converter", "onnx2tf"], "onnx2tf"),
    "bundle": (["bundle", "--budget", "4MB"], "executorch,litert"),
    "bundle --runtime": (["bundle", "--budget", "4MB", "--runtime", "litert"], "litert"),
    "fleet": (["fleet", "-o", "f"], "executorch,litert"),
    "fleet --ray": (["fleet", "-o", "f", "--runtime", "litert", "--ray", "auto"], "litert,fleet"),
    "session": (["session", "--items", "i.txt", "-o", "s.ofas"], "train"),
    "validate": (["validate", str(LITERT)], "litert"),
    "validate of both": (["validate", str(LITERT), str(EXECUTORCH), "--html", "v.html"], "litert,executorch,report"),
    "validate --cross": (["validate", str(LITERT), "--cross"], "litert,onnx2tf"),
    "run": (["run", str(EXECUTORCH), "--history", "22423"], "executorch"),
    "benchmark": (["benchmark", str(LITERT)], "litert"),
}
"""Command, and the extras that its one line of pip names."""


def environment_of(folder: Path, requirement: str) -> Path:
    """A new environment with a distribution from this tree, and nothing else that nobody needs."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    pinned = ["-c", str(ROOT / "constraints.txt"), requirement]
    if uv is not None:
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", folder / "bin" / "python", *pinned], check=True)
    else:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "-q"]
        subprocess.run([*pip, *pinned], check=True)
    return folder


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_of(tmp_path_factory.mktemp("light") / "venv", str(ROOT))


@pytest.fixture(scope="module")
def run(light: Path) -> Run:
    """Runs the light installation's own script, which sees nothing of this environment."""

    def command(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        script = [light / "bin" / "ofa-export", *arguments]
        return subprocess.run(script, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return command


def done(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def timed(run: Callable[[], subprocess.CompletedProcess[str]]) -> tuple[subprocess.CompletedProcess[str], float]:
    """The answer, and the seconds that a processor worked for it: others may be at work on this computer too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_it_takes_less_than_250_megabytes(light: Path) -> None:
    files = {info.st_ino: info.st_blocks * 512 for path in light.rglob("*") if (info := path.lstat())}
    assert sum(files.values()) < MOST_BYTES


def test_what_ships_with_the_code_is_there(light: Path) -> None:
    script = """
import json
from ofa_export.support.resources import shipped
from ofa_export.support.recipes import recipe_names
places = ["artifacts/sample/config.json", "android_demo/app/src/main/AndroidManifest.xml", "android_demo/core/src/main"]
print(json.dumps([[str(shipped(place)) for place in places if shipped(place).exists()], recipe_names("train")]))
"""
    answer = subprocess.run([light / "bin" / "python", "-c", script], capture_output=True, text=True, check=True)
    found, recipes = json.loads(answer.stdout)
    assert len(found) == 3 and all(place.startswith(str(light)) for place in found)
    assert "base" in recipes


def test_it_inspects_runs_resizes_and_patches(run: Run, tmp_path: Path) -> None:
    assert json.loads(done(run("inspect", LITERT, "--json", cwd=tmp_path)))["runtime"]["name"] == "litert"
    assert json.loads(done(run("inspect", EXECUTORCH, "--json", cwd=tmp_path)))["runtime"]["name"] == "executorch"
    assert "22423" in done(run("run", LITERT, "--history", "22423", cwd=tmp_path))
    budget = str(LITERT.stat().st_size - 300)
    done(run("resize", LITERT, "--budget", budget, "-o", "small.ofab", cwd=tmp_path))
    done(run("delta", "small.ofab", LITERT, "-o", "up.ofad", cwd=tmp_path))
    done(run("patch", "small.ofab", "up.ofad", "-o", "large.ofab", cwd=tmp_path))
    assert (tmp_path / "large.ofab").read_bytes() == LITERT.read_bytes()


def test_it_collects_and_ranks_with_a_session_pack(
    run: Run, ofa: Run, bundles: Path, litert: Path, session_pack: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    done(ofa("fleet", toy_checkpoint, "--budgets", "1MB", "--groups", "0", "--runtime", "litert", "-o", tmp_path / "f"))
    done(run("collect", "f", "-o", "one.ofab", cwd=tmp_path))
    assert (tmp_path / "one.ofab").read_bytes() == litert.read_bytes()
    assert "K5" in done(run("run", "one.ofab", "--history", "K1", "--session", session_pack, cwd=tmp_path))


@pytest.mark.parametrize("name", REFUSED)
def test_a_command_that_needs_more_says_the_one_line_at_once(run: Run, tmp_path: Path, name: str) -> None:
    arguments, extras = REFUSED[name]
    ended, seconds = timed(lambda: run(*arguments, cwd=tmp_path))
    assert (ended.returncode, ended.stdout) == (6, ""), ended.stderr
    assert re.findall(r"pip install .*", ended.stderr) == [f'pip install "ofa-export[{extras}]"']
    assert seconds < MOST_SECONDS
    assert list(tmp_path.iterdir()) == []


def test_the_app_needs_tools_of_other_ecosystems_only(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    ended = run("apk", LITERT, "-o", "demo.apk", cwd=tmp_path)
    assert ended.returncode == 6
    assert "apt-get install" in ended.stderr and "pip install" not in ended.stderr


def test_the_door_opens_as_far_as_it_can(light: Path, tmp_path: Path) -> None:
    script = f"""
import ofa_export
from ofa_export import Bundle, Precision, errors, open_device
with Bundle.open({str(LITERT)!r}) as bundle, open_device(bundle) as device:
    print(len(device.rank(["22423"], k=5).keys))
for use in (
    lambda: ofa_export.Checkpoint,
    lambda: ofa_export.plan({str(ROOT / "artifacts" / "sample")!r}, budget=1_000_000),
    lambda: ofa_export.train("planted", "c"),
    lambda: ofa_export.validate({str(LITERT)!r}, "nowhere"),
):
    try:
        use()
    except errors.MissingToolError as error:
        print(str(error).partition("pip install ")[2])
"""
    answer = subprocess.run(
        [light / "bin" / "python", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == [
        "5",
        '"ofa-export[train]"',
        '"ofa-export[litert]"',
        '"ofa-export[train]"',
        '"ofa-export[litert]"',
    ]


def test_help_shows_every_command(run: Run, tmp_path: Path) -> None:
    shown = done(run("--help", cwd=tmp_path))
    commands: Sequence[str] = sorted({name.split()[0] for name in REFUSED})
    assert all(re.search(rf"\b{name}\b", shown) for name in commands)
