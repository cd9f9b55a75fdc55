"""An arm64 Linux with a runtime in the cache folder, made once: its root, and a view of it for each processor.

    usr, lib, …     unpacked Debian packages
    wheels          Python packages
    stand_ins       empty libraries, where the wheels name some that they do not bring
    ours            the server, under its own name
    cpus/NAME       links to usr and lib, and proc/cpuinfo of that processor

qemu looks into a root first for every absolute path, and on this computer for what is not there: /proc/cpuinfo comes
from the root, the rest of /proc and the caller's files from here.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path

from filelock import FileLock

from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.support.atomic import atomic_folder
from ofa_export.support.system_tools import require_tools
from ofa_export.targets.arm64.builds import QEMU, SOURCES, Build
from ofa_export.targets.arm64.cpus import CPUS, Cpu
from ofa_export.targets.arm64.debian import unpack_packages
from ofa_export.targets.arm64.stand_ins import make_stand_ins
from ofa_export.targets.arm64.wheels import install_wheels, pip_command

PACKAGE = "ofa_export.targets.arm64"
COMMON = ("builds", "cpus", "debian", "graph_server", "root_folder", "stand_ins", "wheels")
ENVIRONMENT = {
    "PYTHONPATH": "ours:wheels",
    "LD_LIBRARY_PATH": "stand_ins",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
"""Of programs there, all of it; they run in the folder."""


def root_folder(build: Build, root: Path) -> Path:
    """Return the folder; the first call fetches packages: half a minute for LiteRT, minutes for ExecuTorch.

    Args:
        build: what it holds.
        root: the cache's folder, created when needed; any number of processes may use it.

    Raises:
        ConfigError: this computer cannot run it.
        MissingToolError: a tool is not installed, or a package could not be fetched.
        OutputError: the folder could not be written.
    """
    if platform.system() != "Linux":
        raise ConfigError(
            f"The target arm64 needs Linux; this is {platform.system()}. Use --target host here, or a Linux container."
        )
    folder = root.absolute() / f"arm64-{build.runtime}-{_key(build)[:16]}"
    if folder.is_dir():
        require_tools("arm64", QEMU)
        return folder
    require_tools("arm64", *build.tools)
    pip_command()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "arm64.lock"):
        if not folder.is_dir():
            with atomic_folder(folder) as part:
                _fill(build, part)
    return folder


def command(build: Build, folder: Path, cpu: Cpu, *arguments: str) -> list[str]:
    """Return what starts the server on a processor.

    Args:
        build: what the folder holds.
        folder: as `root_folder` gives it.
        cpu: one of `CPUS`.
        arguments: of the server.
    """
    root = folder / "cpus" / cpu.name
    qemu = shutil.which(QEMU) or QEMU
    python = [str(root / "usr/bin/python3"), "-s", "-m", f"{PACKAGE}.{build.server}"]
    return [qemu, "-L", str(root), "-cpu", cpu.model, *python, *arguments]


def _fill(build: Build, part: Path) -> None:
    unpack_packages(part)
    python = (part / "usr/bin/python3").readlink().name.removeprefix("python")
    install_wheels(build.requirements, python, part / "wheels")
    if build.stands_in:
        make_stand_ins(part, part / "wheels", part / "stand_ins")
    ours = part / "ours" / PACKAGE.replace(".", "/")
    ours.mkdir(parents=True)
    for name in ("graph_server", build.server):
        shutil.copy(SOURCES / f"{name}.py", ours)
    for cpu in CPUS:
        view = part / "cpus" / cpu.name
        (view / "proc").mkdir(parents=True)
        (view / "proc" / "cpuinfo").write_text(cpu.cpuinfo, encoding="ascii")
        for name in ("usr", "lib"):
            (view / name).symlink_to(f"../../{name}")
        _try(build, part, cpu)


def _try(build: Build, part: Path, cpu: Cpu) -> None:
    # Without a request it ends at once; the first time, Python keeps what it compiled.
    done = subprocess.run(
        command(build, part, cpu, os.devnull),
        cwd=part,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingToolError(
            f"{QEMU} could not start {build.title} on {cpu.model}; version 7.2 and newer can, in Debian's package "
            f"qemu-user-static. It says:",
            *(done.stderr or done.stdout).strip().splitlines(),
        )


def _key(build: Build) -> str:
    # Whatever decides what the folder holds.
    digest = hashlib.sha256()
    sources = (SOURCES / f"{name}.py" for name in (*COMMON, build.server))
    for path in (*sources, build.requirements):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
