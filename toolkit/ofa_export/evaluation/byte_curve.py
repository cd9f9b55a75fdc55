"""Quality per byte: NDCG@10 of the static net with item tables of different sizes and methods."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ofa_export.data.histories import HeldOut
from ofa_export.evaluation.contenders import network_score
from ofa_export.evaluation.controls import ControlRuns
from ofa_export.evaluation.quality import Quality, measure
from ofa_export.evaluation.table_methods import TableMethod
from ofa_export.ranking.scoring import static_adapt


@dataclass(frozen=True, kw_only=True, eq=False)
class SizedQuality:
    """One table and how well it ranks.

    Args:
        method: name of the method.
        bytes: of the table.
        share: of the bytes of the fp32 table.
        quality: on the held-out items.
    """

    method: str
    bytes: int
    share: float
    quality: Quality


def byte_curve(runs: ControlRuns, held_out: HeldOut, methods: tuple[TableMethod, ...]) -> tuple[SizedQuality, ...]:
    """Measure every method at each of its sizes, and the full fp32 table of the first method's net as `full_table`.

    Args:
        runs: trains what is not in the cache.
        held_out: positions to predict.
        methods: ours first.

    Returns:
        `full_table`, then method by method in rising bytes.
    """
    histories, points = runs.subject.histories, []
    ours = runs.run(methods[0].control)
    full = ours.full_tables(0)
    fp32 = 4 * full.numel()
    quality = measure(network_score(ours.model, static_adapt(ours.model), full), held_out, histories)
    points.append(SizedQuality(method="full_table", bytes=fp32, share=1.0, quality=quality))
    for method in methods:
        run = runs.run(method.control)
        with torch.no_grad():
            for count, table in method.sized(run):
                score = network_score(run.model, static_adapt(run.model), table)
                points.append(
                    SizedQuality(
                        method=method.name,
                        bytes=count,
                        share=count / fp32,
                        quality=measure(score, held_out, histories),
                    )
                )
    return tuple(points)
