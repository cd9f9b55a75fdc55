"""An APK out of bundles: every step, and what came out of them."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa_export.apk.apk_archive import PAGE, TENSOR, WORD, ApkEntry, write_apk
from ofa_export.apk.app_bundle import AppBundle
from ofa_export.apk.app_code import app_code, build_packages, packages_tools
from ofa_export.apk.badging import Badging, read_badging
from ofa_export.apk.contents import Part, itemised
from ofa_export.apk.native_libraries import NativeLibrary, native_libraries
from ofa_export.apk.signing import Signature, sign, verify
from ofa_export.apk.signing_key import SigningKey
from ofa_export.apk.sources import AppSources
from ofa_export.errors import OfaExportError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.progress_callback import ProgressCallback
from ofa_export.support.system_tools import require_tools

TOOLS = ("java", "javac", "keytool", "aapt2", "apksigner")
STEPS = ("fetching packages", "linking resources", "compiling Kotlin", "shrinking", "packing", "signing", "checking")
"""The steps that are reported, in this order; code from the cache leaves out the first four."""

Buffer = bytes | memoryview

TABLE = "resources.arsc"
"""Android 11 and later map it: it must not be compressed."""


@dataclass(frozen=True, kw_only=True)
class MadeApk:
    """An APK that was made and read back.

    Args:
        path: the file.
        parts: where its bytes are; they sum to the file's.
        libraries: native ones in it.
        bundles: in it.
        badging: what it says of itself.
        signature: as apksigner found it.
        key: that signed it.
    """

    path: Path
    parts: tuple[Part, ...]
    libraries: tuple[NativeLibrary, ...]
    bundles: tuple[AppBundle, ...]
    badging: Badging
    signature: Signature
    key: SigningKey

    @property
    def bytes(self) -> int:
        """Of the file."""
        return sum(part.bytes for part in self.parts)


def check_tools(cache: ContentCache) -> None:
    """Refuse to start without a tool; all that are missing at once.

    Args:
        cache: that packages are kept in.

    Raises:
        MissingToolError: some are not installed.
    """
    require_tools("apk", *TOOLS, *packages_tools(cache.root))


def build_apk(
    bundles: Sequence[AppBundle],
    output: Path,
    *,
    runtimes: Sequence[str],
    abis: Sequence[str],
    key: SigningKey,
    sources: AppSources,
    cache: ContentCache,
    progress: ProgressCallback,
    force: bool = False,
) -> MadeApk:
    """Build, sign, check and write an APK.

    Args:
        bundles: that go in.
        output: the file; it appears when everything has been checked.
        runtimes: whose native libraries go in.
        abis: for which processors.
        key: that signs it.
        sources: of the app.
        cache: keeps packages, compiled code and libraries.
        progress: called before each step.
        force: whether a file that is there by then is replaced.

    Raises:
        ConfigError: the sources do not build, or the key cannot sign.
        MissingToolError: a tool is not installed, or a package could not be fetched.
        OutputError: the file could not be written.
        OfaExportError: what was made is not what it should be.
    """
    code = app_code(sources, cache=cache, progress=progress)
    progress("packing", 0, 0)
    libraries = native_libraries(
        runtimes, abis, packages=lambda artifacts: build_packages(cache.root, artifacts), cache=cache
    )
    with tempfile.TemporaryDirectory(prefix="ofa-export-apk-") as name:
        unsigned, signed = Path(name) / "unsigned.apk", Path(name) / "signed.apk"
        with unsigned.open("wb") as stream:
            write_apk(stream, _entries(code, bundles, libraries))
        progress("signing", 0, 0)
        sign(unsigned, signed, key)
        progress("checking", 0, 0)
        signature = verify(signed)
        bundle_copies: dict[str, Buffer] = {bundle.entry: bundle.content for bundle in bundles}
        _check_copies(signed, bundle_copies | {library.entry: library.content for library in libraries})
        made = MadeApk(
            path=output,
            parts=itemised(signed, {each.entry: f"{each.runtime} for {each.abi}" for each in libraries}),
            libraries=tuple(libraries),
            bundles=tuple(bundles),
            badging=read_badging(signed),
            signature=signature,
            key=key,
        )
        with atomic_write(output, replace=force) as file, signed.open("rb") as source:
            shutil.copyfileobj(source, file)
    return made


def _entries(
    code: Mapping[str, bytes], bundles: Sequence[AppBundle], libraries: Sequence[NativeLibrary]
) -> list[ApkEntry]:
    stored = {TABLE: WORD}
    return [
        *(ApkEntry(name=name, content=code[name], alignment=stored.get(name)) for name in sorted(code)),
        *(ApkEntry(name=bundle.entry, content=bundle.content, alignment=TENSOR) for bundle in bundles),
        *(ApkEntry(name=library.entry, content=library.content, alignment=PAGE) for library in libraries),
    ]


def _check_copies(apk: Path, expected: Mapping[str, Buffer]) -> None:
    with zipfile.ZipFile(apk) as archive:
        for name, content in expected.items():
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED or archive.read(name) != content:
                raise OfaExportError(f"The APK that was made does not hold {name} as it was given.")
