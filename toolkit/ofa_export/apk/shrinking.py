"""Dex files: what R8 leaves of the app and its libraries, in the form that Android runs."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

from ofa_export.apk.app_resources import MIN_SDK
from ofa_export.apk.run_tool import JAVA, Words, run_step

RULES = Path(__file__).parent / "runtimes.pro"
"""Rules that keep those members of both runtimes that native code calls by name."""


def shrink(
    program: Sequence[Path], *, platform: Sequence[Path], r8: Path, rules: Path, folder: Path
) -> dict[str, bytes]:
    """Shrink, optimise and convert the app with everything that it carries.

    No class is excused: one that the app refers to and that neither it nor the phone has ends the build.

    Args:
        program: jars of the app and its libraries, and folders of class files.
        platform: jars of what the phone has.
        r8: its jar.
        rules: what aapt2 says that resources name.
        folder: for what is made; existing.

    Returns:
        classes.dex, and classes2.dex, … if there are so many.

    Raises:
        AppBuildError: a class is missing, or R8 refused one.
    """
    jars = [_as_jar(path) for path in program]
    out = folder / "dex.zip"
    options: Words = ["--release", "--min-api", str(MIN_SDK), "--output", out]
    libraries: Words = [part for jar in platform for part in ("--lib", jar)]
    kept: Words = [part for path in (RULES, rules) for part in ("--pg-conf", path)]
    command = [*JAVA, "-cp", r8, "com.android.tools.r8.R8", *options, *libraries, *kept, *jars]
    run_step(command, step="shrink the app's classes", folder=folder)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".dex")}


def _as_jar(path: Path) -> Path:
    if path.is_file():
        return path
    jar = path.with_suffix(".jar")
    with zipfile.ZipFile(jar, "w") as archive:
        for file in sorted(path.rglob("*.class")):
            archive.write(file, file.relative_to(path).as_posix())
    return jar
