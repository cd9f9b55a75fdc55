"""Store of a fleet: a folder at any fsspec URL, in which every entry of every bundle lies once, by digest.

    fleet.json             the plan
    bundles/NAME.json      manifest of a bundle that is complete: it is written after its entries
    entries/SHA256         an entry of one or more bundles

What is written appears under its name when it is complete, so a writer that dies leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
from fsspec.implementations.local import LocalFileSystem

from ofa_export.bundle.archive import Buffer
from ofa_export.bundle.document import Entry
from ofa_export.bundle.manifest import Manifest
from ofa_export.errors import ConfigError, FleetError, MissingToolError, OutputError
from ofa_export.fleet.index import FleetIndex

INDEX = "fleet.json"
ENTRIES, BUNDLES = "entries", "bundles"
PARTS = ".parts"


class FleetStore:
    """Reads and writes the parts of a fleet; any number of processes may write at once.

    Args:
        url: a folder, or an fsspec URL.

    Raises:
        ConfigError: no such kind of URL is known.
        MissingToolError: the package for this kind of URL is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise MissingToolError(f"'{url}' cannot be used: {error}.") from error
        except ValueError as error:
            raise ConfigError(f"'{url}' is neither a folder nor a URL that fsspec knows: {error}.") from error

    def exists(self) -> bool:
        """Tell whether there is a fleet."""
        with self._refusals():
            return bool(self._files.exists(self._path(INDEX)))

    def is_free(self) -> bool:
        """Tell whether there is nothing but what a writer left that was killed before the plan was stored."""
        with self._refusals():
            if not self._files.exists(self._root):
                return True
            if not self._files.isdir(self._root):
                return False
            names = {path.rstrip("/").rpartition("/")[2] for path in self._files.ls(self._root, detail=False)}
        return names <= {PARTS}

    def index(self) -> FleetIndex:
        """Return the plan.

        Raises:
            FleetError: there is none, or it is damaged.
        """
        if not self.exists():
            raise FleetError(f"'{self.url}' holds no fleet: there is no {INDEX} in it.")
        return FleetIndex.from_bytes(self._read(INDEX))

    def write_index(self, index: FleetIndex) -> None:
        """Store the plan."""
        self._write(INDEX, index.to_bytes())

    def write_bundle(self, name: str, manifest: bytes, entries: list[tuple[Entry, Buffer]]) -> None:
        """Store what is not there yet of a bundle.

        Args:
            name: of the bundle.
            manifest: its manifest.
            entries: everything else, in file order.
        """
        for entry, content in entries:
            if not self._holds(entry):
                self._write(f"{ENTRIES}/{entry.sha256}", content)
        self._write(f"{BUNDLES}/{name}.json", manifest)

    def complete(self, name: str) -> bool:
        """Tell whether a bundle is stored whole: every entry is there with its size (`read_bundle` checks digests)."""
        with self._refusals():
            written = self._files.exists(self._path(f"{BUNDLES}/{name}.json"))
        return written and all(self._holds(entry) for entry in self.manifest(name).entries)

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a bundle.

        Raises:
            BundleError: it is damaged.
            FleetError: it is not there.
        """
        return Manifest.from_bytes(self._read(f"{BUNDLES}/{name}.json"))

    def read_entry(self, entry: Entry) -> bytes:
        """Return an entry.

        Raises:
            FleetError: it is missing or damaged.
        """
        content = self._read(f"{ENTRIES}/{entry.sha256}")
        if len(content) != entry.bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
            raise FleetError(
                f"entry {entry.sha256} ({entry.name}) is damaged. Delete it, and run the same `fleet` command with "
                "--resume, which makes it again."
            )
        return content

    def stored_bytes(self) -> int:
        """Return bytes of all entries and manifests."""
        with self._refusals():
            return int(sum(self._files.du(self._path(part)) for part in (ENTRIES, BUNDLES)))

    def clear(self) -> None:
        """Remove a fleet, and nothing else: what was not written by this class stays."""
        with self._refusals():
            # The plan last: until then this is a fleet that lacks bundles, to be gone on with or replaced.
            for part in (BUNDLES, ENTRIES, PARTS, INDEX):
                if self._files.exists(self._path(part)):
                    self._files.rm(self._path(part), recursive=part != INDEX)

    def clear_parts(self) -> None:
        """Remove what writers left behind that were killed."""
        with self._refusals():
            if self._files.exists(self._path(PARTS)):
                self._files.rm(self._path(PARTS), recursive=True)

    def _holds(self, entry: Entry) -> bool:
        path = self._path(f"{ENTRIES}/{entry.sha256}")
        with self._refusals():
            return bool(self._files.exists(path) and self._files.size(path) == entry.bytes)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _read(self, name: str) -> bytes:
        try:
            return bytes(self._files.cat_file(self._path(name)))
        except FileNotFoundError as error:
            raise FleetError(
                f"'{self.url}' lacks {name}. Run the same `fleet` command with --resume, which makes it."
            ) from error
        except OSError as error:
            raise FleetError(f"{name} in '{self.url}' cannot be read: {error}.") from error

    def _write(self, name: str, content: Buffer) -> None:
        path = self._path(name)
        with self._refusals():
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            if not isinstance(self._files, LocalFileSystem):
                # An object store shows an object when it is complete.
                self._files.pipe_file(path, bytes(content))
                return
            part = self._path(f"{PARTS}/{secrets.token_hex(8)}")
            self._files.makedirs(self._path(PARTS), exist_ok=True)
            self._files.pipe_file(part, bytes(content))
            self._files.mv(part, path)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"The output '{self.url}' cannot be used: {error.strerror or error}. What is complete stays; "
                "choose another place, or run the same command with --resume."
            ) from error
