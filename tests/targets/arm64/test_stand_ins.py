"""Where the wheels change what they are linked to, PyTorch no longer loads; here the stand-ins are read back."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ofa_export.targets.arm64.builds import BINUTILS
from ofa_export.targets.arm64.stand_ins import FUNCTIONS, assembly, make_stand_ins

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in BINUTILS), reason="needs binutils-aarch64-linux-gnu"
)


def run(tool: str, *arguments: str | Path) -> str:
    return subprocess.run(
        [f"aarch64-linux-gnu-{tool}", *map(str, arguments)], check=True, capture_output=True, text=True
    ).stdout


def link(library: Path, assembler: str, *others: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    source, code = library.with_suffix(".s"), library.with_suffix(".o")
    source.write_text(assembler)
    run("as", source, "-o", code)
    run("ld", "-shared", "-soname", library.name, "-o", library, code, *others)
    source.unlink()
    code.unlink()


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A root with libc.so, and a wheel whose library calls libc, another of the wheel, and two that are not there."""
    absent = tmp_path / "elsewhere"
    link(absent / "libcudart.so.13", ".globl cudaStart\ncudaStart: ret\n.globl __cudaRegister\n__cudaRegister: ret\n")
    link(absent / "libunused.so.1", ".globl never\nnever: ret\n")
    root = tmp_path / "root"
    link(root / "usr/lib/libc.so.6", ".globl malloc\nmalloc: ret\n")
    lib = root / "wheels/torch/lib"
    link(lib / "libother.so", ".globl other\nother: ret\n")
    calls = "".join(f"bl {name}\n" for name in ("cudaStart", "__cudaRegister", "malloc", "other", "weak"))
    named = [absent / "libcudart.so.13", absent / "libunused.so.1", root / "usr/lib/libc.so.6", lib / "libother.so"]
    link(lib / "libmain.so", f".weak weak\n.globl main\nmain:\n{calls}ret\n", *named)
    (root / "usr/share").mkdir()
    (root / "usr/share/libc.so.6-gdb.py").write_text("no library\n")
    return root


def test_each_missing_name_is_there_and_what_is_found_nowhere_else_has_a_function(linked: Path) -> None:
    folder = linked / "stand_ins"
    make_stand_ins(linked, linked / "wheels", folder)
    assert {path.name for path in folder.iterdir()} == {FUNCTIONS, "libcudart.so.13", "libunused.so.1"}
    defined = re.findall(r" T (\S+)", run("nm", "--dynamic", "--defined-only", folder / FUNCTIONS))
    assert set(defined) == {"cudaStart", "__cudaRegister"}
    for name in ("libcudart.so.13", "libunused.so.1"):
        assert f"[{FUNCTIONS}]" in run("readelf", "--dynamic", folder / name)
        assert run("nm", "--dynamic", "--defined-only", folder / name).strip() == ""


def test_cuda_s_functions_say_that_there_is_no_device() -> None:
    text = assembly(["cudaGetDeviceCount", "__cudaRegisterFatBinary", "cublasCreate_v2"])
    results = re.findall(r"^(\w+):\n(mov x0, #100|adrp)", text, flags=re.MULTILINE)
    assert results == [
        ("cudaGetDeviceCount", "mov x0, #100"),
        ("__cudaRegisterFatBinary", "adrp"),
        ("cublasCreate_v2", "adrp"),
    ]
