"""Cache of what is slow to make, by the digest of everything that decides its bytes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

from ofa_export.errors import OutputError
from ofa_export.support.output import atomic_write

ENVIRONMENT_VARIABLE = "OFA_EXPORT_CACHE"
MAGIC = b"ofa-export cache 1\n"
HEADER_SIZE = len(MAGIC) + hashlib.sha256().digest_size

logger = logging.getLogger(__name__)

PIECE = 2**20
"""Bytes that are read at once; a table can be larger than the memory that there is."""

CHECKPOINT_FILES = ("config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors")


def default_cache_root() -> Path:
    """Return the folder named by OFA_EXPORT_CACHE, else the user's cache folder."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ofa-export")


class ContentCache:
    """A folder of made things; any number of processes may use it, and any of them may be killed.

    An entry is a file: a magic line, the SHA-256 of the content, the content. It appears by a rename, so it is whole
    or absent; should the disk damage it, its digest tells, and it is made again.

    Args:
        root: the folder, created when needed; None is `default_cache_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_cache_root()

    def get_or_make(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the content of an entry, made if it is not there; without a usable folder it is made each time.

        Args:
            name: file name of the entry, with the digest of everything that decides its content.
            make: makes the content.

        Returns:
            What `make` returns. Its exceptions pass through.
        """
        entry = self.root / name
        content = self._read(entry)
        if content is not None:
            return content
        with self._locked(entry) as usable:
            # Another process may have made the same thing while this one waited.
            content = self._read(entry)
            if content is None:
                content = make()
                if usable:
                    self._write(entry, content)
            return content

    def _read(self, entry: Path) -> bytes | None:
        try:
            with entry.open("rb") as file:
                header, content = file.read(HEADER_SIZE), file.read()
        except OSError:
            return None
        if header == _header(content):
            return content
        logger.warning("The cached file %s is damaged; it is made again.", entry)
        return None

    def _write(self, entry: Path, content: bytes) -> None:
        try:
            with atomic_write(entry) as file:
                file.write(_header(content))
                file.write(content)
        except OutputError as error:
            logger.warning("The result is not cached: %s", error)

    @contextmanager
    def _locked(self, entry: Path) -> Iterator[bool]:
        lock = FileLock(entry.with_suffix(".lock"))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            logger.warning("The cache %s cannot be used (%s); working without it.", self.root, error)
        try:
            yield lock.is_locked
        finally:
            lock.release()


def _header(content: bytes) -> bytes:
    return MAGIC + hashlib.sha256(content).digest()


@cache
def source_digest() -> bytes:
    """32 bytes that differ when any file of the package does."""
    digest = hashlib.sha256()
    package = Path(__file__).parents[1]
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\n" + file.read_bytes())
    return digest.digest()


def source_key(checkpoint: Path, described: dict[str, Any]) -> str | None:
    """Digest of everything that decides what is made; None when the checkpoint cannot be read, which loading explains.

    Args:
        checkpoint: its folder.
        described: whatever else decides it, as plain values.
    """
    digest = hashlib.sha256(source_digest())
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name in CHECKPOINT_FILES:
        try:
            with (checkpoint / name).open("rb") as file:
                digest.update(f"{name} {os.fstat(file.fileno()).st_size}\n".encode())
                while piece := file.read(PIECE):
                    digest.update(piece)
        except OSError:
            return None
    return digest.hexdigest()
