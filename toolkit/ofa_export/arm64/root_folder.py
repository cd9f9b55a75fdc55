"""The arm64 Linux with LiteRT in the cache folder, made once: its root, and a view of it for each processor.

    usr, lib, …     unpacked Debian packages
    wheels          Python packages
    litert_server.py
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

from ofa_export.arm64.cpus import CPUS, Cpu
from ofa_export.arm64.debian import unpack_packages
from ofa_export.arm64.wheels import install_wheels, pip_command
from ofa_export.errors import ConfigError, MissingToolError
from ofa_export.output import atomic_folder
from ofa_export.system_tools import PACKAGES, require_tools

SOURCES = Path(__file__).parent
QEMU = "qemu-aarch64-static"
SERVER = "litert_server.py"
ENVIRONMENT = {"PYTHONPATH": "wheels", "OPENBLAS_NUM_THREADS": "1"}
"""Of programs there, all of it; they run in the folder."""


def root_folder(root: Path) -> Path:
    """The folder; the first call fetches packages, which takes half a minute.

    Args:
        root: the cache's folder, created when needed; any number of processes may use it.

    Raises:
        ConfigError: this computer cannot run it.
        MissingToolError: a tool is not installed, or a package could not be fetched.
        OutputError: the folder could not be written.
    """
    if platform.system() != "Linux":
        raise ConfigError(
            f"The runtime arm64 needs Linux; this is {platform.system()}. "
            "Use --runtime host here, or a Linux container."
        )
    folder = root.absolute() / f"arm64-litert-{_key()[:16]}"
    if folder.is_dir():
        require_tools("arm64", QEMU)
        return folder
    require_tools("arm64", *PACKAGES["arm64"])
    pip_command()
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / "arm64.lock"):
        if not folder.is_dir():
            with atomic_folder(folder) as part:
                _fill(part)
    return folder


def command(folder: Path, cpu: Cpu, *arguments: str) -> list[str]:
    """What starts the server on a processor.

    Args:
        folder: as `root_folder` gives it.
        cpu: one of `CPUS`.
        arguments: of the server.
    """
    root = folder / "cpus" / cpu.name
    qemu = shutil.which(QEMU) or QEMU
    return [qemu, "-L", str(root), "-cpu", cpu.model, str(root / "usr/bin/python3"), "-s", SERVER, *arguments]


def _fill(part: Path) -> None:
    unpack_packages(part)
    install_wheels((part / "usr/bin/python3").readlink().name.removeprefix("python"), part / "wheels")
    shutil.copy(SOURCES / SERVER, part / SERVER)
    for cpu in CPUS:
        view = part / "cpus" / cpu.name
        (view / "proc").mkdir(parents=True)
        (view / "proc" / "cpuinfo").write_text(cpu.cpuinfo, encoding="ascii")
        for name in ("usr", "lib"):
            (view / name).symlink_to(f"../../{name}")
        _try(part, cpu)


def _try(part: Path, cpu: Cpu) -> None:
    # Without a request it ends at once; the first time, Python keeps what it compiled.
    done = subprocess.run(
        command(part, cpu, os.devnull),
        cwd=part,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingToolError(
            f"{QEMU} could not start LiteRT on {cpu.model}; version 7.2 and newer can, in Debian's package "
            f"qemu-user-static. It says:\n{(done.stderr or done.stdout).strip()}"
        )


def _key() -> str:
    # Whatever decides what the folder holds.
    digest = hashlib.sha256()
    for name in ("cpus.py", "debian.py", "root_folder.py", "wheels.py", "wheels.txt", SERVER):
        digest.update(hashlib.sha256((SOURCES / name).read_bytes()).digest())
    return digest.hexdigest()
