from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.blocks.backbones import BACKBONES
from ofa_export.model.config import IMPORTED_BACKBONES, BackboneName, ModelConfig
from ofa_export.model.controller import hard_gates, sampled_gates
from ofa_export.model.network import Adaptation, AdaptiveRecommender, lookup


def plain_static_scores(model: AdaptiveRecommender, table: Tensor, items: list[int]) -> Tensor:
    """The static net on one history without padding, from its weights: SASRec as a formula."""
    weights = model.state_dict()
    d, heads = model.config.width, model.config.heads

    def linear(block: int, name: str, x: Tensor) -> Tensor:
        prefix = f"blocks.{block}.linears.{name}.static"
        return x @ weights[f"{prefix}.weight"].T + weights[f"{prefix}.bias"]

    def norm(block: int, name: str, x: Tensor) -> Tensor:
        prefix = f"blocks.{block}.norms.{name}"
        return F.layer_norm(x, (d,), weights[f"{prefix}.gain"], weights[f"{prefix}.bias"])

    x = math.sqrt(d) * table[items] + weights["position"][-len(items) :]
    for block in range(model.config.depth):
        y = norm(block, "attention_norm", x)
        query, key, value = (linear(block, name, y) for name in ("query", "key", "value"))
        mixed = []
        for head in range(heads):
            part = slice(head * d // heads, (head + 1) * d // heads)
            rows = []
            for t in range(len(items)):
                logits = query[t, part] @ key[: t + 1, part].T / math.sqrt(d / heads)
                rows.append(torch.softmax(logits, dim=0) @ value[: t + 1, part])
            mixed.append(torch.stack(rows))
        x = x + linear(block, "out", torch.cat(mixed, dim=1))
        x = x + linear(block, "ffn_out", F.relu(linear(block, "ffn_in", norm(block, "ffn_norm", x))))
    state = F.layer_norm(x[-1], (d,), weights["final_norm.weight"], weights["final_norm.bias"])
    return state @ table.T


@pytest.fixture
def double_precision() -> Iterator[None]:
    """For what is equal as a formula: no rounding that a wrong formula could hide in."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def embedded(model: AdaptiveRecommender, histories: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    valid = model.valid((histories >= 0).sum(dim=1))
    return model.embed(lookup(table, histories), valid), valid


def scores(model: AdaptiveRecommender, histories: Tensor) -> Tensor:
    table = model.tables[0]
    return model(lookup(table, histories), (histories >= 0).sum(dim=1), table)


def test_open_gates_and_no_generated_parameters_are_the_static_net(
    model: AdaptiveRecommender, histories: Tensor, double_precision: None
) -> None:
    model.double()
    table = model.tables[0]
    x, valid = embedded(model, histories, table)
    hidden = model.assemble(x, valid, model.static_adaptation(len(x)))
    found = model.states(hidden)[:, -1] @ table.T
    for row, history in enumerate(histories):
        expected = plain_static_scores(model, table, history[history >= 0].tolist())
        assert torch.allclose(found[row], expected, atol=1e-10, rtol=0)


def test_the_static_net_keeps_its_blocks_when_gates_are_sampled(model: AdaptiveRecommender) -> None:
    torch.manual_seed(0)
    adaptation = model.static_adaptation(500)
    assert sampled_gates(adaptation.keep_logits).min() == 1
    assert torch.equal(hard_gates(adaptation.keep_logits), adaptation.gates)


def test_training_starts_at_the_static_net(config: ModelConfig, histories: Tensor) -> None:
    torch.manual_seed(0)
    fresh = AdaptiveRecommender(config).eval().requires_grad_(False)
    x, valid = embedded(fresh, histories, fresh.tables[0])
    adapted = fresh.assemble(x, valid, fresh.adapt(x, valid))
    assert torch.allclose(adapted, fresh.assemble(x, valid, fresh.static_adaptation(len(x))), atol=1e-6)


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_gate_equals_the_block_removed(model: AdaptiveRecommender, histories: Tensor, closed: int) -> None:
    x, valid = embedded(model, histories, model.tables[0])
    thetas = model.adapt(x, valid).thetas
    gates = torch.ones(len(x), 3)
    gates[:, closed] = 0
    found = model.assemble(x, valid, Adaptation(keep_logits=torch.zeros(len(x), 3, 2), gates=gates, thetas=thetas))
    expected = x
    for index, block in enumerate(model.blocks):
        if index != closed:
            expected = block(expected, valid, thetas[index])
    assert torch.allclose(found, expected, atol=1e-6)
    open_gates = Adaptation(keep_logits=torch.zeros(len(x), 3, 2), gates=torch.ones(len(x), 3), thetas=thetas)
    assert not torch.allclose(model.assemble(x, valid, open_gates), expected, atol=1e-3)


def test_gates_belong_to_their_own_user(model: AdaptiveRecommender, histories: Tensor) -> None:
    x, valid = embedded(model, histories, model.tables[0])
    found = model.adapt(x, valid)
    assert len({tuple(gates) for gates in found.gates.tolist()}) > 1
    together = model.assemble(x, valid, found)
    for user in range(len(x)):
        alone = Adaptation(
            keep_logits=found.keep_logits[user : user + 1],
            gates=found.gates[user : user + 1],
            thetas=tuple(theta[user : user + 1] for theta in found.thetas),
        )
        result = model.assemble(x[user : user + 1], valid[user : user + 1], alone)
        assert torch.allclose(result[0], together[user], atol=1e-5)


def test_padding_has_no_influence(model: AdaptiveRecommender, histories: Tensor) -> None:
    table = model.tables[0]
    length = (histories >= 0).sum(dim=1)
    clean = lookup(table, histories)
    dirty = torch.where(histories[:, :, None] >= 0, clean, 100 * torch.randn_like(clean))
    valid = model.valid(length)
    expected, found = (model.adapt(model.embed(history, valid), valid) for history in (clean, dirty))
    for theta, other in zip(expected.thetas, found.thetas, strict=True):
        assert torch.equal(theta, other)
    assert torch.equal(model(clean, length, table), model(dirty, length, table))


def test_the_length_of_the_padding_decides_only_the_positions(model: AdaptiveRecommender) -> None:
    table = model.tables[0]
    x, valid = embedded(model, torch.tensor([[-1, -1, -1, 4, 7, 2]]), table)
    hidden = model.assemble(x, valid, model.static_adaptation(1))
    assert (hidden[0, :3] == 0).all()


def test_every_item_of_a_history_counts(model: AdaptiveRecommender, histories: Tensor) -> None:
    full = histories[-1:]
    expected = model.adapt(*embedded(model, full, model.tables[0]))
    for position in range(full.shape[1]):
        changed = full.clone()
        changed[0, position] = next(item for item in range(30) if item not in full[0])
        found = model.adapt(*embedded(model, changed, model.tables[0]))
        for theta, other in zip(expected.thetas, found.thetas, strict=True):
            assert not torch.allclose(theta, other, atol=1e-4)


def test_the_order_of_a_history_counts(model: AdaptiveRecommender, histories: Tensor) -> None:
    full = histories[-1:]
    expected = model.adapt(*embedded(model, full, model.tables[0]))
    found = model.adapt(*embedded(model, full.flip(1), model.tables[0]))
    assert not torch.allclose(expected.thetas[0], found.thetas[0], atol=1e-4)


def test_permuting_users_permutes_results(model: AdaptiveRecommender, histories: Tensor) -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert torch.allclose(scores(model, histories[order]), scores(model, histories)[order], atol=1e-5)


@pytest.mark.parametrize("length", [1, 2, 6])
def test_a_history_gives_the_same_scores_alone_and_in_a_batch(
    model: AdaptiveRecommender, histories: Tensor, length: int
) -> None:
    alone = scores(model, histories[length - 1 : length])
    assert alone.shape == (1, 30)
    assert torch.isfinite(alone).all()
    assert torch.allclose(alone[0], scores(model, histories)[length - 1], atol=1e-5)


def test_an_embedded_item_is_scaled_and_gets_its_position(model: AdaptiveRecommender) -> None:
    table = model.tables[0]
    x, _ = embedded(model, torch.tensor([[-1, -1, -1, -1, 9, 3]]), table)
    assert torch.allclose(x[0, -1], 4 * table[3] + model.position[-1], atol=1e-6)
    assert (x[0, :4] == 0).all()


def test_lookup_is_zero_where_padded(model: AdaptiveRecommender) -> None:
    found = lookup(model.tables[1], torch.tensor([[-1, 0]]))
    assert (found[0, 0] == 0).all()
    assert torch.equal(found[0, 1], model.tables[1, 0])


@pytest.mark.parametrize("backbone", [name for name in BACKBONES if name not in IMPORTED_BACKBONES])
def test_padding_that_no_history_needs_may_be_left_out(backbone: BackboneName) -> None:
    config = ModelConfig(
        items=9, width=16, depth=2, heads=2, history_length=12, rank=2, item_groups=1, backbone=backbone
    )
    model = AdaptiveRecommender(config).eval().requires_grad_(False)
    rows = torch.full((2, 12), -1)
    rows[0, -1:], rows[1, -3:] = 4, torch.tensor([2, 4, 1])
    whole, short = (model.static_states(model.tables[0], part) for part in (rows, rows[:, -3:]))
    torch.testing.assert_close(whole[:, -3:][rows[:, -3:] >= 0], short[rows[:, -3:] >= 0], rtol=0, atol=1e-5)


def test_rows_are_looked_up_and_embedded_where_they_are_real(model: AdaptiveRecommender) -> None:
    table, rows = model.tables[0].detach(), torch.full((2, model.config.history_length), -1)
    rows[0, -1:], rows[1, -3:] = 4, torch.tensor([2, 4, 1])
    x, valid = model.embed_rows(table, rows)
    assert valid.sum(dim=1).tolist() == [1, 3]
    assert torch.equal(valid, model.valid(torch.tensor([1, 3])))
    assert torch.equal(x, model.embed(lookup(table, rows), valid))
    expected = model.states(model.assemble(x, valid, model.static_adaptation(2)))
    torch.testing.assert_close(model.static_states(table, rows), expected, rtol=0, atol=1e-5)
