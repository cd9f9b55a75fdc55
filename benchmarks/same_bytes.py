"""Bytes of plans and bundles of the sample under other instruction sets, libraries' settings and thread counts.

    python benchmarks/same_bytes.py                 # every variant that this processor can run, about ten minutes
    python benchmarks/same_bytes.py --qemu Haswell  # one more, on a processor that qemu imitates; about an hour

Each variant plans and bundles with an empty cache. One line per variant, and one for each file that differs from the
first variant's; exit code 1 if any does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "artifacts/golden/recipe.yaml"
BUDGETS = {"int8": ("1MB", "2MB", "4MB"), "int4": ("600KB", "1MB", "4MB"), str(GOLDEN): ("420KB", "500KB", "4MB")}
"""What is made of each recipe; the golden one cuts the rank."""

NO_AVX512 = "X86_V4,AVX512_ICL,AVX512_SPR"
NO_AVX2 = f"X86_V3,{NO_AVX512}"

VARIANTS: Mapping[str, Mapping[str, str]] = {
    "as it is, one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "torch without vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "torch with AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "torch with AVX-512": {"ATEN_CPU_CAPABILITY": "avx512"},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "MKL for AVX2": {"MKL_CBWR": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "oneDNN for SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "OpenBLAS for Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "OpenBLAS for Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "OpenBLAS for Zen": {"OPENBLAS_CORETYPE": "Zen"},
    "numpy without AVX-512": {"NPY_DISABLE_CPU_FEATURES": NO_AVX512},
    "numpy without AVX2": {"NPY_DISABLE_CPU_FEATURES": NO_AVX2},
    "libc without AVX2 and FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable,-AVX512F_Usable"},
    "all of it plain": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NPY_DISABLE_CPU_FEATURES": NO_AVX2,
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable,-AVX512F_Usable",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--qemu", metavar="CPU", help="a processor of `qemu-x86_64-static -cpu help`")
    parser.add_argument("--only", metavar="RECIPE", help="one of the recipes, by a part of its name")
    chosen = parser.parse_args()
    recipes = {name: budgets for name, budgets in BUDGETS.items() if (chosen.only or "") in name}
    variants: dict[str, Mapping[str, str]] = {**VARIANTS}
    if chosen.qemu:
        variants = {name: variants[name] for name in list(variants)[:1]} | {f"qemu {chosen.qemu}": {}}
    first, different = None, 0
    for name, settings in variants.items():
        found = digests(recipes, settings, qemu=chosen.qemu if name.startswith("qemu") else None)
        first = first or found
        wrong = [file for file in first if found.get(file) != first[file]]
        different += len(wrong)
        print(f"{name:28} {len(found)} files, {len(wrong)} differ", *wrong, sep="\n    " if wrong else "  ", flush=True)
    sys.exit(1 if different else 0)


def digests(
    recipes: Mapping[str, tuple[str, ...]], settings: Mapping[str, str], *, qemu: str | None = None
) -> dict[str, str]:
    """Plan and bundle in processes of their own; digest of each file, by recipe, budget and name."""
    python = [sys.executable] if qemu is None else ["qemu-x86_64-static", "-cpu", qemu, sys.executable]
    command = [*python, "-c", "from ofa_export.cli.app import main; main()"]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **settings, "OFA_EXPORT_CACHE": f"{folder}/cache"}
        for recipe, budgets in recipes.items():
            for budget in budgets:
                place = Path(folder) / Path(recipe).stem / budget
                place.mkdir(parents=True)
                choice = ["--budget", budget, "--recipe", recipe]
                plan = subprocess.run([*command, "plan", *choice, "--json"], env=environment, stdout=subprocess.PIPE)
                (place / "plan.json").write_bytes(plan.stdout)
                subprocess.run([*command, "bundle", *choice, "-o", str(place)], env=environment, check=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
                for file in sorted(place.iterdir()):
                    found[str(file.relative_to(folder))] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    main()
