from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ofa_export.bundle.document import decimal_text
from ofa_export.bundle.manifest import MAX_MANIFEST_BYTES, Manifest, manifest_schema
from ofa_export.errors import BundleError

SCHEMA = Path(__file__).parents[2] / "docs" / "bundle-manifest.schema.json"


@pytest.fixture
def valid(entries: dict[str, bytes]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(entries["manifest.json"])
    return fields


def _bytes(fields: Any) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_schema_in_the_docs_is_current() -> None:
    assert SCHEMA.read_text() == manifest_schema()


def test_a_real_manifest_satisfies_the_schema(valid: dict[str, Any]) -> None:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(valid)
    assert not Draft202012Validator(schema).is_valid(valid | {"unknown": 1})


def test_a_manifest_survives_unchanged(entries: dict[str, bytes]) -> None:
    manifest = Manifest.from_bytes(entries["manifest.json"])
    assert manifest.to_bytes() == entries["manifest.json"]
    assert json.loads(manifest.recipe)["rates"] == [1e-05, 0.5]
    assert [graph.name for graph in manifest.graphs] == ["adapt", "block_0", "block_1", "block_2", "score"]


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        ("3.0", "made by a newer version"),
        ("1.0", "made by an older version"),
        ("one", "schema_version such as"),
        (2, "such as"),
    ],
)
def test_other_major_versions_have_their_own_sentence(valid: dict[str, Any], version: Any, sentence: str) -> None:
    # A newer manifest may have any other fields, so nothing else may be judged before the version.
    with pytest.raises(BundleError, match=sentence):
        Manifest.from_bytes(_bytes({"schema_version": version, "anything": valid}))


def test_texts_stand_as_they_are_and_only_what_json_asks_for_is_escaped(valid: dict[str, Any]) -> None:
    valid["data"]["licence"] = '"ä\u2028\x7f😀"\n\x01'
    text = _bytes(valid)
    assert Manifest.from_bytes(text).to_bytes() == text
    assert '"licence":"\\"ä\u2028\x7f😀\\"\\n\\u0001"'.encode() in text
    with pytest.raises(BundleError, match="canonical JSON"):
        Manifest.from_bytes(json.dumps(valid, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3.0"), (0.7, "0.7"), (20.125, "20.125"), (1e-5, "0.00001"), (0.0, "0.0")]
)
def test_numbers_that_are_not_whole_are_written_without_an_exponent(value: float, text: str) -> None:
    assert decimal_text(value) == text
    assert float(text) == value


def _group_sizes(fields: dict[str, Any]) -> None:
    fields["embeddings"]["group_sizes"][0] += 1


def _swap_entries(fields: dict[str, Any]) -> None:
    fields["entries"].reverse()


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for part in parents:
            fields = fields[int(part) if isinstance(fields, list) else part]  # type: ignore[index]
        fields[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set("surprise", 1), "surprise: Extra inputs"),
        (_set("shapes.surprise", 1), "shapes.surprise"),
        (_set("shapes.width", 24), "tensor contract"),
        (_set("shapes.width", 20), "multiple of 8"),
        (_set("shapes.width", "16"), "shapes.width"),
        (_set("shapes.depth", 10**9), "shapes.depth"),
        (_set("shapes.candidates", 0), "shapes.candidates"),
        (_set("graphs.0.inputs.0.shape", [1, 7, 16]), "tensor contract"),
        (_set("graphs.0.inputs.1.dtype", "float32"), "tensor contract"),
        (_set("graphs.1.name", "block_7"), "tensor contract"),
        (_set("entries.0.sha256", "zz"), "entries.0.sha256"),
        (_set("entries.0.bytes", -1), "entries.0.bytes"),
        (_set("entries.0.bytes", 2**40), "entries.0.bytes"),
        (_set("entries.0.name", "../x"), "entries.0.name"),
        (_set("entries.0.name", "weights.bin"), "the entries must be graphs"),
        (_swap_entries, "the entries must be graphs"),
        (_group_sizes, "add up to 24 items, not to 23"),
        (_set("embeddings.group_sizes", [0, 8, 15]), "group_sizes"),
        (_set("embeddings.group_sizes", []), "group_sizes"),
        (_set("embeddings.tiles_kept", 49), "49 kept tiles"),
        (_set("embeddings.tiles_kept", 2), "2 kept tiles"),
        (_set("embeddings.tiles_total", 56), "groups x blocks x planes"),
        (_set("embeddings.block_width", 4), "block_width"),
        (_set("embeddings.order", "random"), "embeddings.order"),
        (_set("embeddings.clip", 3.0), "embeddings.clip"),
        (_set("embeddings.clip", "0.0"), "clip 0.0 is not above 0"),
        (_set("embeddings.clip", "1e0"), "embeddings.clip"),
        (_set("embeddings.exponent", "0.05"), "exponent 0.05 is not in 0.1..1"),
        (_set("selftest.min_snr_db", "301.0"), "min_snr_db 301.0 is not in 0..300"),
        (_set("tools", {"näme": "1"}), "tools.näme"),
        (_set("quality.ndcg_at_10.full_table", "0.2"), "full_table"),
        (_set("quality.ndcg_at_10.full_table", 0.2), "full_table"),
        (
            _set(
                "quality.ndcg_at_10.by_tiles",
                [{"ndcg_at_10": "0.2000", "tiles": 8}, {"ndcg_at_10": "0.1000", "tiles": 3}],
            ),
            "ascending",
        ),
        (_set("quality.ndcg_at_10.by_tiles", [{"ndcg_at_10": "0.2000", "tiles": 3}] * 2), "ascending"),
        (_set("ranking.exclude_history", 1), "exclude_history"),
        (_set("budget_bytes", 0), "budget_bytes"),
        (_set("checkpoint_sha256", "AB" * 32), "checkpoint_sha256"),
        (_set("model_id", ""), "model_id"),
    ],
)
def test_fields_that_do_not_fit_are_named(
    valid: dict[str, Any], change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    change(valid)
    with pytest.raises(BundleError, match=sentence) as caught:
        Manifest.from_bytes(_bytes(valid))
    assert caught.value.entry == "manifest.json"


@pytest.mark.parametrize("field", ["model_id", "shapes", "entries", "recipe", "data", "selftest"])
def test_missing_fields_are_named(valid: dict[str, Any], field: str) -> None:
    del valid[field]
    with pytest.raises(BundleError, match=f"{field}: Field required"):
        Manifest.from_bytes(_bytes(valid))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"schema_version":"2.0"', b'{"a":1e999,"schema_version":"2"}'],
)
def test_what_is_no_json_object_is_rejected(text: bytes) -> None:
    with pytest.raises(BundleError):
        Manifest.from_bytes(text)


def test_other_spellings_of_the_same_manifest_are_rejected(entries: dict[str, bytes]) -> None:
    text = entries["manifest.json"]
    for other in (text + b"\n", text.replace(b'"group":"all"', b'"group":"x","group":"all"')):
        with pytest.raises(BundleError, match="canonical JSON: compact, with sorted, unique keys"):
            Manifest.from_bytes(other)


def test_numbers_that_are_no_integers_are_rejected(entries: dict[str, bytes]) -> None:
    for number in (b"1e999", b"NaN", b"40.0", b"9" * 5000):
        text = entries["manifest.json"].replace(b'"users":40', b'"users":' + number)
        assert text != entries["manifest.json"]
        with pytest.raises(BundleError):
            Manifest.from_bytes(text)


def test_a_manifest_that_is_too_long_is_rejected() -> None:
    with pytest.raises(BundleError, match="at most"):
        Manifest.from_bytes(b" " * (MAX_MANIFEST_BYTES + 1))
