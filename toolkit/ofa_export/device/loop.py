"""The loop that a phone runs: adapt once, assemble the blocks whose gate is on, score as many candidates as there are.

One thread at a time: the input buffers are allocated once and used again by every call.

1. `adapt` on the last T items of the history, left-padded with zeros;
2. for l = 0..L-1, `block_l` on the hidden state with `theta_l`, if gate l is 1 (a block with gate 0 costs nothing);
3. `score` on the last hidden state, C candidates at a time, the last call padded with zeros.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.items import KnownHistory
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.table import ElasticTable, Rows
from ofa_export.contract import GraphRunner, GraphSpec, block_name, theta_name
from ofa_export.device.items import DeviceItems
from ofa_export.errors import BundleError, ConfigError, HistoryError, NumericsError, RejectionCode

CALLS_PER_LOOKUP = 32
"""Calls of `score` whose candidates are looked up together."""

TIMED_RUNS = 5
"""Rankings of which `median_ranking` returns one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Adaptation:
    """Result of one forward pass over a history.

    Args:
        hidden: state after the blocks that ran, `[1, T, d]`.
        gates: 1 where a block is on, `[L]`.
        keep_logits: logits of leaving out and of keeping each block, `[L, 2]`.
        thetas: generated parameters of each block, `[L, P]`.
        blocks_run: the blocks that ran, in order.
    """

    hidden: NDArray[np.float32]
    gates: NDArray[np.float32]
    keep_logits: NDArray[np.float32]
    thetas: NDArray[np.float32]
    blocks_run: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """The best items for one history.

    Args:
        rows: rows of the device's items, best first, ties by row, `[k]`.
        scores: their scores, `[k]`.
        adaptation: what the history was adapted to.
        milliseconds: time spent in `lookup`, `adapt`, `blocks`, `score` and `sort`.
        items: the items that the rows are of.
        unknown: keys of the history that neither bundle nor session has; they were left out.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    adaptation: Adaptation
    milliseconds: Mapping[str, float]
    items: DeviceItems
    unknown: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Key of each item, best first."""
        return tuple(self.items.key(int(row)) for row in self.rows)

    @property
    def titles(self) -> tuple[str, ...]:
        """Title of each item, best first; "" where nobody gave one."""
        return tuple(self.items.title(int(row)) for row in self.rows)


class Device:
    """A bundle on a runtime. Use it as a context manager, or call `close`.

    Args:
        bundle: an open bundle.
        runner: its graphs, loaded.
    """

    def __init__(self, bundle: Bundle, runner: GraphRunner) -> None:
        shapes = bundle.manifest.shapes
        self.bundle, self.table = bundle, bundle.table
        self.items = DeviceItems(catalogue=bundle.items)
        self._runner = runner
        self._graphs = {graph.name: graph for graph in shapes.contract()}
        self._history = np.zeros((1, shapes.history_length, shapes.width), np.float32)
        self._length = np.zeros(1, np.int32)
        self._candidates = np.zeros((1, shapes.candidates, shapes.width), np.float32)
        # Looking up many rows at once is quicker; a bound keeps the embeddings of a large catalogue out of memory.
        self._looked_up = CALLS_PER_LOOKUP * shapes.candidates
        self._adaptation: Adaptation | None = None
        self._clock = _Clock()

    def use_table(self, table: ElasticTable) -> None:
        """Look items up in another prefix of the tiles from now on (memory pressure); adapt again afterwards."""
        self.table, self._adaptation = table, None

    def use_session(self, pack: SessionPack | None) -> None:
        """Take the items of a session pack to those of the bundle from now on; adapt again afterwards.

        Args:
            pack: the pack of this session, or None when the session is over.

        Raises:
            SessionPackError: it was made for another checkpoint, user group or width.
        """
        if pack is not None:
            pack.check_serves(self.bundle.manifest)
        self.items, self._adaptation = DeviceItems(catalogue=self.bundle.items, pack=pack), None

    def history_rows(self, keys: Sequence[str]) -> KnownHistory:
        """Return rows of a history given by keys, oldest first; unknown keys are listed.

        Raises:
            HistoryError: no key is given, or none is known.
        """
        return self.items.history(keys)

    def adapt(self, history_rows: Rows) -> Adaptation:
        """Adapt to a history of items of the bundle or of the session.

        Args:
            history_rows: item rows, oldest first; the last T count.

        Raises:
            HistoryError: the history is empty, or a row is not one of the device's items.
        """
        recent = self._visible(history_rows)
        with self._clock.part("lookup"):
            embeddings = self.items.lookup(self.table, recent)
        return self.adapt_embeddings(embeddings)

    def adapt_embeddings(self, history: NDArray[np.float32]) -> Adaptation:
        """Adapt to a history of any items, also ones that are not in the bundle.

        Args:
            history: item embeddings `[n, d]`, oldest first; the last T count.

        Raises:
            HistoryError: the history is empty.
            BundleError: a graph does not return what the tensor contract says.
            NumericsError: a graph returned values that are not finite.
        """
        if not len(history):
            raise HistoryError("The history is empty; adapting needs at least one item.")
        recent = history[-self._history.shape[1] :]
        self._history[0, : -len(recent)] = 0
        self._history[0, -len(recent) :] = recent
        self._length[0] = len(recent)
        with self._clock.part("adapt"):
            adapted = self._run("adapt", {"history": self._history, "length": self._length})
        gates = adapted["gates"][0]
        blocks_run = tuple(int(block) for block in np.flatnonzero(gates > 0.5))
        hidden = adapted["hidden"]
        with self._clock.part("blocks"):
            for block in blocks_run:
                theta = theta_name(block)
                inputs = {"hidden": hidden, "length": self._length, theta: adapted[theta]}
                hidden = self._run(block_name(block), inputs)["hidden"]
        self._adaptation = Adaptation(
            hidden=hidden,
            gates=gates,
            keep_logits=adapted["keep_logits"][0],
            thetas=np.concatenate([adapted[theta_name(block)] for block in range(len(gates))]),
            blocks_run=blocks_run,
        )
        return self._adaptation

    def score(self, rows: Rows) -> NDArray[np.float32]:
        """Return scores of items of the bundle or of the session for the history adapted to last.

        Args:
            rows: item rows, `[n]`.

        Returns:
            float32 `[n]`.
        """
        scores = [np.zeros(0, np.float32)]
        for start in range(0, len(rows), self._looked_up):
            with self._clock.part("lookup"):
                embeddings = self.items.lookup(self.table, rows[start : start + self._looked_up])
            scores.append(self.score_embeddings(embeddings))
        return np.concatenate(scores)

    def score_embeddings(self, candidates: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores of any items, also ones that are not in the bundle, for the history adapted to last.

        Args:
            candidates: item embeddings `[n, d]`.

        Returns:
            float32 `[n]`.

        Raises:
            HistoryError: `adapt` was not called yet.
            BundleError: the graph does not return what the tensor contract says.
            NumericsError: the graph returned values that are not finite.
        """
        if self._adaptation is None:
            raise HistoryError("There is no history to score for yet; call adapt first.")
        scores = [np.zeros(0, np.float32)]
        for start in range(0, len(candidates), self._candidates.shape[1]):
            chunk = candidates[start : start + self._candidates.shape[1]]
            self._candidates[0, : len(chunk)] = chunk
            self._candidates[0, len(chunk) :] = 0
            with self._clock.part("score"):
                outputs = self._run("score", {"hidden": self._adaptation.hidden, "candidates": self._candidates})
            scores.append(outputs["scores"][0, : len(chunk)])
        return np.concatenate(scores)

    def rank(self, history: Sequence[str], *, k: int = 10) -> Ranking:
        """Adapt to a history and find the best items for it, of the bundle and of the session.

        Args:
            history: item keys, oldest first; the last T count. They are not ranked if the manifest says so.
            k: how many; fewer come back when fewer are left.

        Returns:
            The ranking; its `unknown` are the keys that had to be left out.

        Raises:
            ConfigError: k is less than 1.
            HistoryError: no key is given, or none is known.
        """
        known = self.history_rows(history)
        return replace(self.rank_rows(known.rows, k), unknown=known.unknown)

    def rank_rows(self, history_rows: Rows, k: int) -> Ranking:
        """Find the k best items for a history of rows; see `rank`.

        Args:
            history_rows: item rows, oldest first; the last T count. They are not ranked if the manifest says so.
            k: how many; fewer come back when fewer are left.

        Raises:
            ConfigError: k is less than 1.
            HistoryError: the history is empty, or a row is not one of the device's items.
        """
        if k < 1:
            raise ConfigError(f"A ranking needs k of at least 1, not {k}.")
        self.take_milliseconds()
        adaptation = self.adapt(history_rows)
        candidates = np.arange(len(self.items))
        if self.bundle.manifest.ranking.exclude_history:
            candidates = np.setdiff1d(candidates, self._visible(history_rows))
        scores = self.score(candidates)
        with self._clock.part("sort"):
            # A stable sort of rows in ascending order breaks ties by row.
            best = np.argsort(-scores, kind="stable")[:k]
        return Ranking(
            rows=candidates[best],
            scores=scores[best],
            adaptation=adaptation,
            milliseconds=self.take_milliseconds(),
            items=self.items,
        )

    def close(self) -> None:
        """Free the runtime's memory; the device cannot be used afterwards."""
        self._runner.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take_milliseconds(self) -> dict[str, float]:
        """Time spent in `lookup`, `adapt`, `blocks`, `score` and `sort` since this was asked last."""
        spent, self._clock = self._clock.milliseconds, _Clock()
        return spent

    def _visible(self, history_rows: Rows) -> NDArray[np.int64]:
        rows = np.asarray(history_rows, np.int64)[-self._history.shape[1] :]
        if not rows.size:
            raise HistoryError("The history is empty; adapting needs at least one item.")
        if rows.min() < 0 or rows.max() >= len(self.items):
            raise HistoryError(f"The history holds a row outside 0..{len(self.items) - 1}: {rows.tolist()}.")
        return rows

    def _run(self, name: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        outputs = self._runner.run(name, inputs)
        return {
            spec.name: self._checked(self._graphs[name], spec.name, spec.shape, outputs)
            for spec in self._graphs[name].outputs
        }

    def _checked(
        self, graph: GraphSpec, name: str, shape: tuple[int, ...], outputs: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float32]:
        if name not in outputs or outputs[name].shape != shape:
            found = outputs[name].shape if name in outputs else "nothing"
            reason = f"graph {graph.name} returned {found} for {name}; the manifest says {shape}."
            raise BundleError(reason, code=RejectionCode.GRAPHS, entry=self.bundle.manifest.entries[0].name)
        value = np.asarray(outputs[name], np.float32)
        if not np.isfinite(value).all():
            raise NumericsError(f"Graph {graph.name} returned values in {name} that are not finite.")
        return value


def median_ranking(device: Device, history_rows: Rows, k: int) -> Ranking:
    """Rank several times, and return the ranking whose time is the median.

    The first run pays for cold caches and does not count; the median of the others is what a user of a phone would
    feel.

    Args:
        device: on which the ranking runs.
        history_rows: item rows, oldest first; the last T count.
        k: how many items.

    Raises:
        ConfigError: k is less than 1.
        HistoryError: the history is empty, or a row is not one of the device's items.
    """
    rankings = [device.rank_rows(history_rows, k) for _ in range(1 + TIMED_RUNS)][1:]
    return sorted(rankings, key=lambda ranking: sum(ranking.milliseconds.values()))[TIMED_RUNS // 2]


class _Clock:
    def __init__(self) -> None:
        self.milliseconds = dict.fromkeys(("lookup", "adapt", "blocks", "score", "sort"), 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.milliseconds[name] += (time.perf_counter() - start) * 1000
