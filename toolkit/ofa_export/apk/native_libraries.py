"""The runtimes' native libraries, as their packages have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa_export.apk.packed_files import packed, unpacked_files
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.support.content_cache import ContentCache
from ofa_export.targets.android.artifacts import Artifact
from ofa_export.targets.android.libraries import PHONE_LIBRARIES, PhoneLibrary, unpacked

Packages = Callable[[tuple[Artifact, ...]], dict[Artifact, Path]]
"""Fetches packages."""


@dataclass(frozen=True, kw_only=True)
class NativeLibrary:
    """A shared library in the app.

    Args:
        name: of its file.
        abi: the processors it is for, as Android names them.
        runtime: that it belongs to.
        content: all of it.
    """

    name: str
    abi: str
    runtime: str
    content: bytes

    @property
    def entry(self) -> str:
        """Path inside the APK, where Android looks for it."""
        return f"lib/{self.abi}/{self.name}"


def check_abis(abis: Sequence[str], runtimes: Sequence[str]) -> None:
    """Refuse what the runtimes have no library for.

    Args:
        abis: as Android names them.
        runtimes: that go in.

    Raises:
        UnknownNameError: Android has no such ABI.
        ConfigError: a runtime lacks one, or none is asked for.
    """
    known = {abi for library in PHONE_LIBRARIES.values() for abi in library.abis}
    if not abis:
        raise ConfigError(f"--abi is empty; name some of {', '.join(sorted(known))}.")
    for abi in abis:
        if abi not in known:
            raise UnknownNameError("ABI", abi, known)
        for runtime in runtimes:
            if abi not in PHONE_LIBRARIES[runtime].abis:
                raise ConfigError(
                    f"There is no library of {runtime} for {abi}, only for {', '.join(PHONE_LIBRARIES[runtime].abis)}: "
                    f"leave {abi} out of --abi, or the bundles for {runtime} out of the app."
                )


def native_libraries(
    runtimes: Sequence[str], abis: Sequence[str], *, packages: Packages, cache: ContentCache
) -> list[NativeLibrary]:
    """Return the libraries that go in, by their place in the APK.

    Args:
        runtimes: whose.
        abis: for which processors.
        packages: fetches what they are in, if it has to be opened.
        cache: keeps what was taken out.

    Raises:
        MissingToolError: a package could not be fetched.
    """
    found = []
    for runtime in runtimes:
        library = PHONE_LIBRARIES[runtime]
        for abi in abis:
            files = _files(library, abi, packages, cache)
            found += [NativeLibrary(name=name, abi=abi, runtime=runtime, content=files[name]) for name in files]
    return sorted(found, key=lambda each: each.entry)


def _files(library: PhoneLibrary, abi: str, packages: Packages, cache: ContentCache) -> dict[str, bytes]:
    # Taking a library out of its package takes seconds: everything before it has to be unpacked.
    inputs = [library.program, abi, *(artifact.sha256 for artifact in library.artifacts)]
    return unpacked_files(cache.get("libraries", inputs, lambda: packed(_taken_out(library, abi, packages))))


def _taken_out(library: PhoneLibrary, abi: str, packages: Packages) -> dict[str, bytes]:
    return {
        name: file
        for artifact, path in packages(library.artifacts).items()
        for name, file in unpacked(artifact, path.read_bytes(), abi=abi).items()
        if name.endswith(".so")
    }
