from __future__ import annotations

import numpy as np
import torch

from ofa_export.graphs.device import device_graphs
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.ranking.scoring import score_histories
from ofa_export.validation.reference import run_reference


def test_graphs_chained_as_on_a_device_score_as_the_whole_model_does(checkpoint: Checkpoint) -> None:
    rows, table = checkpoint.validation.histories, checkpoint.table(0)
    reference = run_reference(device_graphs(checkpoint.model, candidates=len(table)), rows=rows, table=table)
    scores, gates = score_histories(checkpoint.model, checkpoint.model.adapt, table, rows)
    assert np.array_equal(reference.gates, gates)
    assert np.abs(reference.outputs["score"]["scores"] - scores).max() < 1e-5


def test_gates_of_the_toy_checkpoint_differ_between_histories(checkpoint: Checkpoint) -> None:
    # The tests beside this one would prove little if every history assembled the same blocks.
    graphs = device_graphs(checkpoint.model, candidates=4)
    reference = run_reference(graphs, rows=checkpoint.validation.histories, table=checkpoint.table(0))
    assert len(np.unique(reference.gates, axis=0)) > 1
    assert np.array_equal(reference.gates == 1, reference.gate_margins > 0)


def test_more_candidates_than_items_are_padded_with_zeros(checkpoint: Checkpoint) -> None:
    table = checkpoint.table(0)
    graphs = device_graphs(checkpoint.model, candidates=len(table) + 5)
    reference = run_reference(graphs, rows=checkpoint.validation.histories[:2], table=table)
    candidates = reference.inputs["score"]["candidates"]
    assert candidates.shape == (2, len(table) + 5, table.shape[1])
    assert not candidates[:, -5:].any()
    assert torch.equal(torch.from_numpy(candidates[0, :-5].copy()), table)
