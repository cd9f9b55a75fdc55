"""What a precision costs a model beyond what it promises, measured before anyone ships the bundle.

Rounding is what the model makes of it: some lose more than a precision is good for, and `validate` can then only say
so. Worst is a self-test that the rounded network does not pass itself, because every phone refuses such a bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ofa_export.converters.protocol import Converter
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.export_source import ExportSource
from ofa_export.precision import Scheme
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.decibels import decibels
from ofa_export.support.frozen_model import FrozenModel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from ofa_export.model.network import AdaptiveRecommender
    from ofa_export.planning.item_selection import ItemSelection

PROMISED_SNR_DB: Mapping[Scheme, float] = {"fp32": 80.0, "int8": 25.0, "int4": 15.0}
"""What scores of whole sessions reach, by the coarsest scheme: the limits of `validate` in its default recipe."""

HISTORIES = 200
"""Validation histories that are tried at most, evenly chosen, as many as `validate` compares."""

SCORES_AT_ONCE = 2**22
"""Scores that each of the two networks holds at once."""

EXACT_DB = 300.0
"""Stands for no error at all, which has no number in JSON."""


class PrecisionCost(FrozenModel):
    """Deviation of the network that rounds as on a device from the one that does not.

    Args:
        session_snr_db: of the scores of all items, in the worst history whose gates do not turn, in decibels.
        histories: how many were tried.
        flipped: of these, how many turn a gate.
        selftest_snr_db: of the worst case of the self-test, in decibels.
        selftest_flipped: gates of the self-test that turn.
    """

    session_snr_db: float
    histories: int
    flipped: int
    selftest_snr_db: float
    selftest_flipped: int

    def text(self, recipe: BundleRecipe) -> str | None:
        """Say in one line what the precision costs beyond its promise; None where it keeps it.

        Args:
            recipe: of the bundle.
        """
        promised, asked, found = PROMISED_SNR_DB[recipe.precision.schemes[-1]], recipe.selftest_snr_db, []
        if self.session_snr_db < promised:
            found.append(
                f"scores are at {self.session_snr_db:.1f} dB in the worst of {self.histories} histories, where "
                f"{promised:g} dB are promised"
            )
        if self.selftest_snr_db < asked or self.selftest_flipped:
            gates = f" and turns {self.selftest_flipped} of its gates" if self.selftest_flipped else ""
            found.append(
                f"the self-test reaches {self.selftest_snr_db:.1f} dB of the {asked:g} that the recipe asks for{gates}"
                ", so phones will refuse the bundle"
            )
        if not found:
            return None
        return (
            f"{recipe.precision.text} costs this model more than it promises: {'; '.join(found)}. "
            "Use a finer precision for all layers or for some (docs/precision.md)."
        )


def load_precision_cost(
    source: ExportSource, *, converter: Converter, recipe: BundleRecipe, store: ContentCache
) -> PrecisionCost:
    """Measure what the precision of a recipe costs, or take it from the store.

    Args:
        source: the checkpoint and the user group.
        converter: whose rounding counts.
        recipe: with every choice made.
        store: keeps measurements.

    Raises:
        CheckpointError: the checkpoint is rejected.
    """
    content = store.get(
        "precision-cost",
        source.inputs([converter.name, repr(converter.rules)], recipe.model_dump(mode="json", exclude={"tiles"})),
        lambda: (
            measure_precision_cost(source.selection(recipe.items), converter=converter, recipe=recipe)
            .model_dump_json()
            .encode()
        ),
        made_with=[converter],
    )
    return PrecisionCost.model_validate_json(content)


def measure_precision_cost(selection: ItemSelection, *, converter: Converter, recipe: BundleRecipe) -> PrecisionCost:
    """Run validation histories and the self-test through the network with and without rounding.

    Args:
        selection: the items of the bundle; the table has every tile.
        converter: whose rounding counts.
        recipe: with every choice made.
    """
    # Imported here: what was measured before must not cost the import of torch.
    import torch

    from ofa_export.model.exact import in_float64
    from ofa_export.model.fake_quantised import fake_quantised
    from ofa_export.planning.make_selftest import reference_answer, selftest_vectors
    from ofa_export.planning.reduced_checkpoint import bundled
    from ofa_export.support.processes import one_torch_thread

    with one_torch_thread():
        checkpoint, group = bundled(selection.checkpoint, recipe=recipe), selection.group
        every = checkpoint.validation.of_group(group).histories
        rows = every[np.unique(np.linspace(0, len(every) - 1, HISTORIES).astype(np.int64))] if len(every) else every
        # In float64: a rounded activation that last digits move to the next step is worth decibels.
        model = in_float64(checkpoint.model)
        rounded = in_float64(fake_quantised(checkpoint.model, recipe.precision, converter=converter))
        noise, signal, same = _deviations(model, rounded, torch.from_numpy(selection.table.all_rows()).double(), rows)
        test = selftest_vectors(
            checkpoint, group=group, recipe=recipe.selftest, table=selection.table, precision=recipe.precision
        )
        candidates = torch.from_numpy(test.candidates.astype(np.float64))
        answers = [
            reference_answer(rounded, torch.from_numpy(test.history(case)).double(), candidates)
            for case in range(test.cases)
        ]
    cases = [
        decibels(np.square(test.scores[case]).sum(), np.square(answer[2] - test.scores[case]).sum())
        for case, answer in enumerate(answers)
    ]
    flips = [np.count_nonzero(answer[0] != test.gates[case]) for case, answer in enumerate(answers)]
    return PrecisionCost(
        session_snr_db=_finite(decibels(signal, noise[same]).min(initial=EXACT_DB)),
        histories=len(rows),
        flipped=int((~same).sum()),
        selftest_snr_db=_finite(min(cases)),
        selftest_flipped=int(sum(flips)),
    )


def _deviations(
    model: AdaptiveRecommender, rounded: AdaptiveRecommender, table: Tensor, rows: NDArray[np.int32]
) -> tuple[NDArray[np.float64], float, NDArray[np.bool_]]:
    """Return each history's noise `[H]` over all items, the mean signal, and whose gates stay `[H]`."""
    from ofa_export.ranking.scoring import score_histories

    noise, same, signal = np.zeros(len(rows)), np.ones(len(rows), np.bool_), 0.0
    step = max(1, SCORES_AT_ONCE // len(table))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        scores, gates = score_histories(model, model.adapt, table, rows[part])
        rounded_scores, rounded_gates = score_histories(rounded, rounded.adapt, table, rows[part])
        noise[part] = np.square(rounded_scores - scores).sum(axis=1)
        same[part] = (gates == rounded_gates).all(axis=1)
        signal += float(np.square(scores).sum()) / len(rows)
    return noise, signal, same


def _finite(value: object) -> float:
    # Digits that a processor decides are left out.
    return round(float(np.clip(np.asarray(value, np.float64), -EXACT_DB, EXACT_DB)), 6)
