"""Unresolved references of dex files: classes and members that are neither in them nor on the phone."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ofa_export.apk.run_tool import JAVA, Words, run_step


def check_references(dex_files: Mapping[str, bytes], *, platform: Sequence[Path], r8: Path, folder: Path) -> None:
    """Have R8's TraceReferences look up every class, field and method that an app refers to.

    R8 ends a build for a class that is missing, and for no field or method: those it would leave to the phone, which
    then throws NoSuchMethodError.

    Args:
        dex_files: all of an app, by name.
        platform: jars of what the phone has.
        r8: its jar.
        folder: for what is made; existing.

    Raises:
        AppBuildError: something is neither in the app nor on the phone; the sentence names it and what refers to it.
    """
    source = folder / "traced.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for name, content in dex_files.items():
            archive.writestr(name, content)
    libraries: Words = [part for jar in platform for part in ("--lib", jar)]
    tracer: Words = [*JAVA, "-cp", r8, "com.android.tools.r8.tracereferences.TraceReferences"]
    step = "find in the app and on the phone all that the app refers to"
    run_step([*tracer, "--check", *libraries, "--source", source], step=step, folder=folder)
