from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ofa_export.training.dropout import set_dropout
from ofa_export.training.training_run import TrainingRun


def test_the_mapper_has_its_own_share(run_of: Callable[..., TrainingRun]) -> None:
    model = run_of().model
    set_dropout(model, 0.3, mapper_share=0.1)
    shares = {name: module.p for name, module in model.named_modules() if isinstance(module, nn.Dropout)}
    assert shares.pop("mapper.dropout") == 0.1
    assert set(shares) == {"dropout", "blocks.0.dropout", "blocks.1.dropout"}
    assert set(shares.values()) == {0.3}
    set_dropout(model, 0.2)
    assert model.mapper.dropout.p == 0
