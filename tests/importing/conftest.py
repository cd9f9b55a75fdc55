"""The sources of imports written again from their formulas, with PyTorch's own layers and the real tensor names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ofa_export.data.catalogue import SOURCE_HISTORIES
from ofa_export.data.sample import DataSet

ITEMS, WIDTH, DEPTH, HEADS, T = 26, 16, 2, 2, 7
FORMATS = ("pmixer", "pmixer-unmasked", "pmixer-norm-first", "pmixer-norm-last", "recbole")


class PointWise(nn.Module):
    """Two convolutions of one tap with ReLU between; the residual is the caller's affair."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv1d(width, width, kernel_size=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(torch.relu(self.conv1(x.transpose(1, 2)))).transpose(1, 2)


class Pmixer(nn.Module):
    """SASRec.pytorch; `form` says which of its four forwards."""

    def __init__(
        self, form: str, *, heads: int = HEADS, width: int = WIDTH, items: int = ITEMS, positions: int = T
    ) -> None:
        super().__init__()
        self.form, self.width, self.positions = form, width, positions
        self.item_emb = nn.Embedding(items + 1, width, padding_idx=0)
        late = form != "pmixer"
        self.pos_emb = nn.Embedding(positions + late, width, padding_idx=0 if late else None)
        norm = lambda: nn.LayerNorm(width, eps=1e-8)  # noqa: E731
        self.attention_layernorms = nn.ModuleList(norm() for _ in range(DEPTH))
        self.attention_layers = nn.ModuleList(nn.MultiheadAttention(width, heads) for _ in range(DEPTH))
        self.forward_layernorms = nn.ModuleList(norm() for _ in range(DEPTH))
        self.forward_layers = nn.ModuleList(PointWise(width) for _ in range(DEPTH))
        self.last_layernorm = norm()

    def score(self, history: list[int]) -> Tensor:
        """Scores of items 1 … n after a history of item ids, padded with 0 on the left."""
        ids = torch.tensor([[0] * (self.positions - len(history)) + history])
        real = (ids != 0)[:, :, None]
        x = self.item_emb(ids) * self.width**0.5
        if self.form == "pmixer":
            x = (x + self.pos_emb(torch.arange(self.positions))) * real
        else:
            x = x + self.pos_emb(torch.arange(1, self.positions + 1) * (ids != 0))
        for number in range(DEPTH):
            x = self._block(number, x)
            if self.form == "pmixer":
                x = x * real
        return self.item_emb.weight[1:] @ self.last_layernorm(x)[0, -1]

    def _block(self, number: int, x: Tensor) -> Tensor:
        before, after = self.attention_layernorms[number], self.forward_layernorms[number]
        ffn = self.forward_layers[number]
        if self.form == "pmixer-norm-first":
            normed = before(x)
            x = x + self._attend(number, normed, normed)
            return x + ffn(after(x))
        if self.form == "pmixer-norm-last":
            x = before(x + self._attend(number, x, x))
            return after(x + ffn(x))
        query = before(x)
        x = after(query + self._attend(number, query, x))
        return x + ffn(x)

    def _attend(self, number: int, query: Tensor, key: Tensor) -> Tensor:
        future = ~torch.tril(torch.ones(self.positions, self.positions, dtype=torch.bool))
        query, key = query.transpose(0, 1), key.transpose(0, 1)
        mixed, _ = self.attention_layers[number](query, key, key, attn_mask=future)
        return mixed.transpose(0, 1)


class Attention(nn.Module):
    """Multi-head attention of RecBole, with its residual and LayerNorm."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.heads, self.width = heads, width
        self.query, self.key, self.value, self.dense = (nn.Linear(width, width) for _ in range(4))
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        heads = [layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key)]
        logits = heads[0] @ heads[1].transpose(2, 3) / math.sqrt(self.width // self.heads) + mask
        value = self.value(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
        mixed = (logits.softmax(-1) @ value).transpose(1, 2).flatten(2)
        return self.LayerNorm(self.dense(mixed) + x)


class FeedForward(nn.Module):
    """Feed-forward network of RecBole, with its residual and LayerNorm."""

    def __init__(self, inner: int, width: int) -> None:
        super().__init__()
        self.dense_1, self.dense_2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        return self.LayerNorm(self.dense_2(F.gelu(self.dense_1(x))) + x)


class Recbole(nn.Module):
    """SASRec of RecBole: histories padded on the right, the last real position is read."""

    def __init__(self, *, heads: int = HEADS, inner: int = 40, width: int = WIDTH) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(ITEMS + 1, width, padding_idx=0)
        self.position_embedding = nn.Embedding(T, width)
        self.trm_encoder = nn.Module()
        self.trm_encoder.layer = nn.ModuleList(
            nn.ModuleDict({"multi_head_attention": Attention(heads, width), "feed_forward": FeedForward(inner, width)})
            for _ in range(DEPTH)
        )
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def score(self, history: list[int]) -> Tensor:
        """Scores of items 1 … n after a history of item ids."""
        ids = torch.tensor([history + [0] * (T - len(history))])
        x = self.LayerNorm(self.item_embedding(ids) + self.position_embedding(torch.arange(T)))
        visible = (ids > 0)[:, None, None, :] & torch.tril(torch.ones(T, T, dtype=torch.bool))
        mask = torch.where(visible, 0.0, -10000.0)
        for layer in self.trm_encoder.layer:
            x = layer["feed_forward"](layer["multi_head_attention"](x, mask))
        return self.item_embedding.weight[1:] @ x[0, len(history) - 1]


SourceModel = Pmixer | Recbole


def source_model(name: str, *, inner: int = 40, **sizes: int) -> SourceModel:
    """A source with random weights of every kind; embeddings small, as RecBole starts them."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(11)
        made = Recbole(inner=inner, **sizes) if name == "recbole" else Pmixer(name, **sizes)
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
        for module in made.modules():
            if isinstance(module, nn.Embedding):
                module.weight *= 0.1
                if module.padding_idx == 0:
                    module.weight[0] = 0
    return made.eval().requires_grad_(False)


@pytest.fixture(params=FORMATS)
def name(request: pytest.FixtureRequest) -> str:
    """Each format in turn."""
    result: str = request.param
    return result


@pytest.fixture
def source(name: str) -> SourceModel:
    return source_model(name)


@dataclass(frozen=True)
class Saved:
    """A source's file."""

    model: SourceModel
    path: Path


@pytest.fixture
def saved_as(tmp_path: Path) -> Callable[..., Saved]:
    """A source and its file of torch.save: saved_as("recbole", heads=4)."""

    def save(name: str, **sizes: int) -> Saved:
        model = source_model(name, **sizes)
        torch.save(model.state_dict(), tmp_path / f"{name}.pth")
        return Saved(model, tmp_path / f"{name}.pth")

    return save


@pytest.fixture
def published() -> Saved:
    """A checkpoint as pmixer/SASRec.pytorch publishes it (Apache-2.0): MovieLens 1M, 50 dimensions, 200 positions."""
    path = Path(__file__).with_name("published-50-dimensions.pth")
    model = source_model("pmixer", heads=1, width=50, items=3416, positions=200)
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return Saved(model, path)


@pytest.fixture(scope="session")
def data() -> DataSet:
    """40 users who take items "2" … "24" one after another, and an item that no source knows; three have no user."""
    rng = np.random.default_rng(2)
    rows = [
        (f"u{user:02}", str(item), time)
        for user in range(40)
        for time, item in enumerate(2 + (rng.integers(23) + np.arange(3 + user % 9)) % 23)
    ]
    rows.append(("u00", "unknown", 99))
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return DataSet(
        name="shop", interactions=frame, titles={"5": "Five"}, recipe=SOURCE_HISTORIES.histories, licence="CC0"
    )
