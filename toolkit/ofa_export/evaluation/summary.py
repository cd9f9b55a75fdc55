"""Rows of the reports: means over seeds, 95 % intervals over users, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ofa_export.errors import ConfigError
from ofa_export.evaluation.evaluate import Evaluation
from ofa_export.evaluation.quality import Quality
from ofa_export.evaluation.table_methods import table_methods
from ofa_export.evaluation.user_segments import user_segments
from ofa_export.ranking.metrics import Interval

SEGMENT_RIVAL = "static_longer"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to rank.

    Args:
        name: for programs.
        label: for people.
        kind: see `Entry`.
        ndcg: NDCG@10, over users.
        hits: HR@10, over users.
        lead: adapted minus this one in NDCG@10, paired by user; None for `adapted` itself.
        spread: standard deviation of NDCG@10 over seeds; None for one seed.
        executed_share: mean share of blocks that ran; None where there are none.
        gate_patterns: different sets of blocks, the most of any seed.
    """

    name: str
    label: str
    kind: str
    ndcg: Interval
    hits: Interval
    lead: Interval | None
    spread: float | None
    executed_share: float | None
    gate_patterns: int


@dataclass(frozen=True, kw_only=True)
class FineTunedRow:
    """Gradient steps on the device, on a part of the users.

    Args:
        steps: per user.
        learning_rates: the best on validation, per seed.
        ndcg: NDCG@10 after them.
        gain: over the net that they start from.
        lead: adapted minus fine-tuned, paired.
        one_pass_ms: median time of adapting in one pass.
        fine_tuning_ms: median time of the steps.
    """

    steps: int
    learning_rates: tuple[float, ...]
    ndcg: Interval
    gain: Interval
    lead: Interval
    one_pass_ms: float
    fine_tuning_ms: float

    @property
    def ratio(self) -> float:
        """Time of the steps, as a multiple of one pass."""
        return self.fine_tuning_ms / self.one_pass_ms


@dataclass(frozen=True, kw_only=True)
class ByteRow:
    """A table of one size.

    Args:
        method: for programs.
        label: for people.
        elastic: one trained net serves every size of this method.
        retrained: the net was trained for small tables.
        bytes: of the table.
        share: of the fp32 table's bytes.
        ndcg: NDCG@10 of the static net with it.
        relative: to our net with its full fp32 table.
        spread: standard deviation of NDCG@10 over seeds; None for one seed.
        lead: our tiles of no more bytes minus this one, paired; None where ours need more, and for ours.
    """

    method: str
    label: str
    elastic: bool
    retrained: bool
    bytes: int
    share: float
    ndcg: Interval
    relative: float
    spread: float | None
    lead: Interval | None


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """Tables of user groups.

    Args:
        groups: how many.
        smallest: users of the smallest group of any seed.
        ndcg: NDCG@10 of the static net, each user with the table of their group.
        spread: standard deviation of NDCG@10 over seeds; None for one seed.
        lead: over one shared table, paired; None for that table.
    """

    groups: int
    smallest: int
    ndcg: Interval
    spread: float | None
    lead: Interval | None


@dataclass(frozen=True, kw_only=True)
class SegmentRow:
    """Adapted minus the longer trained static net for some of the users.

    Args:
        trait: what tells users apart.
        label: which of them.
        users: how many.
        static: NDCG@10 of the static net.
        lead: of the adapted one, paired.
        executed_share: mean share of blocks that the adapted net ran.
    """

    trait: str
    label: str
    users: int
    static: float
    lead: Interval
    executed_share: float


def rows(evaluations: Sequence[Evaluation]) -> tuple[Row, ...]:
    """Return every way to rank, in the order of the evaluations.

    Args:
        evaluations: the same data and recipe under different seeds.

    Raises:
        ConfigError: the evaluations are not of the same users and ways.
    """
    _check_alike(evaluations)
    adapted = over_seeds([evaluation.entry("adapted").quality for evaluation in evaluations])
    made = []
    for entry in evaluations[0].entries:
        qualities = [evaluation.entry(entry.name).quality for evaluation in evaluations]
        mean = over_seeds(qualities)
        made.append(
            Row(
                name=entry.name,
                label=entry.label,
                kind=entry.kind,
                ndcg=mean.ndcg_interval,
                hits=mean.hits_interval,
                lead=None if entry.name == "adapted" else adapted.lead_over(mean),
                spread=_spread(qualities),
                executed_share=mean.executed_share,
                gate_patterns=mean.gate_patterns,
            )
        )
    return tuple(made)


def fine_tuned_rows(evaluations: Sequence[Evaluation]) -> tuple[FineTunedRow, ...]:
    """Gradient steps, fewest first; seeds measure different users, whose values are put side by side."""
    made = []
    for found in zip(*(evaluation.fine_tuned for evaluation in evaluations), strict=True):
        tuned, adapted, static = (
            _side_by_side([getattr(one, name) for one in found]) for name in ("quality", "adapted", "static")
        )
        made.append(
            FineTunedRow(
                steps=found[0].how.steps,
                learning_rates=tuple(one.how.learning_rate for one in found),
                ndcg=tuned.ndcg_interval,
                gain=tuned.lead_over(static),
                lead=adapted.lead_over(tuned),
                one_pass_ms=float(np.median([one.times.one_pass_ms for one in found])),
                fine_tuning_ms=float(np.median([one.times.fine_tuning_ms for one in found])),
            )
        )
    return tuple(made)


def byte_rows(evaluations: Sequence[Evaluation]) -> tuple[ByteRow, ...]:
    """Return quality per byte, method by method, `full_table` first."""
    methods = {method.name: method for method in table_methods()}
    grouped = list(zip(*(evaluation.byte_points for evaluation in evaluations), strict=True))
    means = [(points[0], over_seeds([point.quality for point in points])) for points in grouped]
    ours = [(point.bytes, mean) for point, mean in means if point.method == "tiles"]
    made = []
    for points, (point, mean) in zip(grouped, means, strict=True):
        method = methods.get(point.method)
        affordable = [quality for count, quality in ours if count <= point.bytes]
        rival = affordable[-1] if affordable and point.method not in ("tiles", "full_table") else None
        made.append(
            ByteRow(
                method=point.method,
                label=method.label if method else "fp32 table",
                elastic=method is None or method.elastic,
                retrained=method is None or method.retrained,
                bytes=point.bytes,
                share=point.share,
                ndcg=mean.ndcg_interval,
                relative=float(mean.ndcg.mean() / means[0][1].ndcg.mean()),
                spread=_spread([one.quality for one in points]),
                lead=None if rival is None else rival.lead_over(mean),
            )
        )
    return tuple(made)


def group_rows(evaluations: Sequence[Evaluation]) -> tuple[GroupRow, ...]:
    """User groups with a table each, one shared table first."""
    grouped = list(zip(*(evaluation.group_points for evaluation in evaluations), strict=True))
    means = [over_seeds([point.quality for point in points]) for points in grouped]
    return tuple(
        GroupRow(
            groups=points[0].groups,
            smallest=min(min(point.sizes) for point in points),
            ndcg=mean.ndcg_interval,
            spread=_spread([point.quality for point in points]),
            lead=mean.lead_over(means[0]) if points[0].groups > 1 else None,
        )
        for points, mean in zip(grouped, means, strict=True)
    )


def segment_rows(evaluations: Sequence[Evaluation]) -> tuple[SegmentRow, ...]:
    """Tell where adapting pays: segments of the first seed's users; empty without the trained static control."""
    first = evaluations[0]
    if all(entry.name != SEGMENT_RIVAL for entry in first.entries):
        return ()
    adapted, static = (
        over_seeds([evaluation.entry(name).quality for evaluation in evaluations])
        for name in ("adapted", SEGMENT_RIVAL)
    )
    table = first.subject.checkpoint.table(0).numpy()
    return tuple(
        SegmentRow(
            trait=segment.trait,
            label=segment.label,
            users=int(segment.members.sum()),
            static=float(static.ndcg[segment.members].mean()),
            lead=_members(adapted, segment.members).lead_over(_members(static, segment.members)),
            executed_share=_members(adapted, segment.members).executed_share or 0.0,
        )
        for segment in user_segments(first.subject.histories, first.users, table)
        if segment.members.sum() >= 2
    )


def over_seeds(qualities: Sequence[Quality]) -> Quality:
    """Return each user's mean over seeds."""
    executed = [quality.executed for quality in qualities if quality.executed is not None]
    return Quality(
        ndcg=np.mean([quality.ndcg for quality in qualities], axis=0),
        hits=np.mean([quality.hits for quality in qualities], axis=0),
        executed=np.mean(executed, axis=0) if executed else None,
        gate_patterns=max(quality.gate_patterns for quality in qualities),
    )


def _side_by_side(qualities: Sequence[Quality]) -> Quality:
    return replace(
        qualities[0],
        ndcg=np.concatenate([quality.ndcg for quality in qualities]),
        hits=np.concatenate([quality.hits for quality in qualities]),
    )


def _members(quality: Quality, members: np.ndarray) -> Quality:
    executed = None if quality.executed is None else quality.executed[members]
    return replace(quality, ndcg=quality.ndcg[members], hits=quality.hits[members], executed=executed)


def _spread(qualities: Sequence[Quality]) -> float | None:
    if len(qualities) < 2:
        return None
    return float(np.std([quality.ndcg.mean() for quality in qualities], ddof=1))


def _check_alike(evaluations: Sequence[Evaluation]) -> None:
    first = evaluations[0]
    for other in evaluations[1:]:
        same_users = first.subject.histories.user_keys == other.subject.histories.user_keys
        if not same_users or not np.array_equal(first.users, other.users):
            raise ConfigError("These checkpoints are of different data. Evaluate together only seeds of one recipe.")
        if [entry.name for entry in first.entries] != [entry.name for entry in other.entries]:
            raise ConfigError("These checkpoints have different recipes. Evaluate together only seeds of one recipe.")
