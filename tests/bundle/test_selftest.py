from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from ofa_export.bundle.manifest import Shapes
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.writer import BundleContents
from ofa_export.errors import BundleError, ConfigError


@pytest.fixture
def selftest(contents: BundleContents) -> SelfTest:
    return contents.selftest


@pytest.fixture
def shapes(contents: BundleContents) -> Shapes:
    return contents.fields.shapes


def test_it_survives_unchanged(selftest: SelfTest, shapes: Shapes) -> None:
    again = SelfTest.from_bytes(selftest.to_bytes(), shapes, items=23)
    assert again.to_bytes() == selftest.to_bytes()
    assert again.cases == 3
    assert np.array_equal(again.history(1), selftest.rows[1:3].astype(np.float32))
    assert again.history(2).shape == (6, 16)


CHANGES: list[tuple[str, Any, str]] = [
    ("rows", lambda a: a[:-1], "rows has shape"),
    ("rows", lambda a: a.astype(np.float32), "rows is float32"),
    ("rows", lambda a: a * np.float16(np.nan), "not finite"),
    ("lengths", lambda a: a * 0, "lengths holds a value"),
    ("lengths", lambda a: a + 5, "lengths holds a value"),
    ("lengths", lambda a: a.reshape(-1, 1), "axes"),
    ("lengths", lambda a: np.int32(1), "axes"),
    ("candidates", lambda a: np.repeat(a, 2, axis=0), "at most 4"),
    ("candidates", lambda a: a[:0], "axes"),
    ("gates", lambda a: a * np.float32(0.5), "other than 0 and 1"),
    ("gates", lambda a: a[:, :2], "gates has shape"),
    ("keep_logits", lambda a: a[..., :1], "keep_logits has shape"),
    ("scores", lambda a: a[:1], "scores has shape"),
    ("tile_items", lambda a: a + 1, r"outside 0\.\.22"),
    ("tile_items", lambda a: a - 1, r"outside 0\.\.22"),
    ("tile_codes", lambda a: a[:, :8], "tile_codes has shape"),
]


@pytest.mark.parametrize(("name", "change", "sentence"), CHANGES)
def test_tensors_that_do_not_fit_are_named(
    selftest: SelfTest, shapes: Shapes, name: str, change: Any, sentence: str
) -> None:
    with np.errstate(invalid="ignore"):
        changed = change(getattr(selftest, name))
    with pytest.raises(ConfigError, match=sentence):
        replace(selftest, **{name: changed}).check(shapes, items=23)
    if np.ndim(changed):
        with pytest.raises(BundleError, match=sentence) as caught:
            SelfTest.from_bytes(replace(selftest, **{name: changed}).to_bytes(), shapes, items=23)
        assert caught.value.entry == "selftest.bin"


def test_missing_and_added_tensors_are_rejected(selftest: SelfTest, shapes: Shapes) -> None:
    tensors = safetensors.numpy.load(selftest.to_bytes())
    for other in (dict(list(tensors.items())[1:]), {**tensors, "extra": np.zeros(1, np.float32)}):
        with pytest.raises(BundleError, match="needed are"):
            SelfTest.from_bytes(safetensors.numpy.save(other), shapes, items=23)


@pytest.mark.parametrize("length", [0, 7, 8, 100, -1])
def test_what_is_no_safetensors_file_is_rejected(selftest: SelfTest, shapes: Shapes, length: int) -> None:
    with pytest.raises(BundleError, match="not a safetensors file"):
        SelfTest.from_bytes(selftest.to_bytes()[:length], shapes, items=23)


def test_element_types_that_numpy_lacks_are_rejected(selftest: SelfTest, shapes: Shapes) -> None:
    data = selftest.to_bytes().replace(b'"F16"', b'"BF16"').replace(b"}}  ", b"}}")
    with pytest.raises(BundleError):
        SelfTest.from_bytes(data, shapes, items=23)
