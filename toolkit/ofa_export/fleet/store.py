"""Store of a fleet: a folder at a path or URL, in which every entry of every bundle lies once, by digest.

    plan.json              the index of a fleet that is being made, or whose making was stopped
    fleet.json             the index of a fleet that is whole: it is written last, when all of it has been read back
    bundles/NAME.json      manifest of a bundle, written after its entries; its digest stands in the index
    entries/SHA256         an entry of one or more bundles

So a digest is known for every byte before it is there, and no kill leaves anything that passes for more than it is.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta

from ofa_export.bundle.archive import Buffer
from ofa_export.bundle.document import Entry
from ofa_export.bundle.manifest import Manifest
from ofa_export.errors import FleetError, OutputError, RejectedError, StoreError
from ofa_export.fleet.index import FleetBundle, FleetIndex
from ofa_export.fleet.url_folder import UrlFolder

INDEX, PLAN = "fleet.json", "plan.json"
ENTRIES, BUNDLES = "entries", "bundles"

LONGEST_RUN = timedelta(days=2)
"""A mark that is older was left by a run that was killed."""

_STAMP = "%Y%m%dT%H%M%SZ"
_MARK = re.compile(r"\.ofa-run-(\d{8}T\d{6}Z)-[0-9a-f]{16}")
_PART = re.compile(r"\.ofa-.*\.part")
_LOCK = f".{INDEX}.lock"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class FleetStore:
    """Reads and writes the parts of a fleet; any number of processes may write at once.

    Args:
        url: a folder, or an fsspec URL.

    Raises:
        ConfigError: no such kind of URL is known.
        MissingToolError: the package for this kind of URL is not installed.
        StoreError: connecting failed.
    """

    def __init__(self, url: str) -> None:
        self._folder = UrlFolder(url)
        # Digests of entries that this object has read and found right.
        self._right: set[str] = set()

    @property
    def url(self) -> str:
        """The same store for another process, whatever its current folder."""
        return self._folder.url

    @property
    def shown(self) -> str:
        """The URL as it may be shown."""
        return self._folder.shown

    def exists(self) -> bool:
        """Tell whether there is a fleet, whole or not."""
        return any(self._folder.size(name) is not None for name in (INDEX, PLAN))

    def check_lasts(self) -> None:
        """Refuse a store that ends with this process, or from which nothing that was written can be read back.

        Raises:
            OutputError: it does.
        """
        if self._folder.is_of_this_process:
            raise OutputError(
                f"'{self.shown}' keeps what it holds only as long as this command runs, and workers do not see it. "
                "Name a folder or a bucket."
            )
        if self._folder.is_read_from_copies:
            raise OutputError(
                f"'{self.shown}' is read from copies, which do not tell what has arrived. Leave out what stands before "
                "the last '::'; `collect` may have it."
            )

    def check_free(self, *, resume: bool, force: bool) -> None:
        """Refuse a place that does not answer or holds something else.

        Args:
            resume: whether to go on with the fleet that is there.
            force: whether to replace the fleet that is there.

        Raises:
            OutputError: something is there that may not be replaced.
            StoreError: the place does not answer, or refuses.
        """
        if self.exists():
            if not (resume or force):
                raise OutputError(
                    f"'{self.shown}' holds a fleet already; add --resume to go on with it, --force to replace it, or "
                    "choose another place."
                )
        elif not self.is_free():
            raise OutputError(
                f"'{self.shown}' holds other files. A fleet needs a folder of its own; choose another name."
            )

    def is_free(self) -> bool:
        """Tell whether there is nothing but what a command left that was killed while it planned."""
        left = (name == _LOCK or _MARK.fullmatch(name) or _PART.fullmatch(name) for name in self._folder.files())
        return all(left)

    @contextmanager
    def claimed(self) -> Iterator[str]:
        """Prepare for a fleet to be made here, and leave things as they were if none is.

        Yields:
            The mark that every worker must find; see `check_seen`.

        Raises:
            OutputError: another command of this computer makes a fleet here.
            StoreError: the store does not answer, or cannot be read, written or cleared.
        """
        mark = f".ofa-run-{datetime.now(UTC).strftime(_STAMP)}-{secrets.token_hex(8)}"
        with ExitStack() as stack:
            stack.enter_context(self._folder.leaving_no_empty_folders())
            stack.enter_context(self._folder.locked(INDEX))
            self._folder.write(mark, mark.encode())
            # Whoever may write need not have the right to remove, and needs it at the end.
            self._folder.remove(mark)
            self._folder.write(mark, mark.encode())
            stack.callback(self._forget, mark)
            yield mark

    def check_seen(self, mark: str) -> None:
        """Refuse to work for a command that writes elsewhere.

        Args:
            mark: that the command left; see `claimed`.

        Raises:
            StoreError: it is not here.
        """
        if self._folder.read(mark, small=True) != mark.encode():
            raise StoreError(
                f"A worker on {socket.gethostname()} does not see what this command writes to '{self.shown}'. Name a "
                "folder that all workers share, or a bucket."
            )

    def index(self) -> FleetIndex:
        """Return the index of a fleet that is whole.

        Raises:
            FleetError: there is none, or it is damaged.
        """
        text = self._folder.read(INDEX, small=True)
        if text is not None:
            return FleetIndex.from_bytes(text)
        if self._folder.read(PLAN, small=True) is not None:
            raise FleetError(
                f"'{self.shown}' holds a fleet that is not whole yet. Wait for the command that makes it, or run the "
                "same `fleet` command with --resume if it was stopped."
            )
        raise FleetError(f"'{self.shown}' holds no fleet: there is no {INDEX} in it.")

    def holds(self, index: FleetIndex) -> bool:
        """Tell whether this is the fleet that is here, whole or not.

        Raises:
            FleetError: what is here is damaged.
        """
        texts = (self._folder.read(name, small=True) for name in (PLAN, INDEX))
        return index in [FleetIndex.from_bytes(text) for text in texts if text is not None]

    def is_whole(self, index: FleetIndex) -> bool:
        """Tell whether this fleet was finished here, and nothing of it is missing."""
        done = self._folder.read(INDEX, small=True) == index.to_bytes() and self._folder.size(PLAN) is None
        return done and len(self.complete(index)) == len(index.bundles)

    def begin(self, index: FleetIndex, *, clear: bool) -> None:
        """Store the plan; from here on what is here is the unfinished fleet of this plan.

        Args:
            index: the plan.
            clear: whether to remove what is here of another fleet.
        """
        self._folder.write(PLAN, index.to_bytes())
        self._folder.remove(INDEX)
        if clear:
            self._sweep(keep=frozenset())

    def finish(self, index: FleetIndex) -> None:
        """Make a fleet whole, after everything of it has been read back.

        Args:
            index: the plan.

        Raises:
            StoreError: something is missing or damaged, or another command has begun another fleet here.
        """
        if not self.holds(index):
            raise StoreError(
                f"Another command has begun another fleet in '{self.shown}' meanwhile. Wait for it, or choose another "
                "place."
            )
        complete = self.complete(index)
        lost = [one.name for one in index.bundles if one.name not in complete]
        if lost:
            raise StoreError(
                f"{len(lost)} of {len(index.bundles)} bundles that workers have stored are not in '{self.shown}', or "
                f"damaged there: {', '.join(lost[:3])}{', …' if len(lost) > 3 else ''}. Something else changes this "
                "place, or not all workers share it; the same command with --resume makes them again."
            )
        entries = {entry.sha256 for manifest in complete.values() for entry in manifest.entries}
        self._sweep(keep=entries | {f"{name}.json" for name in complete})
        self._folder.write(INDEX, index.to_bytes())
        self._folder.remove(PLAN)

    def remove_damaged(self, index: FleetIndex) -> tuple[str, ...]:
        """Remove what has not the content that its name or the plan says, whatever its size.

        Args:
            index: the plan.

        Returns:
            Names of what was removed.
        """
        digests = {f"{BUNDLES}/{one.name}.json": one.manifest_sha256 for one in index.bundles}
        digests |= {f"{ENTRIES}/{name}": name for name in self._folder.files(ENTRIES) if _DIGEST.fullmatch(name)}
        damaged = []
        for name, digest in digests.items():
            content = self._folder.read(name)
            if content is None:
                continue
            if _sha256(content) == digest:
                self._right.add(digest)
            else:
                self._folder.remove(name)
                damaged.append(name)
        return tuple(damaged)

    def write_bundle(self, bundle: FleetBundle, manifest: bytes, entries: list[tuple[Entry, Buffer]]) -> None:
        """Store what is not there yet of a bundle.

        Args:
            bundle: its line of the index.
            manifest: its manifest.
            entries: everything else, in file order.

        Raises:
            StoreError: it is not the bundle that was planned.
        """
        if _sha256(manifest) != bundle.manifest_sha256:
            raise StoreError(
                f"A worker on {socket.gethostname()} has made another {bundle.name} than was planned. All workers need "
                "the same checkpoint and the same versions of ofa-export and its tools."
            )
        for entry, content in entries:
            # What was damaged when the command began is gone.
            if self._folder.size(f"{ENTRIES}/{entry.sha256}") != entry.bytes:
                self._folder.write(f"{ENTRIES}/{entry.sha256}", content)
        self._folder.write(f"{BUNDLES}/{bundle.name}.json", manifest)

    def complete(self, index: FleetIndex) -> dict[str, Manifest]:
        """Return the manifests of the bundles that are here whole, by name; every entry is read once.

        Args:
            index: the plan.
        """
        sizes = self._folder.files(ENTRIES)
        found = ((one.name, self._whole(one, sizes)) for one in index.bundles)
        return {name: manifest for name, manifest in found if manifest is not None}

    def manifest(self, bundle: FleetBundle) -> Manifest:
        """Return the manifest of a bundle.

        Args:
            bundle: its line of the index.

        Raises:
            BundleError: it is of another version.
            FleetError: it is missing or damaged.
        """
        name = f"{BUNDLES}/{bundle.name}.json"
        content = self._folder.read(name, small=True)
        if content is None:
            raise FleetError(
                f"'{self.shown}' lacks {name}. Run the same `fleet` command with --resume, which makes it."
            )
        if _sha256(content) != bundle.manifest_sha256:
            raise FleetError(f"{name} is damaged. Run the same `fleet` command with --resume, which makes it again.")
        return Manifest.from_bytes(content)

    def read_entry(self, entry: Entry) -> bytes:
        """Return an entry.

        Raises:
            FleetError: it is missing or damaged.
        """
        content = self._folder.read(f"{ENTRIES}/{entry.sha256}", at_most=entry.bytes)
        if content is None or len(content) != entry.bytes or _sha256(content) != entry.sha256:
            state = "missing" if content is None else "damaged"
            raise FleetError(
                f"entry {entry.sha256} ({entry.name}) is {state}. Run the same `fleet` command with --resume, which "
                "makes it again."
            )
        self._right.add(entry.sha256)
        return content

    def stored_bytes(self) -> int:
        """Return bytes of all entries and manifests."""
        return sum(size for part in (ENTRIES, BUNDLES) for size in self._folder.files(part).values())

    def _whole(self, bundle: FleetBundle, sizes: dict[str, int]) -> Manifest | None:
        try:
            manifest = self.manifest(bundle)
            for entry in manifest.entries:
                if sizes.get(entry.sha256) != entry.bytes:
                    return None
                if entry.sha256 not in self._right:
                    self.read_entry(entry)
        except RejectedError:
            return None
        return manifest

    def _sweep(self, *, keep: frozenset[str] | set[str]) -> None:
        """Remove what `fleet` has written and nobody needs; what was not written by it stays."""
        for folder in (BUNDLES, ENTRIES):
            for name in self._folder.files(folder):
                ours = name.endswith(".ofab.json") if folder == BUNDLES else _DIGEST.fullmatch(name)
                if (ours and name not in keep) or _PART.fullmatch(name):
                    self._folder.remove(f"{folder}/{name}")
            self._folder.remove_empty(folder)
        for name in self._folder.files():
            # Where a lock tells that no other command is at work, all marks are of dead ones.
            if _PART.fullmatch(name) or (_MARK.fullmatch(name) and (self._folder.is_local or _is_old(name))):
                self._folder.remove(name)

    def _forget(self, mark: str) -> None:
        # The error that ended the block says more than this one would.
        with suppress(StoreError):
            self._folder.remove(mark)


def _sha256(content: Buffer) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_old(mark: str) -> bool:
    stamp = _MARK.sub(r"\1", mark)
    try:
        return datetime.now(UTC) - datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC) > LONGEST_RUN
    except ValueError:
        return True
