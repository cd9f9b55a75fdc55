from __future__ import annotations

from collections.abc import Callable

import torch

from ofa_export.training.static_stage import train_static
from ofa_export.training.training_run import TrainingRun
from ofa_export.training.weight_decay import decayed_groups

MakeRun = Callable[..., TrainingRun]


def test_tables_and_matrices_decay_and_nothing_else(run_of: MakeRun) -> None:
    model = run_of().model
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    [decaying, other] = decayed_groups(model, [{"params": list(model.parameters()), "lr": 0.5}], 0.1)
    assert (decaying["weight_decay"], decaying["lr"]) == (0.1, 0.5)
    assert (other["weight_decay"], other["lr"]) == (0, 0.5)
    decayed = {names[id(parameter)] for parameter in decaying["params"]}
    spared = {names[id(parameter)] for parameter in other["params"]}
    assert len(decayed) + len(spared) == len(names)
    assert {"tables", "position"} <= decayed
    assert not [
        name for name in decayed if name.endswith((".bias", "gain", "_norm.weight", "basis.weight", ".out.weight"))
    ]
    assert {"final_norm.weight", "blocks.0.norms.ffn_norm.gain", "blocks.0.linears.out.static.bias"} <= spared
    assert {"blocks.0.linears.out.basis.weight", "mapper.generators.0.out.weight"} <= spared


def test_decay_shrinks_the_table_and_leaves_unused_bases_alone(run_of: MakeRun) -> None:
    """The static stage gives the bases of generated weights no gradient; decay must not take them away there."""
    norms, bases = [], []
    for decay in (0.0, 1.0):
        run = run_of(static={"epochs": 2, "weight_decay": decay})
        before = {name: value.clone() for name, value in run.model.state_dict().items() if "basis" in name}
        train_static(run)
        norms.append(run.model.tables.norm().item())
        bases.append(all(torch.equal(run.model.state_dict()[name], value) for name, value in before.items()))
    assert norms[1] < norms[0]
    assert bases == [True, True]
