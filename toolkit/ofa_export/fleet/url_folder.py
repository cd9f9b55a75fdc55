"""A folder at a path or a URL of fsspec, whose files are read, written, listed and removed.

The packages behind URLs raise exceptions of their own; here each becomes a sentence that says what to do. A bucket is
never made: a mistyped name would be a new one.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.cached import CachingFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from ofa_export.bundle.archive import MAX_BYTES, Buffer
from ofa_export.errors import ConfigError, MissingToolError, OfaExportError, StoreError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.input import open_regular
from ofa_export.support.output import output_lock

ANSWER_S = 60.0
"""Seconds that a store may take for a small answer, where its package can be told so (S3, HTTP, Google, Azure)."""

MAX_SMALL = 2**26
"""Bytes of a small local file that are read; an index of the most bundles that there may be has 40 million."""

MAX_REASON = 300
"""Characters that are quoted of what another package says."""

PACKAGES = {"smbclient": "smbprotocol", "libarchive": "libarchive-c"}
"""Distributions that are not called as the module that fsspec misses."""

_PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+@")
_QUERY = re.compile(r"(?<=://)([^?\s]*)\?[^\s']+")


class UrlFolder:
    """A folder, local or remote; it need not be there.

    Args:
        url: a path, or a URL of fsspec.

    Raises:
        ConfigError: it is neither.
        MissingToolError: the package for this kind of URL is not installed.
        StoreError: connecting failed.
    """

    def __init__(self, url: str) -> None:
        self.shown = without_password(url)
        with self._refusals("used"):
            self._files, self._root = _opened(url)
        self.is_local = isinstance(self._files, LocalFileSystem)
        # Workers may have another current folder.
        self.url = self._root if self.is_local else url
        # Only packages that work asynchronously know the option.
        self._soon = {"timeout": ANSWER_S} if getattr(self._files, "async_impl", False) else {}

    @property
    def is_of_this_process(self) -> bool:
        """Whether the content ends with this process."""
        return any(isinstance(layer, MemoryFileSystem) for layer in self._layers())

    @property
    def is_read_from_copies(self) -> bool:
        """Whether a copy of what was read before stands for what is there."""
        return any(isinstance(layer, CachingFileSystem) for layer in self._layers())

    def _layers(self) -> Iterator[Any]:
        """Yield what stands behind the URL, outermost first, such as the two of `simplecache::memory://`."""
        files = self._files
        while files is not None:
            yield files
            files = getattr(files, "fs", None)

    def read(self, name: str, *, small: bool = False, at_most: int = MAX_BYTES) -> bytes | None:
        """Return the content of a file, or None where there is none.

        Args:
            name: relative to the folder.
            small: whether it should be there within `ANSWER_S`, and has no more than `MAX_SMALL` bytes.
            at_most: bytes that it should have; of a local file that has more, one more is read.

        Raises:
            StoreError: the store does not answer, or refuses.
        """
        with self._refusals("read"):
            try:
                if self.is_local:
                    with open_regular(self._path(name)) as file:
                        return file.read(1 + min(at_most, MAX_SMALL if small else MAX_BYTES))
                return bytes(self._files.cat_file(self._path(name), **(self._soon if small else {})))
            except FileNotFoundError as error:
                if "NoSuchBucket" in _kinds(error):
                    raise
                return None

    def write(self, name: str, content: Buffer) -> None:
        """Write a file, which replaces one of this name; it appears there when it is complete, if the store can.

        Raises:
            OutputError: a local folder refuses.
            StoreError: the store does not answer, or refuses.
        """
        path = self._path(name)
        with self._refusals("written"):
            if self.is_local:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(Path(path)) as file:
                    file.write(content)
                return
            # Such a path begins at the root of a tree; any other begins with a bucket, whose folders are only names.
            if path.startswith("/"):
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, bytes(content), **(self._soon if len(content) < 2**16 else {}))

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, or None where there is none.

        Raises:
            StoreError: the store does not answer, or refuses.
        """
        with self._refusals("read"):
            # Others write here, too.
            self._files.invalidate_cache()
            try:
                return int(self._files.info(self._path(name), **self._soon)["size"] or 0)
            except FileNotFoundError:
                return None

    def files(self, folder: str = "") -> dict[str, int]:
        """Return names and bytes of what lies directly in a folder; folders have 0 bytes, and names that end with /.

        Raises:
            StoreError: the store does not answer, or refuses.
        """
        with self._refusals("read"):
            self._files.invalidate_cache()
            path = self._path(folder).rstrip("/")
            try:
                found = self._files.ls(path, detail=True)
            except FileNotFoundError:
                return {}
        listed = {}
        for one in found:
            name, is_folder = one["name"].rstrip("/"), one["type"] == "directory"
            # Some stores list a folder as something in itself, S3 as an object whose name ends with a slash.
            if name.strip("/") != path.strip("/") or not (is_folder or one["name"].endswith("/")):
                listed[name.rpartition("/")[2] + "/" * is_folder] = 0 if is_folder else int(one["size"] or 0)
        return listed

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            StoreError: the store does not answer, or refuses.
        """
        with self._refusals("written"), suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def remove_empty(self, folder: str) -> None:
        """Remove a local folder in which nothing is left; elsewhere folders are only names."""
        if self.is_local:
            with suppress(OSError):
                Path(self._path(folder)).rmdir()

    @contextmanager
    def leaving_no_empty_folders(self) -> Iterator[None]:
        """Remove local folders that did not exist before the block, and hold nothing when it ends."""
        folders = [Path(self._root), *Path(self._root).parents] if self.is_local else []
        made = [folder for folder in folders if not folder.exists()]
        try:
            yield
        finally:
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep other commands from making a local file; elsewhere nothing is locked, as a killed command would bar all.

        Raises:
            OutputError: another command is making it.
        """
        with output_lock(Path(self._path(name))) if self.is_local else nullcontext():
            yield

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    @contextmanager
    def _refusals(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OfaExportError:
            raise
        # Any package may stand behind a URL, and exceptions of packages have no base in common.
        except Exception as error:
            bucket = getattr(self, "_root", "").partition("/")[0]
            reason, way_out = _reason(error, shown=self.shown), _way_out(error, bucket=bucket)
            raise StoreError(f"'{self.shown}' cannot be {verb}: {reason}. {way_out}") from error


def without_password(text: str) -> str:
    """Return a URL, or a text with URLs in it, as it may be shown: without passwords and signatures."""
    return _QUERY.sub(r"\1?***", _PASSWORD.sub(r"\1:***@", text))


def _opened(url: str) -> tuple[Any, str]:
    if not url:
        raise ConfigError("The name of the fleet's folder is empty: give a folder, or a URL such as s3://BUCKET/NAME.")
    if "://" not in url:
        # fsspec would take more than one colon for a chain of file systems.
        scheme, colon, rest = url.partition(":")
        if colon and rest.startswith("/") and scheme in fsspec.available_protocols():
            raise ConfigError(f"'{url}' is neither a folder nor a URL: a URL has two slashes, {scheme}:/{rest}")
        return LocalFileSystem(), str(Path(url).expanduser().absolute())
    try:
        files, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise _missing(url, error) from error
    except ValueError as error:
        if "Protocol not known" not in str(error):
            raise
        raise ConfigError(
            f"'{without_password(url)}' is neither a folder nor a URL that fsspec knows: {error}. Folders are named "
            "without ://, buckets as in s3://BUCKET/NAME."
        ) from error
    if not root.strip("/"):
        raise ConfigError(f"'{without_password(url)}' names no folder: write more than what kind of URL it is.")
    return files, root


def _missing(url: str, error: ImportError) -> MissingToolError:
    missing = error if isinstance(error, ModuleNotFoundError) else error.__cause__
    if isinstance(missing, ModuleNotFoundError) and missing.name:
        module = missing.name.partition(".")[0]
        package = PACKAGES.get(module, module)
        return MissingToolError(
            f"'{without_password(url)}' needs the package {package}, which is not installed. Run: pip install {package}"
        )
    return MissingToolError(
        f"The package for '{without_password(url)}' cannot be imported: {missing or error}. Install it again with pip."
    )


def _reason(error: BaseException, *, shown: str) -> str:
    text = error.strerror if isinstance(error, OSError) and error.errno and error.strerror else str(error)
    line = " ".join(without_password(text or type(error).__name__).split())
    return (line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]}…").rstrip(".")


def _way_out(error: BaseException, *, bucket: str) -> str:
    kinds = _kinds(error)
    number = getattr(error, "errno", None)
    if kinds & {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError"}:
        return (
            "Give credentials as the package for this kind of URL takes them: for s3:// the variables "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        )
    if "FileNotFoundError" in kinds:
        return f"There must be a bucket '{bucket}', which ofa-export does not make: create it, or correct the URL."
    if "PermissionError" in kinds or getattr(error, "status", None) in (401, 403):
        return "Check the credentials, and that they may list, read, write and delete there."
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "Free some space; the same command with --resume goes on from what is complete."
    if kinds & {"TimeoutError", "ConnectionError", "gaierror", "EndpointConnectionError", "ClientConnectionError"}:
        return (
            "Nobody answers: check the URL, the network, and the endpoint where the store is not the public one (for "
            "s3:// the variable AWS_ENDPOINT_URL)."
        )
    if "NotImplementedError" in kinds:
        return "This kind of URL can only be read: name a folder or a bucket."
    return "Check the URL, or choose another folder or bucket."


def _kinds(error: BaseException) -> set[str]:
    """Names of the classes of an exception and of those that it came from: no package need be imported to know them."""
    names: set[str] = set()
    seen: BaseException | None = error
    while seen is not None:
        names |= {kind.__name__ for kind in type(seen).__mro__}
        seen = seen.__cause__ or seen.__context__
    return names
