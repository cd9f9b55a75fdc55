"""Keeps converted graphs by content, because a conversion takes half a minute and its inputs rarely change."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock

from ofa_export.backends.conversion_key import conversion_key
from ofa_export.backends.protocol import Backend
from ofa_export.errors import OutputError
from ofa_export.output import atomic_write

if TYPE_CHECKING:
    from ofa_export.graphs.device import DeviceGraph

ENVIRONMENT_VARIABLE = "OFA_EXPORT_CACHE"
MAGIC = b"ofa-export graphs 1\n"
HEADER_SIZE = len(MAGIC) + hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


def default_cache_root() -> Path:
    """The folder named by OFA_EXPORT_CACHE, else the user's cache folder."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ofa-export")


class ConversionCache:
    """A folder of converted graphs; any number of processes may use it, and any of them may be killed.

    An entry is `KEY.graphs`: a magic line, the SHA-256 of the content, the content. It appears by a rename, so it is
    whole or absent; should the disk damage it, its digest tells, and it is made again.

    Args:
        root: the folder, created when needed; None is `default_cache_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_cache_root()

    def get_or_convert(self, graphs: Sequence[DeviceGraph], *, backend: Backend, precision: str) -> bytes:
        """The converted graphs, from the cache if they are there; without a usable folder they are converted each time.

        Args:
            graphs: the graphs to convert, in order.
            backend: the backend that converts them.
            precision: one of its precisions.

        Returns:
            What `backend.convert` returns.

        Raises:
            UnknownNameError: the backend does not know the precision.
            LoweringError: the converter refused a graph.
        """
        entry = self.root / f"{conversion_key(graphs, backend=backend, precision=precision)}.graphs"
        content = self._read(entry)
        if content is not None:
            return content
        with self._locked(entry) as usable:
            # Another process may have converted the same graphs while this one waited.
            content = self._read(entry)
            if content is None:
                content = backend.convert(graphs, precision=precision)
                if usable:
                    self._write(entry, content)
            return content

    def _read(self, entry: Path) -> bytes | None:
        try:
            stored = entry.read_bytes()
        except OSError:
            return None
        content = stored[HEADER_SIZE:]
        if stored[:HEADER_SIZE] == _header(content):
            return content
        logger.warning("The cached conversion %s is damaged; it is made again.", entry)
        return None

    def _write(self, entry: Path, content: bytes) -> None:
        try:
            with atomic_write(entry) as file:
                file.write(_header(content))
                file.write(content)
        except (OutputError, OSError) as error:
            logger.warning("The conversion is not cached: %s", error)

    @contextmanager
    def _locked(self, entry: Path) -> Iterator[bool]:
        lock = FileLock(entry.with_suffix(".lock"))
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except OSError as error:
            logger.warning("The cache %s cannot be used (%s); converting without it.", self.root, error)
        try:
            yield lock.is_locked
        finally:
            lock.release()


def _header(content: bytes) -> bytes:
    return MAGIC + hashlib.sha256(content).digest()
