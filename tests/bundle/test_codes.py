from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle import codes
from ofa_export.bundle.codes import decode, encode
from ofa_export.errors import ConfigError


def _table(seed: int, items: int = 40, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(items, width)).astype(np.float32)


def test_codes_and_tables_agree_with_a_slow_reading_of_the_formula() -> None:
    table, sizes = _table(0), (15, 25)
    encoded = encode(table, group_sizes=sizes, clip=3.0, exponent=0.7)
    cells: dict[tuple[int, int], list[float]] = {}
    for g, rows in enumerate((range(15), range(15, 40))):
        for n in range(2):
            rms = np.sqrt(np.mean([float(table[v, 8 * n + j]) ** 2 for v in rows for j in range(8)]))
            assert encoded.rms[g, n] == np.float32(rms)
            for v in rows:
                for j in range(8):
                    z = float(table[v, 8 * n + j]) / float(encoded.rms[g, n])
                    x = max(-1.0, min(1.0, z / 3.0))
                    q = max(0, min(255, int(np.floor(128 * (1 + np.sign(x) * abs(x) ** 0.7)))))
                    assert encoded.codes[v, 8 * n + j] == q
                    for k in range(1, 9):
                        cells.setdefault((k, q >> (8 - k)), []).append(z)
    for (k, cell), members in cells.items():
        assert encoded.book.table(k)[cell] == pytest.approx(np.mean(members), rel=1e-6)


def test_empty_cells_hold_the_inverse_at_their_centre() -> None:
    book = encode(np.ones((4, 8), np.float32), group_sizes=(4,), clip=3.0, exponent=0.5).book
    # Every value is 1 = rms, so the negative half of table_1 is empty: f(x) = -0.5, x = -0.25, times the clip.
    assert book.table(1)[0] == pytest.approx(-0.75)
    assert book.table(1)[1] == pytest.approx(1.0)


def test_book_holds_510_values_in_eight_tables() -> None:
    book = encode(_table(3), group_sizes=(40,)).book
    assert [len(book.table(k)) for k in range(1, 9)] == [2, 4, 8, 16, 32, 64, 128, 256]
    assert np.array_equal(np.concatenate([book.table(k) for k in range(1, 9)]), book.values)


def test_blocks_of_zeros_and_absent_blocks_decode_to_positive_zero() -> None:
    table = _table(1)
    table[:20, 8:] = 0
    encoded = encode(table, group_sizes=(20, 20))
    decoded = decode(encoded, np.array([[8, 8], [0, 8]], np.uint8))
    assert decoded[:20, 8:].tobytes() == bytes(20 * 8 * 4)
    assert decoded[20:, :8].tobytes() == bytes(20 * 8 * 4)
    assert np.abs(decoded[20:, 8:] - table[20:, 8:]).max() < 0.5


def test_every_plane_makes_the_table_more_exact() -> None:
    table = _table(2, items=400)
    encoded = encode(table, group_sizes=(200, 200))
    errors = [float(np.square(decode(encoded, np.full((2, 2), k, np.uint8)) - table).mean()) for k in range(9)]
    assert errors == sorted(errors, reverse=True)
    # Fitted means cannot be worse than the best single sign magnitude of a normal variable (1 - 2 / pi).
    assert errors[1] == pytest.approx(1 - 2 / np.pi, abs=0.03)
    assert errors[8] < 0.001


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(1e-30, 1e30))
def test_any_scale_of_values_survives(seed: int, groups: int, scale: float) -> None:
    table = (_table(seed, items=8) * scale).astype(np.float32)
    encoded = encode(table, group_sizes=[len(part) for part in np.array_split(np.arange(8), groups)])
    decoded = decode(encoded, np.full((groups, 2), 8, np.uint8))
    assert np.isfinite(decoded).all()
    assert np.abs(decoded - table).max() <= 0.6 * np.abs(table).max()


@pytest.mark.parametrize(
    ("table", "sizes", "sentence"),
    [
        (np.zeros((4, 12), np.float32), (4,), "multiple of 8"),
        (np.zeros((0, 8), np.float32), (), "items, width"),
        (np.zeros((4, 8), np.float32), (3,), "add up"),
        (np.zeros((4, 8), np.float32), (4, 0), "at least one item"),
        (np.full((4, 8), np.nan, np.float32), (4,), "nan at row 0, column 0"),
    ],
)
def test_tables_that_cannot_be_coded_are_refused(table: np.ndarray, sizes: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        encode(table, group_sizes=sizes)


def test_parameters_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match="clip"):
        encode(_table(0), group_sizes=(40,), clip=0.0)


@pytest.mark.parametrize("piece", [1, 5, 16])
def test_a_table_that_is_coded_in_pieces_is_the_same_table(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    table = np.random.default_rng(8).normal(size=(33, 16)).astype(np.float32)
    whole = encode(table, group_sizes=[7, 26])
    monkeypatch.setattr(codes, "ROWS_AT_ONCE", piece)
    pieces = encode(table, group_sizes=[7, 26])
    assert np.array_equal(pieces.codes, whole.codes)
    assert np.array_equal(pieces.rms, whole.rms)
    # Means are added up in another order.
    assert np.allclose(pieces.book.values, whole.book.values, rtol=1e-6)


def test_a_clip_that_no_quotient_is_finite_for_limits_all_the_same() -> None:
    encoded = encode(_table(1), group_sizes=(40,), clip=5e-324)
    assert set(np.unique(encoded.codes)) == {0, 255}
