"""Errors that a user can meet, with the exit codes that they end the command with.

Their texts may quote anything: what an error is made of is shown as `foreign_text` shows it.

Each is a kind of the one it hangs from:

    OfaExportError                 1  a defect of ours when nothing more specific fits
    ├── ConfigError                2  wrong usage, recipe or option
    │   ├── UnknownNameError       2  a name that is not registered; suggests the nearest, never uses it
    │   ├── InteractionsError      2  an interactions file that cannot be trained on
    │   ├── HistoryError           2  a shopper's history that cannot be ranked for
    │   ├── OutputError            2  the output cannot be written: exists, not writable, disk full
    │   ├── StoreError             2  the folder or URL of a fleet does not answer, refuses, or is not shared
    │   ├── WorkerError            2  workers die, most often of too little memory
    │   └── AppBuildError          2  the demo app's sources do not build
    ├── BudgetError                3  the byte budget cannot be met
    ├── LimitsError                3  the limits on memory and time cannot be met
    ├── NumericsError              4  numbers out of tolerance
    ├── RuntimeFailedError         4  a runtime in a process of its own refused, crashed or did not answer
    ├── RejectedError              5  a file of ours that must not be used
    │   ├── CheckpointError        5  the checkpoint is corrupt, foreign, or of another version
    │   ├── BundleError            5  the bundle is corrupt, foreign, or of another version
    │   ├── DeltaError             5  the delta is corrupt, foreign, of another version, or made for another bundle
    │   ├── SessionPackError       5  the pack is corrupt, foreign, of another version, or made for another model
    │   └── FleetError             5  the fleet is corrupt, foreign, or of another version
    ├── RefusedBundlesError        3  bundles of a fleet that cannot be made; another code where it is not the budget
    ├── MissingToolError           6  an optional tool or dependency is not installed
    └── LoweringError              1  a converter refused a graph
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar

from ofa_export.foreign_text import shown

MAX_LINES = 40
"""Lines below the first one of an error's text."""

LONGEST_NAME = 200
"""Characters of a name that are compared with others: no name of ours is longer, and comparing takes its time."""


class OfaExportError(Exception):
    """Base of all errors of this package; its text is one or more sentences that say what to do.

    Args:
        text: the first line. Whatever it quotes, it stays one line and harmless.
        lines: what follows below it, indented: a list of mistakes or of ways out, the words of another program.
    """

    exit_code: int = 1

    def __init__(self, text: str, *lines: str) -> None:
        more = [f"and {len(lines) - MAX_LINES:,} more lines"] if len(lines) > MAX_LINES else []
        super().__init__(*map(shown, (text, *lines[:MAX_LINES], *more)))

    def __str__(self) -> str:
        return "\n  ".join(self.args)


class ConfigError(OfaExportError):
    """Wrong usage: an option, a recipe field, a value out of range."""

    exit_code = 2


class UnknownNameError(ConfigError):
    """A name that is not registered.

    Args:
        kind: what is named, for example "converter".
        given: the name as the user wrote it.
        choices: every valid name.
    """

    def __init__(self, kind: str, given: str, choices: Iterable[str]) -> None:
        self.kind, self.given, self.choices = kind, given, tuple(sorted(choices))
        near = difflib.get_close_matches(given[:LONGEST_NAME], self.choices, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        super().__init__(f"There is no {kind} '{given}'.{hint} Valid: {', '.join(self.choices)}.")


class InteractionsError(ConfigError):
    """An interactions file that cannot be trained on."""


class HistoryError(ConfigError):
    """A shopper's history that cannot be ranked for."""


class OutputError(ConfigError):
    """The output cannot be written under its name; nothing was changed."""


class StoreError(ConfigError):
    """The folder or URL of a fleet does not answer, refuses, or is not shared by all workers."""


class WorkerError(ConfigError):
    """Workers go on dying: this computer has too little of something for so many."""


class AppBuildError(ConfigError):
    """The sources of the demo app do not build: an edit of them, or a tool of another version than the tested one."""


class BudgetError(OfaExportError):
    """The byte budget cannot be met.

    Args:
        needed: bytes of the smallest bundle that works.
        available: bytes of the budget.
        ways_out: sentences, most useful first, each of which would make the command succeed.
    """

    exit_code = 3

    def __init__(self, *, needed: int, available: int, ways_out: Sequence[str]) -> None:
        self.needed, self.available, self.ways_out = needed, available, tuple(ways_out)
        problem = (
            f"The budget cannot be met: needed {needed:,} bytes, available {available:,} bytes, "
            f"shortfall {self.shortfall:,} bytes."
        )
        super().__init__(problem, *_numbered(self.ways_out))

    @property
    def shortfall(self) -> int:
        """Bytes that are missing."""
        return self.needed - self.available


class LimitsError(OfaExportError):
    """No bundle within the byte budget meets the limits on memory and time.

    Args:
        problem: what cannot be met, as a sentence.
        ways_out: sentences, most useful first, each of which would make the command succeed.
    """

    exit_code = 3

    def __init__(self, problem: str, *, ways_out: Sequence[str]) -> None:
        self.ways_out = tuple(ways_out)
        super().__init__(problem, *_numbered(self.ways_out))


class NumericsError(OfaExportError):
    """Numbers out of tolerance: the report names graph, tensor, metric and limit."""

    exit_code = 4


class RuntimeFailedError(OfaExportError):
    """A runtime in a process of its own refused the graphs, crashed on them or did not answer."""

    exit_code = 4


class RejectedError(OfaExportError):
    """A file of ours that must not be used."""

    exit_code = 5


class CheckpointError(RejectedError):
    """The checkpoint is corrupt, foreign, or of another version."""


class RejectionCode(StrEnum):
    """Why a file must not be used, for programs; docs/bundle-format.md says what each code means.

    The app has the same codes. One that was released keeps its meaning; sentences may change at any time.
    """

    EMPTY = "empty"
    NO_ARCHIVE = "no_archive"
    ARCHIVE = "archive"
    ENTRY_NAME = "entry_name"
    NOT_STORED = "not_stored"
    DAMAGED = "damaged"
    WRONG_KIND = "wrong_kind"
    DOCUMENT_SIZE = "document_size"
    NEWER_VERSION = "newer_version"
    OLDER_VERSION = "older_version"
    DOCUMENT = "document"
    ENTRY_UNLISTED = "entry_unlisted"
    ENTRY_MISSING = "entry_missing"
    ENTRY_SIZE = "entry_size"
    ENTRY_DIGEST = "entry_digest"
    ENTRY_ORDER = "entry_order"
    OVER_BUDGET = "over_budget"
    TABLE_SIZE = "table_size"
    TABLE_VALUES = "table_values"
    TILE_ORDER = "tile_order"
    ITEMS_HEADER = "items_header"
    ITEMS_TEXT = "items_text"
    ITEMS_KEYS = "items_keys"
    SELFTEST_FILE = "selftest_file"
    SELFTEST_TENSORS = "selftest_tensors"
    MODEL_CARD = "model_card"
    GRAPHS = "graphs"
    OTHER_BASE = "other_base"
    ALREADY_APPLIED = "already_applied"
    KEPT_BYTES = "kept_bytes"
    RESULT_DIGEST = "result_digest"
    OTHER_CHECKPOINT = "other_checkpoint"
    OTHER_GROUP = "other_group"
    OTHER_WIDTH = "other_width"


class _EntryError(Exception):
    """A rejection that may name an entry of the file; subclasses say which kind of file.

    Args:
        reason: what is wrong, as a sentence.
        code: what is wrong, for programs.
        entry: the entry at fault, or None when it is the file as a whole.
    """

    kind: ClassVar[str]

    def __init__(self, reason: str, *, code: RejectionCode, entry: str | None = None) -> None:
        self.code = code
        self.reason, self.entry = shown(reason), None if entry is None else shown(entry)
        super().__init__(f"{self.kind} rejected{f' at {self.entry}' if self.entry else ''}: {self.reason}")


class BundleError(_EntryError, RejectedError):
    """The bundle is corrupt, foreign, or of another version."""

    kind = "Bundle"


class DeltaError(_EntryError, RejectedError):
    """The delta is corrupt, foreign, of another version, or made for another bundle."""

    kind = "Delta"


class SessionPackError(_EntryError, RejectedError):
    """The session pack is corrupt, foreign, of another version, or made for another model."""

    kind = "Session pack"


@contextmanager
def rejected_as(kind: type[DeltaError | SessionPackError]) -> Iterator[None]:
    """Say of another kind of file what the reader of archives, which they share, says of bundles.

    Args:
        kind: the error that a BundleError of the block becomes.
    """
    try:
        yield
    except BundleError as error:
        raise kind(error.reason, code=error.code, entry=error.entry) from error


class FleetError(RejectedError):
    """The fleet is corrupt, foreign, or of another version."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Fleet rejected: {reason}")


class RefusedBundlesError(OfaExportError):
    """Bundles of a fleet that cannot be made.

    Args:
        refused: name of each such bundle, why, and the exit code of that error.
        total: bundles of the fleet.
    """

    exit_code = 3
    SHOWN = 3

    def __init__(self, refused: Sequence[tuple[str, str, int]], *, total: int) -> None:
        self.exit_code = refused[0][2]
        lines = [f"{len(refused)} of {total} bundles cannot be made; nothing was written."]
        # A store that refuses one bundle says the same of all.
        reasons = {reason: name for name, reason, _ in reversed(refused)}
        told = [(name, reason) for name, reason, _ in refused if reasons[reason] == name][: self.SHOWN]
        lines += [line for name, reason in told for line in f"{name}: {reason}".splitlines()]
        rest = [name for name, *_ in refused if name not in dict(told)]
        super().__init__(*lines, *([f"The same way: {', '.join(rest)}."] if rest else []))


class MissingToolError(OfaExportError):
    """An optional tool or dependency is not installed; the text holds the command that installs it."""

    exit_code = 6


class LoweringError(OfaExportError):
    """A converter refused a graph.

    Args:
        converter: name of the converter.
        stage: the step that failed, for example "export" or "quantise".
        graph: name of the device graph, or None when the step takes all graphs.
        detail: the converter's own message.
    """

    def __init__(self, *, converter: str, stage: str, graph: str | None, detail: str) -> None:
        self.converter, self.stage, self.graph = converter, stage, graph
        whole = f"{converter}: {stage} failed{f' for graph {graph}' if graph else ''}: {detail}"
        super().__init__(*whole.splitlines())


def _numbered(ways_out: Sequence[str]) -> list[str]:
    return [f"{number}. {way}" for number, way in enumerate(ways_out, start=1)]
