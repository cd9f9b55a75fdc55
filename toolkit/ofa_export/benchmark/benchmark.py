"""Bundles beside what people would ship without them, in one run: latency, memory, bytes, and how they compare."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.benchmark.bundle_entry import BundleEntry
from ofa_export.benchmark.gradient_entry import GradientEntry
from ofa_export.benchmark.latency import PROCESSOR, SESSION, Latency, Machine, check_repeats, this_machine, time_in_turn
from ofa_export.benchmark.memory import Memory, measure_memory
from ofa_export.benchmark.protocol import Contender, Entry, check_target
from ofa_export.benchmark.static_entry import StaticContender, StaticEntry
from ofa_export.benchmark.static_net import OTHER_NET_DB, scores_snr_db, static_graph
from ofa_export.bundle.reader import Bundle
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError
from ofa_export.graphs.device import DeviceGraph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.precision import FP32, INT8, Precision
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import one_torch_thread
from ofa_export.validation.comparison import user_group

PRECISIONS = (INT8, FP32)
"""Of the static nets beside the bundles."""

GRADIENT_STEPS = 10
MEMORY_SESSIONS = 5
"""Sessions in the process whose memory is measured: the second one needs no more than the first."""

SCORED_HISTORIES = 20
"""For which the scores of the static nets are compared with PyTorch's."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One contender.

    Args:
        name: stable, without blanks.
        label: for people.
        bundle: whether it is a bundle, and what the others are held against.
        runtime: of its graphs; None when it runs in PyTorch.
        file_bytes: of the file that is shipped; None when there is none.
        latency: of `session`, its `processor` time, and of the calls of its graphs: `adapt`, `block` and `score` of a
            bundle.
        memory: in a process of its own.
        scores_snr_db: of a static net, how close its scores come to those of the same net in PyTorch; None of others.
    """

    name: str
    label: str
    bundle: bool
    runtime: str | None
    file_bytes: int | None
    latency: dict[str, Latency]
    memory: Memory
    scores_snr_db: float | None

    @property
    def is_another_net(self) -> bool:
        """True if its scores are not those of the net that it was made from."""
        return self.scores_snr_db is not None and self.scores_snr_db < OTHER_NET_DB

    @property
    def session(self) -> Latency:
        """From item rows to scores."""
        return self.latency[SESSION]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Costs of another contender, as multiples of a bundle's.

    Args:
        bundle: name of the bundle's contender.
        other: name of the other.
        session: medians of both.
        processor: medians of the processor time of both sessions.
        session_rss: memory above the libraries.
        file: sizes; None when the other ships no file.
    """

    bundle: str
    other: str
    session: float
    processor: float
    session_rss: float
    file: float | None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Measurements of one run.

    Args:
        machine: where.
        target: where the graphs ran.
        repeats: sessions of each contender.
        measured: the contenders, in the order in which they took turns.
    """

    machine: Machine
    target: str
    repeats: int
    measured: tuple[Measured, ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Beside every bundle, what runs on its runtime and what runs on none."""
        bundles = [each for each in self.measured if each.bundle]
        others = [each for each in self.measured if not each.bundle]
        return tuple(
            _comparison(bundle, other)
            for bundle in bundles
            for other in others
            if other.runtime in (bundle.runtime, None)
        )


def benchmark(
    paths: Sequence[Path], checkpoint: Path, *, target: str = "host", repeats: int, store: ContentCache
) -> Benchmark:
    """Measure bundles of one checkpoint and user group, the static net on each of their runtimes, and gradient steps.

    Args:
        paths: the bundles.
        checkpoint: folder of what they were made from.
        target: one of `TARGETS`.
        repeats: sessions of each contender, at least 1.
        store: keeps the conversions of the static net.

    Raises:
        ConfigError: no or too few repeats, a bundle of another checkpoint or user group, or a target that is emulated
            or does not run on this computer.
        UnknownNameError: there is no such target, or a bundle's converter is not installed.
        RejectedError: a bundle or the checkpoint cannot be trusted.
        LoweringError: a converter refused the static net, or a contender's process ended early.
        RuntimeFailedError: the runtime refused a file, or crashed on it.
        MissingToolError: something that the runtime needs is not installed.
    """
    check_repeats(repeats)
    check_target(target)
    trained = load_checkpoint(checkpoint)
    given, group = _bundles(paths, trained, target=target)
    histories = _histories(trained, group)
    machine = this_machine()
    with tempfile.TemporaryDirectory() as folder:
        bundles = [_own_copy(entry, Path(folder)) for entry in given]
        with one_torch_thread(), ExitStack() as stack:
            # First of all: what the runtime lacks or refuses is said before minutes of conversion.
            contenders: dict[str, Contender] = {entry.name: stack.enter_context(entry.open()) for entry in bundles}
            graph = static_graph(trained.model, trained.table(group))
            others: list[Entry] = [
                _static(graph, runtime, precision, target=target, folder=Path(folder), store=store)
                for runtime in dict.fromkeys(entry.runtime for entry in bundles)
                for precision in PRECISIONS
            ]
            others.append(GradientEntry(checkpoint=checkpoint, group=group, steps=GRADIENT_STEPS))
            contenders |= {entry.name: stack.enter_context(entry.open()) for entry in others}
            scores = {
                name: scores_snr_db(contender, graph, histories[:SCORED_HISTORIES])
                for name, contender in contenders.items()
                if isinstance(contender, StaticContender)
            }
            latencies = time_in_turn(contenders, histories, repeats=repeats)
        entries: list[Entry] = [*bundles, *others]
        measured = tuple(
            _measured(entry, latencies[entry.name], histories, scores_snr_db=scores.get(entry.name))
            for entry in entries
        )
    return Benchmark(machine=machine, target=target, repeats=repeats, measured=measured)


def _bundles(paths: Sequence[Path], trained: Checkpoint, *, target: str) -> tuple[list[BundleEntry], int]:
    entries: list[BundleEntry] = []
    groups: set[int] = set()
    for path in paths:
        with Bundle.open(path) as bundle:
            manifest = bundle.manifest
        if manifest.checkpoint_sha256 != trained.sha256:
            raise ConfigError(
                f"{path} was made from the checkpoint with SHA-256 {manifest.checkpoint_sha256}, the one given has "
                f"{trained.sha256}: the static net beside it would be another. Give its checkpoint with --checkpoint."
            )
        group = user_group(manifest, trained)
        if group is None:
            raise ConfigError(f"{path} is for user group {manifest.group}, which its checkpoint does not have.")
        groups.add(group)
        get_converter(manifest.runtime.name)
        entries += [
            BundleEntry(path=path, runtime=manifest.runtime.name, target=target, candidates=candidates)
            for candidates in ("one call", "all")
        ]
    if len({entry.name for entry in entries}) != len(entries):
        raise ConfigError("Two of the bundles have the same file name; rename one, so that rows can be told apart.")
    if len(groups) != 1:
        listed = ", ".join(map(str, sorted(groups))) or "none"
        raise ConfigError(
            f"Bundles of one user group can be compared, these are of {listed}: run the command once for each group."
        )
    return entries, groups.pop()


def _own_copy(entry: BundleEntry, folder: Path) -> BundleEntry:
    """Copy the file, which contenders map: one that another program cuts short meanwhile would end the process."""
    path = folder / entry.path.name
    shutil.copyfile(entry.path, path)
    return replace(entry, path=path)


def _histories(trained: Checkpoint, group: int) -> list[NDArray[np.int64]]:
    """Return what users of the group had bought, item rows without padding."""
    return [items.astype(np.int64) for items in trained.validation.of_group(group).items]


def _static(
    graph: DeviceGraph,
    runtime: str,
    precision: Precision,
    *,
    target: str,
    folder: Path,
    store: ContentCache,
) -> StaticEntry:
    converter = get_converter(runtime)
    path = folder / f"static-{precision.text}-{converter.entry_name}"
    path.write_bytes(convert_cached([graph], converter=converter, precision=precision, store=store))
    return StaticEntry(path=path, runtime=runtime, target=target, precision=precision.text, spec=graph.spec)


def _measured(
    entry: Entry,
    latency: dict[str, Latency],
    histories: Sequence[NDArray[np.int64]],
    *,
    scores_snr_db: float | None,
) -> Measured:
    return Measured(
        name=entry.name,
        label=entry.label,
        bundle=isinstance(entry, BundleEntry),
        runtime=entry.runtime,
        file_bytes=entry.path.stat().st_size if entry.path else None,
        latency=latency,
        memory=measure_memory(entry, histories[:MEMORY_SESSIONS]),
        scores_snr_db=scores_snr_db,
    )


def _comparison(bundle: Measured, other: Measured) -> Comparison:
    return Comparison(
        bundle=bundle.name,
        other=other.name,
        session=other.session.p50 / bundle.session.p50,
        processor=other.latency[PROCESSOR].p50 / bundle.latency[PROCESSOR].p50,
        session_rss=other.memory.session_rss_bytes / max(1, bundle.memory.session_rss_bytes),
        file=other.file_bytes / bundle.file_bytes if other.file_bytes and bundle.file_bytes else None,
    )
