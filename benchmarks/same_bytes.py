"""Bytes of plans and bundles under other instruction sets, libraries' settings and thread counts.

    python benchmarks/same_bytes.py                      # the sample, every variant; needs AVX-512, half an hour
    python benchmarks/same_bytes.py --qemu Haswell       # beside a processor that qemu emulates

Each variant plans and bundles for both runtimes with an empty cache, at three budgets and three precisions, one of
them with a smaller rank. One line per variant, and one for each file that differs from the first variant's; exit code
1 if any does.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "artifacts/sample"
RECIPES: Mapping[str, Sequence[str]] = {
    str(ROOT / "artifacts/golden/recipe.yaml"): ("420KB", "500KB", "4MB"),
    "int8": ("1MB", "2MB", "4MB"),
    "fp32": ("4MB", "5MB", "6MB"),
}
"""Recipe -> budgets; the golden one cuts the rank."""

NO_AVX512 = "X86_V4,AVX512_ICL,AVX512_SPR"

VARIANTS: Mapping[str, Mapping[str, str]] = {
    "as it is, one thread": {"OMP_NUM_THREADS": "1"},
    "as it is, two threads": {"OMP_NUM_THREADS": "2"},
    "Nehalem": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": f"X86_V3,{NO_AVX512}",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F,-AVX2_Usable,-FMA_Usable,-AVX512F_Usable",
    },
    "Haswell": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": NO_AVX512,
    },
    "Zen": {"ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Zen", "NPY_DISABLE_CPU_FEATURES": NO_AVX512},
    "Skylake server": {"ATEN_CPU_CAPABILITY": "avx512", "MKL_CBWR": "AVX512", "OPENBLAS_CORETYPE": "SkylakeX"},
}
"""Settings by which libraries compute as on another processor; the number of threads is the machine's if not said."""


def main() -> None:
    """Compare what is made under each setting, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", metavar="CPU", help="a processor of `qemu-x86_64-static -cpu help`")
    parser.add_argument("--recipe", help="only this one, by a part of its name", default="")
    parser.add_argument("--make", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.make:
        make(*chosen.make)
        return
    recipes = {name: budgets for name, budgets in RECIPES.items() if chosen.recipe in name}
    variants = {**VARIANTS}
    if chosen.qemu:
        variants = {"as it is, one thread": VARIANTS["as it is, one thread"], f"qemu {chosen.qemu}": {}}
    first: dict[str, str] = {}
    different = 0
    for name, settings in variants.items():
        qemu = ("qemu-x86_64-static", "-cpu", chosen.qemu) if name.startswith("qemu") else ()
        found = digests(SAMPLE, recipes, settings, launcher=qemu)
        first = first or found
        wrong = [file for file in first if found.get(file) != first[file]]
        different += len(wrong)
        print("\n    ".join([f"{name:24} {len(found)} files, {len(wrong)} differ", *wrong]), flush=True)
    sys.exit(1 if different else 0)


def digests(
    checkpoint: Path,
    recipes: Mapping[str, Sequence[str]],
    settings: Mapping[str, str],
    *,
    launcher: Sequence[str] = (),
) -> dict[str, str]:
    """Plan and bundle in a process of its own with an empty cache.

    Args:
        checkpoint: the folder.
        recipes: recipe -> budgets.
        settings: environment variables.
        launcher: what runs Python, for example an emulator.

    Returns:
        Digest of every file, by recipe, budget and name.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **settings, "OFA_EXPORT_CACHE": f"{folder}/cache"}
        for recipe, budgets in recipes.items():
            out = Path(folder) / Path(recipe).stem
            arguments = [str(checkpoint), recipe, str(out), *budgets]
            command = [*launcher, sys.executable, __file__, "--make", *arguments]
            subprocess.run(command, env=environment, check=True)
            for file in sorted(out.glob("*/*")):
                found[str(file.relative_to(folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def make(checkpoint: str, recipe: str, out: str, *budgets: str) -> None:
    """Run `plan` and `bundle` for each budget, in this process."""
    for budget in budgets:
        place = Path(out) / budget
        place.mkdir(parents=True)
        with (place / "plan.json").open("w") as file, contextlib.redirect_stdout(file):
            run("plan", checkpoint, "--budget", budget, "--recipe", recipe, "--json")
        with Path(os.devnull).open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
            run("bundle", checkpoint, "--budget", budget, "--recipe", recipe, "-o", str(place))


def run(*arguments: str) -> None:
    """Run a command of ofa-export."""
    from ofa_export.cli.app import main as ofa_export

    with patch.object(sys, "argv", ["ofa-export", *arguments]):
        try:
            ofa_export()
        except SystemExit as end:
            if end.code:
                raise


if __name__ == "__main__":
    main()
