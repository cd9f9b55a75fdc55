"""Every length, item and combination of blocks: no single history, and no kind of histories, is off by itself.

A defect that hits a minority shows in no median. So every history counts by its own size, as far as the rounding of
activations allows: one that lies half way between two steps costs its history all but some 50 dB, in a few of a hundred
histories. That few are never all histories of one length, or of one combination of blocks; so these count by their
best history, which is held to the last digits of float32 (our choice).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ofa_export.validation.checks.rounding import unrounded_outputs
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_least, at_most
from ofa_export.validation.histories import of_length
from ofa_export.validation.sweep import Output, Sweep, Swept
from ofa_export.validation.tolerance import Limit

SECOND_LOOK = 24
"""Further histories of a length, or of a combination of blocks, at which none agreed: by chance all are off once in
10^12 where one of four is off by chance."""

LOOKED_AT = 16
"""Histories of one output below its limit that are tried with inputs moved in their last digits; more are no chance. Of
8,084 sound ones none was below, of 859 of up to 200 items one."""

ENOUGH = 8
"""Histories that must have a combination of gates before it counts that none of them agrees."""

ELSEWHERE = 0.9
"""Share of all other histories that have to agree before a length, or a combination, is where a defect is."""

NAMED = 8
"""Kinds of histories that a sentence names before it only counts."""


def sweep_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare made histories, and the real ones again, with the quantised reference: each by itself.

    Args:
        comparison: with a bundle that the target loads.

    Yields:
        `sweep.GRAPH.OUTPUT.snr_db`, or `.max_abs_err` where the reference is zero; `sweep.lengths.differing_count`,
        `sweep.blocks.differing_count`, `sweep.own_gates.differing_count`; `sweep.gates.undue_count`. Nothing where the
        recipe has no limit for it.
    """
    floor, exact_floor = comparison.policy.history_snr_db, comparison.policy.rounding_snr_db
    if floor is None or exact_floor is None:
        return
    sweep = comparison.sweep
    known = {graph.spec.name for graph in comparison.quantised_graphs}
    exact = set(unrounded_outputs(comparison.quantised_graphs))
    for output, swept in sweep.outputs.items():
        limit = exact_floor if output in exact else floor
        if output[0] not in known:
            limit = comparison.limits.graph_snr_db or floor
        yield _history_finding(comparison, output, swept, limit, rounded=output not in exact)
    rounded = [output for output, swept in sweep.outputs.items() if output[0] in known and not swept.silent]
    yield _lengths_finding(comparison, rounded, exact_floor)
    yield _blocks_finding(comparison, rounded, exact_floor)
    yield _gates_finding(comparison, rounded, exact_floor)
    yield at_most(
        "sweep.gates.undue_count",
        int(sweep.undue.sum()),
        0,
        "count",
        f"Gates that do not follow from the device's own logits, of {len(sweep.rows)} real and made histories.",
    )


def described(comparison: Comparison, history: int) -> str:
    """Name a history of a sweep: a real one by its name, a made one by what is in it.

    Args:
        comparison: whose `sweep` it is.
        history: its number.
    """
    names, sweep = comparison.histories.names, comparison.sweep
    if history < len(names):
        return names[history]
    items, off = sweep.rows[history][sweep.rows[history] >= 0], np.flatnonzero(~sweep.blocks[history])
    first = ", ".join(map(str, items[:3])) + (", …" if len(items) > 3 else "")
    repeats = ", some repeated" if len(np.unique(items)) < len(items) else ""
    blocks = f", without block {' and '.join(map(str, off))}" if len(off) else ""
    return f"a made history of {len(items)} items (rows {first}{repeats}{blocks})"


def _history_finding(comparison: Comparison, output: Output, swept: Swept, floor: Limit, *, rounded: bool) -> Finding:
    graph, name = output
    subject = f"Output {name} of graph {graph} in the bundle against PyTorch that rounds as the runtime does"
    count = f"{len(swept.noise)} real and made histories"
    if swept.silent:
        worst = int(np.argmax(np.where(np.isfinite(swept.abs_err), swept.abs_err, np.inf)))
        return at_most(
            f"sweep.{graph}.{name}.max_abs_err",
            float(swept.abs_err[worst]),
            comparison.policy.silent_max_abs_err.limit,
            "abs",
            f"{subject}, which is zero; the worst of {count} is {described(comparison, worst)}.",
        )
    snr_db, chances = swept.snr_db.copy(), 0
    if rounded and 0 < np.count_nonzero(~(snr_db >= floor.limit)) <= LOOKED_AT:
        for history in np.flatnonzero(~(snr_db >= floor.limit)).tolist():
            again = comparison.nearest_rounding_db(history, graph=graph, output=name)
            chances += again >= floor.limit
            snr_db[history] = max(snr_db[history], again)
    worst = int(snr_db.argmin())
    below = int((~(snr_db >= floor.limit)).sum())
    error = swept.abs_err[worst]
    chance = (
        f"; {chances} would be, but for activations half way between two steps: the reference answers alike with "
        "inputs that are moved in their last digits"
        if chances
        else ""
    )
    lost = "values that are NaN or infinite" if np.isnan(error) else f"an absolute error of {error:.2e}"
    return at_least(
        f"sweep.{graph}.{name}.snr_db",
        float(snr_db[worst]),
        floor.limit,
        "dB",
        f"{subject}, history by history; the worst of {count} is {described(comparison, worst)}, with {lost}; "
        f"{below or 'none'} of them {'is' if below == 1 else 'are'} below the limit{chance}.",
    )


def _lengths_finding(comparison: Comparison, outputs: list[Output], floor: Limit) -> Finding:
    sweep, model = comparison.sweep, comparison.checkpoint.config.model

    def again(length: int) -> Sweep:
        rows = of_length(length, items=model.items, history_length=model.history_length, count=SECOND_LOOK)
        return comparison.swept(rows, np.resize(sweep.blocks[sweep.lengths == length], (SECOND_LOOK, model.depth)))

    wrong = wrong_kinds(sweep, sweep.lengths, outputs, floor, again)
    named = {f"{length} items": output for length, output in wrong.items()}
    elsewhere = agreeing_elsewhere(sweep, sweep.lengths, wrong, floor)
    return _kinds_finding("sweep.lengths", f"Lengths, of 1 to {model.history_length},", named, floor, elsewhere)


def _blocks_finding(comparison: Comparison, outputs: list[Output], floor: Limit) -> Finding:
    sweep, made = comparison.sweep, comparison.sweep.rows[len(comparison.histories) :]
    combinations, kinds = np.unique(sweep.blocks, axis=0, return_inverse=True)

    def again(kind: int) -> Sweep:
        rows = made[:: max(1, len(made) // SECOND_LOOK)]
        return comparison.swept(rows, np.resize(combinations[kind], (len(rows), combinations.shape[1])))

    wrong = wrong_kinds(sweep, kinds.reshape(-1), outputs, floor, again)
    named = {_named(combinations[kind]): output for kind, output in wrong.items()}
    elsewhere = agreeing_elsewhere(sweep, kinds.reshape(-1), wrong, floor)
    subject = f"Combinations of blocks that ran, of {len(combinations)},"
    return _kinds_finding("sweep.blocks", subject, named, floor, elsewhere)


def _gates_finding(comparison: Comparison, outputs: list[Output], floor: Limit) -> Finding:
    """Which gates a history has of its own cannot be forced, so a combination counts where enough histories have it."""
    sweep = comparison.sweep
    combinations, kinds, counts = np.unique(sweep.gates, axis=0, return_inverse=True, return_counts=True)
    rare = np.flatnonzero(counts < ENOUGH)
    counted = np.where(np.isin(kinds.reshape(-1), rare), -1, kinds.reshape(-1))
    wrong = wrong_kinds(sweep, counted, [output for output in outputs if output[0] == "adapt"], floor)
    named = {_named(combinations[kind]): output for kind, output in wrong.items()}
    elsewhere = agreeing_elsewhere(sweep, counted, wrong, floor)
    subject = f"Combinations of gates, of {len(combinations) - len(rare)} that {ENOUGH} histories and more have,"
    return _kinds_finding("sweep.own_gates", subject, named, floor, elsewhere)


def wrong_kinds(
    sweep: Sweep,
    kinds: NDArray[Any],
    outputs: list[Output],
    floor: Limit,
    again: Callable[[int], Sweep] | None = None,
) -> dict[int, Output]:
    """Find kinds of histories of which none agrees, also at a second look.

    Args:
        sweep: of M histories.
        kinds: the kind of each, `[M]`; those below 0 are none.
        outputs: that are compared.
        floor: from which a history agrees, in decibels.
        again: runs further histories of a kind; None takes no second look.

    Returns:
        Kind -> the first output that says so.
    """
    agrees = {output: sweep.outputs[output].snr_db >= floor.limit for output in outputs}
    wrong = {}
    for kind in (each for each in np.unique(kinds).tolist() if each >= 0):
        suspects = [output for output in outputs if not agrees[output][kinds == kind].any()]
        # Where no history of any kind agrees, a second look would not find one either.
        if suspects and again is not None and any(agrees[output].any() for output in suspects):
            more = again(kind).outputs
            suspects = [output for output in suspects if not (more[output].snr_db >= floor.limit).any()]
        if suspects:
            wrong[kind] = suspects[0]
    return wrong


def agreeing_elsewhere(sweep: Sweep, kinds: NDArray[Any], wrong: Mapping[int, Output], floor: Limit) -> float:
    """Tell how many of the histories of other kinds agree in the outputs in which those of these kinds do not.

    Args:
        sweep: of M histories.
        kinds: the kind of each, `[M]`.
        wrong: from `wrong_kinds`.
        floor: from which a history agrees, in decibels.

    Returns:
        The share in the output in which it is least; 0 where there is no other kind.
    """
    others = ~np.isin(kinds, list(wrong))
    if not others.any():
        return 0.0
    agrees = [(sweep.outputs[output].snr_db[others] >= floor.limit).mean() for output in set(wrong.values())]
    return float(min(agrees, default=1.0))


def _kinds_finding(assertion: str, subject: str, wrong: dict[str, Output], floor: Limit, elsewhere: float) -> Finding:
    text = ": none"
    if wrong and elsewhere < ELSEWHERE:
        text = f"; elsewhere {elsewhere:.0%} agree, too few to say that this is the cause, which was not found"
    elif wrong:
        texts = [f"{kind} ({output} of {graph})" for kind, (graph, output) in list(wrong.items())[:NAMED]]
        more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        text = f": {', '.join(texts)}{more}; elsewhere {elsewhere:.0%} agree"
    return at_most(
        f"{assertion}.differing_count",
        len(wrong),
        0,
        "count",
        f"{subject} with which no history agrees with PyTorch that rounds as the runtime does to {floor.limit:g} "
        f"dB{text}.",
    )


def _named(blocks: NDArray[np.bool_]) -> str:
    on = np.flatnonzero(blocks)
    return f"{'block' if len(on) == 1 else 'blocks'} {' and '.join(map(str, on))}" if len(on) else "no block"
