"""An installation of the phone's library for one converter: one flat folder, made once.

Its native libraries, edited so that they load here; its own Java classes; our Java program that drives them; and the
shim, a small library of ours with what Android's C library has and this computer's has not.
"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

from filelock import FileLock

from ofa_export.errors import ConfigError
from ofa_export.support.atomic import atomic_folder
from ofa_export.support.system_tools import require_tools, run_compiler
from ofa_export.targets.android.artifacts import FOLDER, LOCK, fetch, fetching_tools
from ofa_export.targets.android.elf import without_android
from ofa_export.targets.android.libraries import PhoneLibrary, unpacked

SOURCES = Path(__file__).parent
SHIM = "libandroid_shim.so"
SHARED_SOURCES = ("GraphServer.java", "Answers.java", "Graph.java", "Value.java", "Duration.java", "Memory.java")
JAVA_RELEASE = "11"
PROVIDED = ("libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so")
"""Libraries that Android's ask for and the process has already: glibc, and the shim."""


def installation(library: PhoneLibrary, root: Path) -> Path:
    """Return the folder of a library; the first call fetches and compiles, which takes most of a minute.

    Args:
        library: which one.
        root: the cache's folder, created when needed; any number of processes may use it.

    Raises:
        ConfigError: this computer cannot run it.
        MissingToolError: a tool is not installed, or a package could not be fetched.
        OutputError: the folder could not be written.
    """
    check_computer()
    folder, packages = root / f"android-{library.program.lower()}-{_key(library)[:16]}", root / FOLDER
    if folder.is_dir():
        require_tools("android", "java")
        return folder
    # All that are missing at once, so that one command installs them.
    require_tools("android", "java", "javac", "gcc", *fetching_tools(library.artifacts, packages))
    packages.mkdir(parents=True, exist_ok=True)
    # One for all libraries: mvn's own folder bears one process at a time.
    with FileLock(root / LOCK):
        if not folder.is_dir():
            with atomic_folder(folder) as part:
                _fill(part, library, packages)
    return folder


def check_computer() -> None:
    """Refuse computers whose processor or system cannot load the libraries.

    Raises:
        ConfigError: this is no Linux on x86-64.
    """
    system, machine = platform.system(), platform.machine()
    if (system, machine) != ("Linux", "x86_64"):
        raise ConfigError(
            f"The target android runs x86-64 libraries on Linux; this is {system} on {machine}. "
            "Use --target host here, or a Linux container or machine with an x86-64 processor."
        )


def _fill(part: Path, library: PhoneLibrary, packages: Path) -> None:
    for artifact, path in fetch(library.artifacts, packages).items():
        for name, file in unpacked(artifact, path.read_bytes()).items():
            edited = without_android(file, provided=PROVIDED) if name.endswith(".so") else file
            (part / name).write_bytes(edited)
    shim = str(SOURCES / "native" / "shim.c")
    run_compiler(["gcc", "-shared", "-fPIC", "-O1", "-o", SHIM, shim, "-ldl", "-lm"], folder=part)
    sources = [str(SOURCES / "java" / name) for name in _java_sources(library)]
    run_compiler(["javac", "--release", JAVA_RELEASE, "-classpath", "*", "-d", ".", *sources], folder=part)


def _java_sources(library: PhoneLibrary) -> tuple[str, ...]:
    return (*SHARED_SOURCES, f"{library.program}.java")


def _key(library: PhoneLibrary) -> str:
    # Whatever decides what the folder holds.
    digest = hashlib.sha256()
    names = ("elf.py", "installation.py", "libraries.py", "native/shim.c")
    for path in (SOURCES / name for name in (*names, *(f"java/{name}" for name in _java_sources(library)))):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
