"""The classes that a phone brings: Android's own, and of Java's those of Java 8, which Android 8.0 has."""

from __future__ import annotations

import subprocess
import zipfile
from functools import cache
from pathlib import Path

from ofa_export.apk.app_classes import JAVA_API
from ofa_export.apk.class_file import ClassFile, parse_class
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
"""What Android has of Java: no windows, no remote calls, and of a JDK's tools none."""

NOT_ON_PHONES = ("java/lang/instrument/", "java/lang/management/")


class PlatformClasses:
    """Class files by name; nothing is read before it is asked for. Use it as a context manager.

    Args:
        android: the jar with Android's classes.

    Raises:
        MissingToolError: the JDK lacks its table of Java's API, `lib/ct.sym`.
    """

    def __init__(self, android: Path) -> None:
        self._android, self._java = zipfile.ZipFile(android), zipfile.ZipFile(java_api_table())
        self._entries = {
            name.removesuffix(".class"): (self._android, name)
            for name in self._android.namelist()
            # What it has of Java are its own variants of a few classes.
            if name.endswith(".class") and not name.startswith("java/")
        } | _java_entries(self._java)
        self._parsed: dict[str, ClassFile] = {}

    def __enter__(self) -> PlatformClasses:
        return self

    def __exit__(self, *_: object) -> None:
        self._android.close()
        self._java.close()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> ClassFile:
        if name not in self._parsed:
            self._parsed[name] = parse_class(self.content(name))
        return self._parsed[name]

    def content(self, name: str) -> bytes:
        """Read the class file of a class."""
        archive, entry = self._entries[name]
        return archive.read(entry)

    def java_names(self) -> list[str]:
        """Java's own classes, sorted."""
        return sorted(name for name, (archive, _) in self._entries.items() if archive is self._java)


@cache
def java_api_table() -> Path:
    """Find the table of Java's API, release by release, of the JDK whose `java` is on the PATH.

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


def _java_entries(table: zipfile.ZipFile) -> dict[str, tuple[zipfile.ZipFile, str]]:
    # RELEASES/MODULE/java/lang/String.sig: RELEASES has a character for each release in which the class is so.
    entries = {}
    for entry in table.namelist():
        releases, _, path = entry.partition("/")
        _, _, name = path.partition("/")
        name, _, kind = name.rpartition(".")
        release = JAVA_9 if name == UNSAFE else JAVA_API
        if release in releases and kind == "sig" and name.startswith(ON_PHONES) and not name.startswith(NOT_ON_PHONES):
            entries[name] = (table, entry)
    return entries
