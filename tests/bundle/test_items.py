from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.bundle import items
from ofa_export.bundle.items import MAX_ITEM_BYTES, ItemCatalogue, items_entry
from ofa_export.errors import BundleError, ConfigError, HistoryError

texts = st.text(st.characters(exclude_characters="\n", exclude_categories=("Cs",)), max_size=20)
CATALOGUE = ItemCatalogue(keys=("85123A", "22423", "47566"), titles=("HEART HOLDER", "CAKESTAND", ""))


def _packed(text: bytes, *, count: int = 1, raw: int | None = None, magic: bytes = b"OFAI", version: int = 1) -> bytes:
    length = len(text) if raw is None else raw
    return struct.pack("<4sIII", magic, version, count, length) + zlib.compress(text)


@given(st.lists(texts.filter(bool), min_size=1, max_size=8, unique=True), st.data())
def test_any_text_without_newlines_survives(keys: list[str], data: st.DataObject) -> None:
    titles = data.draw(st.lists(texts, min_size=len(keys), max_size=len(keys)))
    catalogue = ItemCatalogue(keys=tuple(keys), titles=tuple(titles))
    assert ItemCatalogue.from_bytes(catalogue.to_bytes(), items=len(keys)) == catalogue
    assert [catalogue.row_of(key) for key in keys] == list(range(len(keys)))


def test_unknown_keys_have_no_row() -> None:
    assert CATALOGUE.row_of("nothing") is None


def test_a_history_keeps_its_order_and_lists_what_is_unknown() -> None:
    known = CATALOGUE.history(["47566", "x", "85123A", "47566"])
    assert (known.rows, known.unknown) == ((2, 0, 2), ("x",))


def test_a_history_of_unknown_items_names_the_nearest_key() -> None:
    with pytest.raises(HistoryError, match="nearest to '85123B' is '85123A'"):
        CATALOGUE.history(["nothing", "85123B"])


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(HistoryError, match="empty"):
        CATALOGUE.history([])


@pytest.mark.parametrize(
    ("keys", "titles", "sentence"),
    [
        ((), (), "key and a title"),
        (("a",), (), "key and a title"),
        (("a", "b", "a"), ("", "", ""), "'a' appears twice"),
        (("",), ("t",), "empty key"),
        (("a\nb",), ("t",), "newline"),
        (("a",), ("t\n",), "newline"),
        (("a",), ("\ud800",), "not valid text"),
        (("a",), ("x" * MAX_ITEM_BYTES,), "limit"),
    ],
)
def test_items_that_cannot_be_written_are_refused(
    keys: tuple[str, ...], titles: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        ItemCatalogue(keys=keys, titles=titles)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"OFAI", "fewer than its header"),
        (_packed(b"a\nb", magic=b"ABCD"), "starts with"),
        (_packed(b"a\nb", version=2), "version 2"),
        (_packed(b"a\nb", count=2), "manifest says 1"),
        (_packed(b"a\nb", raw=MAX_ITEM_BYTES + 1), "over the limit"),
        (_packed(b"a\nb", raw=2), "does not end"),
        (_packed(b"a\nb", raw=4), "does not end"),
        (_packed(b"a\nb") + b"x", "does not end"),
        (_packed(b"a\nb")[:-6], "does not end"),
        (_packed(b"a\nb")[:16] + b"garbage", "cannot be decompressed"),
        (_packed(b"\xff\nb"), "not UTF-8"),
        (_packed(b"a\nb\nc"), "3 lines"),
        (_packed(b"\nb"), "empty key"),
    ],
)
def test_bytes_that_no_catalogue_writes_are_rejected(data: bytes, sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence) as caught:
        ItemCatalogue.from_bytes(data, items=1)
    assert caught.value.entry == "items.bin"


def test_a_decompression_bomb_stops_at_the_promised_length() -> None:
    bomb = _packed(b"a" * 50_000_000, raw=500)
    with pytest.raises(BundleError, match="does not end after the 500 bytes"):
        ItemCatalogue.from_bytes(bomb, items=1)


def test_items_in_pieces_are_the_same_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, titles = [f"K{row}" for row in range(40)], [f"Täßchen {row}" for row in range(40)]
    whole = items_entry(keys, titles)
    assert zlib.decompress(whole[16:]).decode() == "\n".join([*keys, *titles])
    monkeypatch.setattr(items, "ITEMS_AT_ONCE", 7)
    assert items_entry(keys, titles) == whole
