"""An imported net gives the scores of its source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from torch import Tensor

from ofa_export.data.catalogue import SOURCE_HISTORIES
from ofa_export.data.sample import DataSet
from ofa_export.importing.importer import import_checkpoint
from ofa_export.importing.source import Source
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.model.network import lookup

T = 7


def imported(saved, name: str, data: DataSet, folder: Path, *, heads: int = 2) -> Checkpoint:
    source = Source(state_dict=saved.path, format=name, heads=heads)
    import_checkpoint(source, data, folder / "checkpoint", rank=3)
    return load_checkpoint(folder / "checkpoint")


def our_scores(checkpoint: Checkpoint, history: list[int]) -> Tensor:
    """Scores of the source's items 1 … n, from the rows of the checkpoint."""
    row_of = {key: row for row, key in enumerate(checkpoint.item_keys)}
    T = checkpoint.config.model.history_length
    rows = torch.full((1, T), -1)
    rows[0, T - len(history) :] = torch.tensor([row_of[str(item)] for item in history])
    table = checkpoint.table(0)
    found = checkpoint.model(lookup(table, rows), torch.tensor([len(history)]), table)[0]
    return found[[row_of[str(item)] for item in range(1, len(row_of) + 1)]]


@pytest.mark.parametrize(("heads", "width"), [(1, 16), (2, 16), (4, 16), (1, 50), (2, 50), (5, 50), (3, 9)])
def test_scores_are_those_of_the_source_for_histories_of_every_length(
    saved_as: Callable[..., object], name: str, data: DataSet, tmp_path: Path, heads: int, width: int
) -> None:
    saved = saved_as(name, heads=heads, width=width)
    checkpoint = imported(saved, name, data, tmp_path, heads=heads)
    generator = torch.Generator().manual_seed(heads)
    for length in range(1, T + 1):
        history = (1 + torch.randperm(26, generator=generator)[:length]).tolist()
        expected = saved.model.score(history)
        assert torch.allclose(our_scores(checkpoint, history), expected, atol=1e-5), length
        assert expected.std() > 0.05
    model = checkpoint.config.model
    assert model.width % 8 == model.width % heads == 0
    assert model.normalised_width == width


@pytest.mark.parametrize("form", ["pmixer-unmasked", "pmixer-norm-first", "pmixer-norm-last"])
@pytest.mark.parametrize("width", [16, 50])
def test_padding_that_is_not_zero_is_looked_at_as_in_the_source(
    saved_as: Callable[..., object], data: DataSet, tmp_path: Path, form: str, width: int
) -> None:
    saved = saved_as(form, width=width)
    with torch.no_grad():
        saved.model.item_emb.weight[0] = 0.1 * torch.randn(width)
        saved.model.pos_emb.weight[0] = 0.1 * torch.randn(width)
    without = [saved.model.score([3, 4])]
    torch.save(saved.model.state_dict(), saved.path)
    checkpoint = imported(saved, form, data, tmp_path)
    for history in ([3], [3, 4], [5, 3, 9, 2, 7, 1], [5, 3, 9, 2, 7, 1, 8]):
        assert torch.allclose(our_scores(checkpoint, history), saved.model.score(history), atol=1e-5)
    saved.model.item_emb.weight[0] = 0
    saved.model.pos_emb.weight[0] = 0
    assert not torch.allclose(without[0], saved.model.score([3, 4]), atol=0.01)


def test_a_published_checkpoint_of_50_dimensions(published, tmp_path: Path) -> None:
    rows = [(f"u{user}", str(1 + (7 * user + step) % 3416), step) for user in range(20) for step in range(3 + user)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    shop = DataSet(name="ml", interactions=frame, recipe=SOURCE_HISTORIES.histories)
    import_checkpoint(Source(state_dict=published.path, format="pmixer", heads=1), shop, tmp_path / "checkpoint")
    checkpoint = load_checkpoint(tmp_path / "checkpoint")
    assert (checkpoint.config.model.width, checkpoint.config.model.normalised_width) == (56, 50)
    generator = torch.Generator().manual_seed(0)
    for length in (1, 2, 50, 199, 200):
        history = (1 + torch.randperm(3416, generator=generator)[:length]).tolist()
        expected = published.model.score(history)
        # Trained scores reach 60; float32 keeps seven digits of them.
        assert torch.allclose(our_scores(checkpoint, history), expected, atol=5e-5, rtol=1e-6)


def test_another_format_of_the_same_tensors_gives_other_scores(
    saved_as: Callable[..., object], data: DataSet, tmp_path: Path
) -> None:
    saved = saved_as("pmixer-norm-first")
    checkpoint = imported(saved, "pmixer-norm-last", data, tmp_path)
    assert not torch.allclose(our_scores(checkpoint, [3, 4]), saved.model.score([3, 4]), atol=0.05)


def test_the_inner_width_may_be_anything(saved_as: Callable[..., object], data: DataSet, tmp_path: Path) -> None:
    saved = saved_as("recbole", inner=16)
    checkpoint = imported(saved, "recbole", data, tmp_path)
    assert checkpoint.config.model.inner_width == 16
    assert torch.allclose(our_scores(checkpoint, [3, 4]), saved.model.score([3, 4]), atol=1e-5)


def test_what_adapts_is_neutral(saved_as: Callable[..., object], name: str, data: DataSet, tmp_path: Path) -> None:
    checkpoint = imported(saved_as(name), name, data, tmp_path)
    model, validation = checkpoint.model, checkpoint.validation
    rows = torch.from_numpy(validation.histories).long()
    valid = model.valid(torch.from_numpy(validation.lengths))
    adaptation = model.adapt(model.embed(lookup(checkpoint.table(0), rows), valid), valid)
    assert (adaptation.gates == 1).all()
    assert (adaptation.keep_logits[:, :, 1] - adaptation.keep_logits[:, :, 0] >= 4).all()
    assert not any(theta.any() for theta in adaptation.thetas)
    assert checkpoint.config.training["probe_ndcg_at_10"]["static"] > 0
