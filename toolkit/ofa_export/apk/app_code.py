"""The part of an APK that is the same for every bundle: code and resources, built once and kept."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from filelock import FileLock

from ofa_export.apk.app_classes import compile_app
from ofa_export.apk.app_resources import link_resources
from ofa_export.apk.packages import (
    ANDROID,
    APP_LIBRARIES,
    BUILD_PACKAGES,
    FRAMEWORK,
    KOTLIN_COMPILER,
    R8,
    RUNTIME_PACKAGES,
    SERIALIZATION_PLUGIN,
)
from ofa_export.apk.packed_files import packed, unpacked_files
from ofa_export.apk.platform import java_api_table, platform_jars
from ofa_export.apk.references import check_references
from ofa_export.apk.shrinking import shrink
from ofa_export.apk.sources import AppSources
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import ProgressCallback
from ofa_export.support.system_tools import require_tools
from ofa_export.targets.android.artifacts import FOLDER, LOCK, Artifact, fetch, fetching_tools
from ofa_export.targets.android.libraries import unpacked

TOOLS = ("java", "javac", "aapt2")
STEPS = Path(__file__).parent


def app_code(sources: AppSources, *, cache: ContentCache, progress: ProgressCallback) -> dict[str, bytes]:
    """Manifest, resources and dex files of the app, from the cache if they were built before.

    Args:
        sources: of the app.
        cache: keeps what is built, and the packages it is built with.
        progress: called before each step.

    Returns:
        Name in the APK -> content.

    Raises:
        ConfigError: sources are missing, or do not build.
        MissingToolError: a tool is not installed, or a package could not be fetched.
    """
    content = cache.get("app", _inputs(sources), lambda: packed(_build(sources, cache.root, progress)))
    return unpacked_files(content)


def build_packages(root: Path, artifacts: tuple[Artifact, ...] = BUILD_PACKAGES) -> dict[Artifact, Path]:
    """Return packages from the cache's folder, fetched the first time.

    Args:
        root: of the cache.
        artifacts: which packages.

    Raises:
        MissingToolError: a tool is not installed, or a package could not be fetched.
        OutputError: the folder cannot be written.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # The lock of the target android, too: mvn's own folder bears one process at a time.
    with FileLock(root / LOCK):
        return fetch(artifacts, folder, purpose="apk")


def packages_tools(root: Path) -> list[str]:
    """Return the tools that fetching all packages would need now."""
    return fetching_tools(BUILD_PACKAGES, root / FOLDER)


def _build(sources: AppSources, root: Path, progress: ProgressCallback) -> dict[str, bytes]:
    progress("fetching packages", 0, 0)
    packages = build_packages(root)
    with tempfile.TemporaryDirectory(prefix="ofa-export-apk-") as name:
        folder = Path(name)
        progress("linking resources", 0, 0)
        resources = link_resources(sources, framework=packages[FRAMEWORK], folder=folder)
        runtimes = _runtime_classes(packages, folder)
        libraries = [*runtimes, *(packages[artifact] for artifact in APP_LIBRARIES)]
        progress("compiling Kotlin", 0, 0)
        compiler = [packages[artifact] for artifact in KOTLIN_COMPILER]
        classes = compile_app(
            sources,
            generated=resources.java,
            compiler=compiler,
            plugin=packages[SERIALIZATION_PLUGIN],
            libraries=[packages[ANDROID], *libraries],
            folder=folder,
        )
        progress("shrinking", 0, 0)
        program = [*classes, *libraries]
        platform = platform_jars(packages[ANDROID], folder)
        dex = shrink(program, platform=platform, r8=packages[R8], rules=resources.rules, folder=folder)
        progress("looking up what it refers to", 0, 0)
        check_references(dex, platform=platform, r8=packages[R8], folder=folder)
        return resources.files | dex


def _runtime_classes(packages: dict[Artifact, Path], folder: Path) -> list[Path]:
    jars = []
    for artifact in RUNTIME_PACKAGES:
        for name, content in unpacked(artifact, packages[artifact].read_bytes()).items():
            if name.endswith(".jar"):
                (folder / name).write_bytes(content)
                jars.append(folder / name)
    return jars


def _inputs(sources: AppSources) -> list[object]:
    # Whatever decides what the code is: sources, packages, tools of this computer, and what the steps read.
    require_tools("apk", *TOOLS)
    aapt2 = subprocess.run(["aapt2", "version"], capture_output=True, check=False)
    read = (path for path in sorted(STEPS.iterdir()) if path.is_file() and path.suffix != ".py")
    return [
        sources.digest(),
        [artifact.sha256 for artifact in BUILD_PACKAGES],
        aapt2.stdout,
        java_api_table().read_bytes(),
        *(path.read_bytes() for path in read),
    ]
