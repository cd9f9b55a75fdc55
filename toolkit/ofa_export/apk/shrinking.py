"""Dex files: what R8 leaves of the app and its libraries, in the form that Android runs."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

from ofa_export.apk.app_resources import MIN_SDK
from ofa_export.apk.class_file import parse_class
from ofa_export.apk.platform import PlatformClasses
from ofa_export.apk.run_tool import JAVA, Words, run_step

RULES = Path(__file__).parent / "runtimes.pro"
"""What of both runtimes native code calls by name."""

CLOSED_BY_R8 = {
    f"android/{name}"
    for name in (
        "content/ContentProviderClient",
        "content/res/TypedArray",
        "drm/DrmManagerClient",
        "media/MediaDrm",
        "media/MediaMetadataRetriever",
    )
}
"""Became AutoCloseable late: R8 asks for each of them where code closes what may be anything."""


def shrink(
    program: Sequence[Path], *, platform: PlatformClasses, r8: Path, rules: Path, folder: Path
) -> dict[str, bytes]:
    """Shrink, optimise and convert the app with everything that it carries.

    No class is excused: one that the app refers to and that neither it nor the phone has ends the build.

    Args:
        program: jars of the app and its libraries, and folders of class files.
        platform: what the phone has.
        r8: its jar.
        rules: what aapt2 says that resources name.
        folder: for what is made; existing.

    Returns:
        classes.dex, and classes2.dex, … if there are so many.

    Raises:
        AppBuildError: a class is missing, or R8 refused one.
    """
    jars = [_as_jar(path) for path in program]
    library, out = folder / "platform.jar", folder / "dex.zip"
    _write_platform(library, jars, platform)
    options: Words = ["--release", "--min-api", str(MIN_SDK), "--lib", library, "--output", out]
    kept: Words = [part for path in (RULES, rules) for part in ("--pg-conf", path)]
    command = [*JAVA, "-cp", r8, "com.android.tools.r8.R8", *options, *kept, *jars]
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


def _write_platform(library: Path, jars: Sequence[Path], platform: PlatformClasses) -> None:
    """Write the platform as far as this app can see it: R8 reads all it is given, and Android has 50,000 classes.

    Whole are the classes that the app names, and those that they inherit from. What those name in turn is there as
    headers, so that R8 finds each class and knows what it inherits from. Java's own are there anyway: R8 names some.
    """
    named = {name for jar in jars for name in _named_by(jar)} | CLOSED_BY_R8
    whole = _with_those_above(named | set(platform.java_names()), platform)
    around = _with_those_above({name for each in whole for name in platform[each].named}, platform) - whole
    with zipfile.ZipFile(library, "w") as archive:
        for name in sorted(whole):
            archive.writestr(f"{name}.class", platform.content(name))
        for name in sorted(around):
            archive.writestr(f"{name}.class", platform[name].header())


def _named_by(jar: Path) -> set[str]:
    with zipfile.ZipFile(jar) as archive:
        entries = [name for name in archive.namelist() if name.endswith(".class") and not name.startswith("META-INF")]
        return {name for entry in entries for name in parse_class(archive.read(entry)).named}


def _with_those_above(names: Collection[str], platform: PlatformClasses) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in platform and name not in found:
            found.add(name)
            waiting += platform[name].above
    return found
