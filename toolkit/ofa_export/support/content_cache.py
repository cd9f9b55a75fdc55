"""Cache of what is slow to make, by the digest of everything that decides its bytes: inputs and source files.

The source files are those of the module that makes an entry, and of whatever it imports from this package, directly or
not, at the top of a file or inside a function. A comma in a help text of the command line, which nobody imports, leaves
every entry in use; a change of the arithmetic makes new ones.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import platformdirs
from filelock import FileLock

from ofa_export import __version__
from ofa_export.errors import OutputError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.input import open_regular

ENVIRONMENT_VARIABLE = "OFA_EXPORT_CACHE"
MAGIC = b"ofa-export cache 2\n"
HEADER_SIZE = len(MAGIC) + hashlib.sha256().digest_size

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).parents[1]

_MENTION = re.compile(rf"\b{PACKAGE.name}((?:\.\w+)*)(?:[ \t]+import[ \t]+(\([^)]*\)|.*))?")
"""A module of this package, imported or named (to run it in a process of its own), with what is imported from it.

To read as much with `ast` takes thirty times as long.
"""


def default_cache_root() -> Path:
    """Return the folder named by OFA_EXPORT_CACHE, else the user's cache folder."""
    given = os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("ofa-export")


class ContentCache:
    """A folder of made things; any number of processes may use it, and any of them may be killed.

    An entry is a file: a magic line, the SHA-256 of all that follows, a line of JSON that says what was asked for, the
    content. It appears by a rename, so it is whole or absent. One that the disk damaged, that lies under the name of
    another, or that is not what was asked for is dropped, with one line that says so, and made again.

    Args:
        root: the folder, created when needed; None is `default_cache_root()`.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_cache_root()

    def get(
        self,
        kind: str,
        inputs: Iterable[object] | None,
        make: Callable[[], bytes],
        *,
        made_with: Iterable[object] = (),
        fits: Callable[[bytes], bool] = lambda content: True,
    ) -> bytes:
        """Return the content of an entry, made if it is not there; without a usable folder it is made each time.

        Args:
            kind: says what the content is, such as `graphs`; entries end with it.
            inputs: everything that decides the content besides source files: bytes, or what JSON can write. None when
                that cannot be told: the content is made each time, and not kept.
            make: makes the content. The module it is defined in, with what that imports, is part of the key.
            made_with: functions, and objects of classes, that only the run decides on (a converter, say): the modules
                that they are defined in are part of the key, too.
            fits: tells whether the content of an entry is what was asked for, as far as the content itself says it.

        Returns:
            What `make` returns. Its exceptions pass through.
        """
        if inputs is None:
            return make()
        modules = {make.__module__, *(each.__module__ for each in made_with)}
        parts = [kind, __version__, source_digest(modules), *inputs]
        entry, asked = self.root / f"{digest_of(parts)}.{kind}", _described(parts)
        content = self._read(entry, asked, fits)
        if content is not None:
            return content
        with self._locked(entry) as usable:
            # Another process may have made the same thing while this one waited.
            content = self._read(entry, asked, fits)
            if content is None:
                content = make()
                if usable:
                    self._write(entry, asked, content)
            return content

    def _read(self, entry: Path, asked: bytes, fits: Callable[[bytes], bool]) -> bytes | None:
        try:
            with open_regular(entry) as file:
                header, found, content = file.read(HEADER_SIZE), file.read(len(asked)), file.read()
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ELOOP):
                return None
            # A pipe, a device or a link to itself, in whose place nothing could be written.
            header = found = content = b""
        except MemoryError:
            header = found = content = b""
        if header != _header(found, content):
            problem = "is damaged"
        elif found != asked or not fits(content):
            problem = "holds something else than was asked for"
        else:
            return content
        logger.warning("The cached file %s %s; it is dropped and made again.", entry, problem)
        with suppress(OSError):
            entry.unlink()
        return None

    def _write(self, entry: Path, asked: bytes, content: bytes) -> None:
        try:
            with atomic_write(entry) as file:
                for part in (_header(asked, content), asked, content):
                    file.write(part)
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


def _header(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return MAGIC + digest.digest()


def _described(parts: Iterable[object]) -> bytes:
    """Return what decides an entry as one line; bytes by their digest."""
    plain = [{"sha256": hashlib.sha256(part).hexdigest()} if isinstance(part, bytes) else part for part in parts]
    return json.dumps(plain, sort_keys=True).encode() + b"\n"


def digest_of(parts: Iterable[object]) -> str:
    """Return SHA-256 over some parts, as 64 hexadecimal digits.

    Args:
        parts: bytes, or what JSON can write.
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else json.dumps(part, sort_keys=True).encode()
        # Each part with its length, so that no two lists of parts read the same.
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def source_digest(modules: Iterable[str]) -> str:
    """Return the digest of the source files that some modules are made of, with those they import from this package.

    Args:
        modules: names. Of a module of another package that is loaded, all files in its folder count.

    Returns:
        64 hexadecimal digits.
    """
    files: set[Path] = set()
    for start in filter(None, map(_module_file, modules)):
        files |= _source_files(start)
    return digest_of([os.fsencode(part) for file in sorted(files) for part in (file.name, _content(file))])


def _module_file(name: str) -> Path | None:
    package, *parts = name.split(".")
    if package == PACKAGE.name and parts:
        return _file(parts)
    loaded = getattr(sys.modules.get(name), "__file__", None)
    return Path(loaded) if loaded else None


@cache
def _source_files(start: Path) -> frozenset[Path]:
    """Return the file of a module and of all that it imports from this package, directly or not."""
    left, found = [start], set() if start.is_relative_to(PACKAGE) else set(start.parent.glob("*.py")) - {start}
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += _mentioned_files(file)
    return frozenset(found)


def _mentioned_files(file: Path) -> list[Path]:
    """Return the files of this package that a source file imports or names.

    The package itself is left out: all that anybody has of it is the version, and it imports every room.
    """
    found: list[Path] = []
    for module, names in _MENTION.findall(_content(file).decode()):
        parts = module.split(".")[1:]
        # Packages around a module run with it, and what is imported from a module may be a module.
        wanted = [parts[:end] for end in range(1, len(parts) + 1)] + [
            [*parts, name] for name in re.findall(r"\w+", names)
        ]
        found += filter(None, map(_file, wanted))
    return found


def _file(parts: Sequence[str]) -> Path | None:
    path = PACKAGE.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


@cache
def _content(file: Path) -> bytes:
    return file.read_bytes()
