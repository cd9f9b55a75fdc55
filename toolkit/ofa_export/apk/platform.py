"""The classes that a phone brings: Android's own, and of Java's those of Java 8, which Android 8.0 has."""

from __future__ import annotations

import subprocess
import zipfile
from functools import cache
from pathlib import Path

from ofa_export.apk.app_classes import JAVA_API
from ofa_export.errors import MissingToolError

UNSAFE = "sun/misc/Unsafe"
"""Not of Java's API, but on every phone: R8 puts it in the place of slower classes. Java 9 was the first to list it."""

JAVA_9 = "9"

ON_PHONES = (
    *(f"java/{name}/" for name in ("io", "lang", "math", "net", "nio", "security", "sql", "text", "time", "util")),
    *(f"javax/{name}/" for name in ("crypto", "net", "security", "sql")),
    "java/beans/PropertyChange",
    UNSAFE,
)
"""Packages and classes of Java that Android has: no windows, no remote calls, and of a JDK's tools none."""

NOT_ON_PHONES = ("java/lang/instrument/", "java/lang/management/")


def platform_jars(android: Path, folder: Path) -> tuple[Path, Path]:
    """Collect the jars of a phone's classes.

    Args:
        android: the jar with Android's classes.
        folder: for what is made; existing.

    Returns:
        Android's, and Java's.

    Raises:
        MissingToolError: the JDK lacks its table of Java's API, `lib/ct.sym`.
    """
    java = folder / "java-api.jar"
    with zipfile.ZipFile(android) as archive:
        held = set(archive.namelist())
    with zipfile.ZipFile(java_api_table()) as table, zipfile.ZipFile(java, "w") as archive:
        for name, entry in sorted(_java_entries(table).items()):
            if f"{name}.class" not in held:
                archive.writestr(f"{name}.class", table.read(entry))
    return android, java


@cache
def java_api_table() -> Path:
    """Return the table of Java's API, release by release, of the JDK whose `java` is on the PATH.

    Raises:
        MissingToolError: it has none: it is too new to know Java 8, or no whole JDK.
    """
    message = subprocess.run(
        ["java", "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=False
    ).stderr
    homes = [line.partition("=")[2].strip() for line in message.splitlines() if line.strip().startswith("java.home")]
    for home in homes:
        table = Path(home) / "lib" / "ct.sym"
        if table.is_file():
            return table
    raise MissingToolError(
        "The command apk needs a JDK whose lib/ct.sym knows Java 8: run "
        "apt-get install --no-install-recommends openjdk-17-jdk-headless."
    )


def _java_entries(table: zipfile.ZipFile) -> dict[str, str]:
    # RELEASES/MODULE/java/lang/String.sig: RELEASES has a character for each release in which the class is so.
    entries = {}
    for entry in table.namelist():
        releases, _, path = entry.partition("/")
        _, _, name = path.partition("/")
        name, _, kind = name.rpartition(".")
        release = JAVA_9 if name == UNSAFE else JAVA_API
        if release in releases and kind == "sig" and name.startswith(ON_PHONES) and not name.startswith(NOT_ON_PHONES):
            entries[name] = entry
    return entries
