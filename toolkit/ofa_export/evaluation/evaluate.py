"""Everything that an evaluation measures, for one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ofa_export.data.data_recipe import Split
from ofa_export.data.histories import HeldOut, held_out_items
from ofa_export.errors import ConfigError
from ofa_export.evaluation.byte_curve import SizedQuality, byte_curve
from ofa_export.evaluation.contenders import Contender, network_score, own_variants
from ofa_export.evaluation.controls import STARTS, ControlRuns, depth_control, mapper_controls
from ofa_export.evaluation.fine_tuning import AdaptationTimes, FineTuning, fine_tuned_score, time_adaptation
from ofa_export.evaluation.group_tables import GroupedQuality, group_qualities
from ofa_export.evaluation.quality import Quality, measure
from ofa_export.evaluation.subject import Subject
from ofa_export.evaluation.table_methods import table_methods
from ofa_export.ranking.scoring import static_adapt
from ofa_export.support.progress_callback import ProgressCallback
from ofa_export.training.baselines import MarkovChain, popularity_scores
from ofa_export.training.training_loop import stage_seed

FINE_TUNED_STEPS = (1, 5, 10)
FINE_TUNED_RATES = (1e-4, 3e-4, 1e-3, 3e-3)
FINE_TUNED_USERS = 500
"""Fine-tuning takes a net per user: it is measured on this many of them, and compared with the others on the same."""

TUNING_USERS = 200
"""Validation users on whom the learning rate of fine-tuning is chosen."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A way to rank and how well it does.

    Args:
        name: for programs.
        label: for people.
        kind: `baseline` (no network), `own` (the checkpoint's weights), `trained` (a control) or `gradient`.
        quality: on all evaluated users.
    """

    name: str
    label: str
    kind: str
    quality: Quality


@dataclass(frozen=True, kw_only=True, eq=False)
class FineTuned:
    """Gradient steps on the user's own history, on a part of the users.

    Args:
        how: steps and the rate that did best on validation.
        quality: on those users.
        adapted: of the adapted net on the same users.
        static: of the net that fine-tuning starts from, on the same users.
        times: beside one pass.
    """

    how: FineTuning
    quality: Quality
    adapted: Quality
    static: Quality
    times: AdaptationTimes


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """Measurements of one checkpoint.

    Args:
        subject: checkpoint and data.
        split: which held-out items.
        users: `[U]` the evaluated users, ascending; every quality has one value for each.
        entries: `adapted` and everything beside it.
        fine_tuned: gradient steps; empty without trained controls.
        byte_points: quality per byte of our tiles, and of every other method if asked for; empty without controls.
        group_points: tables of user groups; empty unless other methods were asked for.
    """

    subject: Subject
    split: Split
    users: NDArray[np.int64]
    entries: tuple[Entry, ...]
    fine_tuned: tuple[FineTuned, ...]
    byte_points: tuple[SizedQuality, ...]
    group_points: tuple[GroupedQuality, ...]

    def entry(self, name: str) -> Entry:
        """Return the entry of a name."""
        return next(entry for entry in self.entries if entry.name == name)


def evaluate(
    subject: Subject, *, split: Split, runs: ControlRuns | None, with_tables: bool, progress: ProgressCallback
) -> Evaluation:
    """Measure a checkpoint beside everything that it has to beat.

    Args:
        subject: checkpoint and data.
        split: which held-out items.
        runs: trains controls, or takes them from the cache; None measures only what needs no training.
        with_tables: also train and measure every other way to make the table small, and user groups; needs `runs`.
        progress: called before each measurement.

    Raises:
        ConfigError: the checkpoint has several user groups, or tables are asked for without controls.
    """
    if with_tables and runs is None:
        raise ConfigError("Other tables are trained controls: give `runs` as well.")
    if subject.checkpoint.config.model.user_groups > 1:
        raise ConfigError(
            "This checkpoint has several user groups, and does not say whose group is which. Evaluate one with "
            "model.user_groups: 1; --tables measures on it what groups are worth."
        )
    held_out = held_out_items(
        subject.histories,
        subject.histories.evaluation_users,
        split=split,
        history_length=subject.checkpoint.config.model.history_length,
    )
    progress("baselines and the checkpoint itself", 0, 0)
    entries = [*_baselines(subject, held_out), *_own(subject, held_out)]
    fine_tuned: tuple[FineTuned, ...] = ()
    byte_points: tuple[SizedQuality, ...] = ()
    group_points: tuple[GroupedQuality, ...] = ()
    if runs is not None:
        entries += _controls(subject, held_out, runs, progress)
        fine_tuned = _fine_tuning(subject, held_out, runs, progress)
        progress("tables of every size", 0, 0)
        byte_points = byte_curve(runs, held_out, table_methods() if with_tables else table_methods()[:1])
    if runs is not None and with_tables:
        progress("tables of user groups", 0, 0)
        group_points = group_qualities(runs, held_out)
    return Evaluation(
        subject=subject,
        split=split,
        users=np.unique(held_out.users),
        entries=tuple(entries),
        fine_tuned=fine_tuned,
        byte_points=byte_points,
        group_points=group_points,
    )


def _baselines(subject: Subject, held_out: HeldOut) -> list[Entry]:
    histories = subject.histories
    chain = MarkovChain.fit(histories)
    found = (
        Contender(
            name="popularity",
            label="most popular items",
            score=lambda rows: (popularity_scores(histories, len(rows)), None),
        ),
        Contender(name="markov", label="first-order Markov", score=lambda rows: (chain.scores(rows), None)),
    )
    return [_entry(contender, "baseline", subject, held_out) for contender in found]


def _own(subject: Subject, held_out: HeldOut) -> list[Entry]:
    model, table = subject.checkpoint.model, subject.checkpoint.table(0)
    variants = own_variants(model, table, held_out, seed=subject.seed)
    return [_entry(contender, "own", subject, held_out) for contender in variants]


def _entry(contender: Contender, kind: str, subject: Subject, held_out: HeldOut) -> Entry:
    quality = measure(contender.score, held_out, subject.histories)
    return Entry(name=contender.name, label=contender.label, kind=kind, quality=quality)


def _controls(subject: Subject, held_out: HeldOut, runs: ControlRuns, progress: ProgressCallback) -> list[Entry]:
    depth = subject.recipe.model.depth
    depths = [(f"static_{count}", depth_control(count)) for count in sorted({1, 2, depth} - {depth})]
    depths.append((f"static_{depth}", replace(STARTS["static"], label=depth_control(depth).label)))
    entries = []
    for name, control in [*depths, *((control.name, control) for control in mapper_controls())]:
        progress(control.label, 0, 0)
        run = runs.run(control)
        score = network_score(run.model, control.adapt(run.model), run.full_tables(0))
        entries.append(_entry(Contender(name=name, label=control.label, score=score), "trained", subject, held_out))
    return entries


def _fine_tuning(
    subject: Subject, held_out: HeldOut, runs: ControlRuns, progress: ProgressCallback
) -> tuple[FineTuned, ...]:
    """From the longer trained static net, so that both ways to adapt start from nets of equal training."""
    run = runs.run(mapper_controls()[0])
    start, table, model = run.model, run.full_tables(0), subject.checkpoint.model
    some, tuning = _tuning_sets(subject, held_out)
    adapted = measure(network_score(model, model.adapt, subject.checkpoint.table(0)), some, subject.histories)
    static = measure(network_score(start, static_adapt(start), table), some, subject.histories)
    found = []
    for steps in FINE_TUNED_STEPS:
        progress(f"{steps} gradient steps per user", 0, 0)
        tried = [FineTuning(steps=steps, learning_rate=rate) for rate in FINE_TUNED_RATES]
        means = [measure(fine_tuned_score(start, table, how), tuning, subject.histories).ndcg.mean() for how in tried]
        how = tried[int(np.argmax(means))]
        found.append(
            FineTuned(
                how=how,
                quality=measure(fine_tuned_score(start, table, how), some, subject.histories),
                adapted=adapted,
                static=static,
                times=time_adaptation(start, table, some.history, how),
            )
        )
    return tuple(found)


def _tuning_sets(subject: Subject, held_out: HeldOut) -> tuple[HeldOut, HeldOut]:
    """Return the users that are measured, and validation positions of others to choose the rate by."""
    drawn = np.random.default_rng(stage_seed(subject.seed, "fine-tuning")).permutation(np.unique(held_out.users))
    measured, others = drawn[:FINE_TUNED_USERS], drawn[FINE_TUNED_USERS:]
    tuning = held_out_items(
        subject.histories,
        np.sort(others[:TUNING_USERS] if len(others) else measured[:TUNING_USERS]),
        split="validation",
        history_length=held_out.history.shape[1],
    )
    return held_out.of_users(measured), tuning
