"""Tables for a terminal: the errors of layers, and their cost."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from ofa_export.foreign_text import shown
from ofa_export.validation.layers.attribution import Attribution
from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.quantity import snr_text
from ofa_export.validation.reports.report import Report

SHOWN = 10
"""Rows of a table; JSON has all."""

BAR_DB, BAR_WIDTH = 5.0, 12
"""Signal-to-noise that a step of a bar stands for, and its steps at most."""


def layer_tables(report: Report) -> Iterator[Table | Text]:
    """Lay out the tables that `--layers` and `--attribute` add to a report.

    Args:
        report: of one bundle; nothing comes of one without either.
    """
    if report.layers:
        yield _errors(report.layers)
    if report.attribution:
        yield from _attribution(report.attribution)


def _errors(errors: tuple[LayerError, ...]) -> Table:
    table = Table(box=None, pad_edge=False, title=None)
    table.add_column(f"layer, worst {min(SHOWN, len(errors))} of {len(errors)}", no_wrap=True)
    table.add_column("scheme")
    for name in ("adds", "", "in all", "max_abs_err", "unexplained"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    for error in errors[:SHOWN]:
        finite = error.max_abs_err is not None
        table.add_row(
            Text(shown(error.layer)),
            shown(error.scheme),
            snr_text(error.own_snr_db, finite=finite),
            _bar(error.own_snr_db),
            snr_text(error.snr_db, finite=finite),
            f"{error.max_abs_err:.1e}" if error.max_abs_err is not None else "not finite",
            snr_text(error.unexplained_snr_db, finite=finite),
        )
    return table


def _bar(snr_db: float | None) -> str:
    """Longer is worse: a step for every 5 dB below 60."""
    steps = 0 if snr_db is None else round((BAR_WIDTH * BAR_DB - snr_db) / BAR_DB)
    return "█" * max(0, min(BAR_WIDTH, steps))


def _attribution(found: Attribution) -> Iterator[Table | Text]:
    table = Table(box=None, pad_edge=False)
    for name in ("NDCG@10", "", "cost"):
        table.add_column(name, justify="left" if name == "NDCG@10" else "right", no_wrap=True)
    table.add_row("as trained, full table", f"{found.trained_ndcg_at_10:.4f}", "")
    words = {"cut": "cut as the recipe says", "tiles": "tiles of the bundle", "precision": "rounded layers"}
    for loss in found.losses:
        table.add_row(words[loss.step], f"{loss.ndcg_at_10:.4f}", str(loss.cost))
    yield table
    if found.gains:
        gains = Table(box=None, pad_edge=False)
        gains.add_column(f"kept finer, best {min(SHOWN, len(found.gains))} of {len(found.gains)}", no_wrap=True)
        for name in ("at", "NDCG@10", "gain", "weights"):
            gains.add_column(name, justify="left" if name == "at" else "right", no_wrap=True)
        for gain in found.gains[:SHOWN]:
            gains.add_row(
                Text(shown(gain.layer)),
                shown(gain.scheme),
                f"{gain.ndcg_at_10:.4f}",
                gain.gain.signed,
                f"+{gain.extra_bytes:,} bytes",
            )
        yield gains
    yield Text(shown(found.verdict))
