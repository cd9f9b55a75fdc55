"""Class files: what the Kotlin compiler makes of the app's sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ofa_export.apk.run_tool import JAVA, Words, run_step
from ofa_export.apk.sources import AppSources

COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"

JAVA_API = "8"
"""Of Java's own classes, Android 8.0 has those of Java 8: what is newer does not compile, and fails on no phone."""


def compile_app(
    sources: AppSources,
    *,
    generated: Path,
    compiler: Sequence[Path],
    plugin: Path,
    libraries: Sequence[Path],
    folder: Path,
) -> tuple[Path, Path]:
    """Compile the app.

    Args:
        sources: of the app.
        generated: folder with R.java.
        compiler: class path of the Kotlin compiler.
        plugin: jar of its serialization plugin.
        libraries: jars that the sources import from, Android's among them.
        folder: for what is made; existing.

    Returns:
        A jar with the app's classes, and a folder with those of R.java.

    Raises:
        AppBuildError: a source does not compile.
    """
    jar, resource_classes = folder / "app.jar", folder / "resource-classes"
    kotlin: Words = [*JAVA, "-cp", _path(compiler), COMPILER, "-no-stdlib", "-no-reflect", "-nowarn"]
    options: Words = [
        f"-Xjdk-release={JAVA_API}",
        f"-Xplugin={plugin}",
        "-module-name",
        "app",
        "-classpath",
        _path(libraries),
        "-d",
        jar,
    ]
    run_step([*kotlin, *options, *sources.kotlin, generated], step="compile the app's Kotlin", folder=folder)
    # Java's own compiler warns of so old a release.
    javac: Words = ["javac", "-nowarn", "-Xlint:-options", "--release", JAVA_API, "-d", resource_classes]
    run_step([*javac, *sorted(generated.rglob("*.java"))], step="compile the numbers of resources", folder=folder)
    return jar, resource_classes


def _path(jars: Sequence[Path]) -> str:
    return os.pathsep.join(str(jar) for jar in jars)
