from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ofa_export.model.extractor import PairExtractor


def extractor() -> PairExtractor:
    torch.manual_seed(0)
    return PairExtractor(8, 8).eval().requires_grad_(False)


def test_it_pools_products_of_an_item_and_the_one_before_it() -> None:
    pool, query, x = extractor(), torch.randn(8), torch.randn(3, 8)
    weights = pool.state_dict()

    def linear(name: str, value: Tensor) -> Tensor:
        return value @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)

    normed = [F.layer_norm(item, (8,)) for item in x]
    features = [
        linear("mix", linear("current", item) * linear("previous", before))
        for item, before in zip(normed, [torch.zeros(8), *normed], strict=False)
    ]
    shares = torch.softmax(torch.stack([linear("key", feature) @ query / 8**0.5 for feature in features]), dim=0)
    expected = F.layer_norm(sum(share * feature for share, feature in zip(shares, features, strict=True)), (8,))
    assert torch.allclose(pool(x[None], torch.ones(1, 3), query[None])[0], expected, atol=1e-5)


def test_padding_has_no_influence() -> None:
    pool, query = extractor(), torch.randn(1, 8)
    valid = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    x = torch.randn(1, 4, 8)
    changed = x.clone()
    changed[:, :2] = torch.randn(1, 2, 8)
    assert torch.equal(pool(x, valid, query), pool(changed, valid, query))


def test_a_longer_padding_pools_the_same() -> None:
    pool, query, x = extractor(), torch.randn(1, 8), torch.randn(1, 3, 8)
    padded = torch.cat([torch.zeros(1, 2, 8), x], dim=1)
    found = pool(padded, torch.tensor([[0.0, 0.0, 1.0, 1.0, 1.0]]), query)
    assert torch.allclose(found, pool(x, torch.ones(1, 3), query), atol=1e-6)


def test_it_sees_which_item_followed_which() -> None:
    pool, query = extractor(), torch.randn(1, 8)
    a, b, c = torch.randn(3, 8)
    one, other = torch.stack([a, b, a, c])[None], torch.stack([a, c, a, b])[None]
    assert not torch.allclose(pool(one, torch.ones(1, 4), query), pool(other, torch.ones(1, 4), query), atol=1e-3)


def test_all_histories_of_one_item_pool_alike() -> None:
    pool, x, query = extractor(), torch.randn(4, 3, 8), torch.randn(1, 8).expand(4, -1)
    pooled = pool(x, torch.tensor([0.0, 0.0, 1.0]).expand(4, -1), query)
    assert torch.allclose(pooled, pooled[:1].expand(4, -1), atol=1e-6)


def test_the_query_decides_where_it_looks() -> None:
    pool, x = extractor(), torch.randn(1, 4, 8)
    query = torch.randn(1, 8)
    assert not torch.allclose(pool(x, torch.ones(1, 4), query), pool(x, torch.ones(1, 4), -query), atol=1e-3)
