"""Ways to break the tables, items, self-test and manifest of an export, with digests that are right."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.bundle.codes import encode
from ofa_export.bundle.items import items_entry
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.tile_order import TileOrder, prefix_bytes
from ofa_export.bundle.tiles import pack_tiles
from ofa_export.bundle.writer import BundleContents
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.exact import in_float64
from ofa_export.planning.make_selftest import reference_answer

Tiles = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class ContentDefect:
    """One way to break what is not a graph.

    Args:
        name: what is broken, as the documentation says it.
        found_by: assertions that have to fail.
        contents: breaks sound contents; it may look at the checkpoint.
        cause: what a finding has to say.
    """

    name: str
    found_by: tuple[str, ...]
    contents: Callable[[BundleContents, Checkpoint], BundleContents]
    cause: str | None = None


def place_of(table: ElasticTable, *, group: int, block: int, plane: int) -> slice:
    """Where the bytes of a tile lie."""
    wanted = (group * table.order.blocks + block) * 8 + plane
    place = int(np.flatnonzero(table.order.tiles == wanted)[0])
    starts = prefix_bytes(table.order, table.group_sizes)
    return slice(int(starts[place]), int(starts[place + 1]))


def tiles(change: Callable[[Tiles, ElasticTable], None]) -> Callable[[BundleContents, Checkpoint], BundleContents]:
    def broken(contents: BundleContents, _: Checkpoint) -> BundleContents:
        changed = contents.table.tiles.copy()
        change(changed, contents.table)
        return replace(contents, table=replace(contents.table, tiles=changed))

    return broken


def permute(tiles: Tiles, table: ElasticTable) -> None:
    place = place_of(table, group=1, block=0, plane=1)
    tiles[place] = tiles[place][::-1].copy()


def shift(tiles: Tiles, table: ElasticTable) -> None:
    place = place_of(table, group=0, block=1, plane=2)
    tiles[place] = np.roll(tiles[place], 1)


def take_another_group_s(tiles: Tiles, table: ElasticTable) -> None:
    place, other = (place_of(table, group=group, block=0, plane=0) for group in (0, 2))
    tiles[place] = np.resize(tiles[other], place.stop - place.start)


def exchange_planes(tiles: Tiles, table: ElasticTable) -> None:
    first, second = (place_of(table, group=1, block=1, plane=plane) for plane in (2, 3))
    kept = tiles[first].copy()
    tiles[first] = tiles[second]
    tiles[second] = kept


def reverse_bits(tiles: Tiles, table: ElasticTable) -> None:
    place = place_of(table, group=2, block=1, plane=4)
    tiles[place] = np.packbits(np.unpackbits(tiles[place]), bitorder="little")


def invert_signs(tiles: Tiles, table: ElasticTable) -> None:
    tiles[place_of(table, group=0, block=0, plane=0)] ^= 0xFF


def one_bit(tiles: Tiles, table: ElasticTable) -> None:
    tiles[place_of(table, group=1, block=0, plane=7)][3] ^= 0x10


def scale_off(contents: BundleContents, _: Checkpoint) -> BundleContents:
    rms = contents.table.rms.copy()
    rms[1, 0] *= np.float32(1.01)
    return replace(contents, table=replace(contents.table, rms=rms))


def scales_swapped(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return replace(contents, table=replace(contents.table, rms=contents.table.rms[:, ::-1].copy()))


def another_clip_s_book(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    table = checkpoint.table(0).numpy()
    other = encode(table, group_sizes=checkpoint.config.model.group_sizes, clip=2.0)
    book = replace(contents.table.book, values=other.book.values)
    return replace(contents, table=replace(contents.table, book=book))


def another_table(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    other = checkpoint.table(0).numpy()[::-1].copy()
    encoded = encode(other, group_sizes=checkpoint.config.model.group_sizes)
    return replace(contents, table=ElasticTable.from_encoded(encoded, contents.table.order))


def another_order(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    places = contents.table.order.tiles.copy()
    places[[-1, -2]] = places[[-2, -1]]
    order = replace(contents.table.order, tiles=places)
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)
    return replace(contents, table=replace(contents.table, order=order, tiles=pack_tiles(encoded, order)))


def tiles_in_another_order(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    order: TileOrder = contents.table.order
    shuffled = replace(order, tiles=np.sort(order.tiles))
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)
    return replace(contents, table=replace(contents.table, tiles=pack_tiles(encoded, shuffled)))


def wrong_key(contents: BundleContents, _: Checkpoint) -> BundleContents:
    keys = (*contents.items.keys[:5], "K5-old", *contents.items.keys[6:])
    return replace(contents, items_entry=items_entry(keys, contents.items.titles))


def shifted_titles(contents: BundleContents, _: Checkpoint) -> BundleContents:
    first, *others = contents.items.titles
    return replace(contents, items_entry=items_entry(contents.items.keys, (*others, first)))


def stale_scores(contents: BundleContents, _: Checkpoint) -> BundleContents:
    test = contents.selftest
    return replace(contents, selftest=replace(test, scores=test.scores * np.float32(1.002)))


def stale_gates(contents: BundleContents, _: Checkpoint) -> BundleContents:
    test = contents.selftest
    gates = test.gates.copy()
    gates[1, 0] = 1 - gates[1, 0]
    return replace(contents, selftest=replace(test, gates=gates))


def stale_codes(contents: BundleContents, _: Checkpoint) -> BundleContents:
    test = contents.selftest
    codes = test.tile_codes.copy()
    codes[2, 5] ^= 0x80
    return replace(contents, selftest=replace(test, tile_codes=codes))


def self_test_that_cannot_fail(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return replace(contents, min_snr_db=0.0)


def wrong_exclusion(contents: BundleContents, _: Checkpoint) -> BundleContents:
    ranking = contents.fields.ranking
    return with_fields(contents, ranking=ranking.model_copy(update={"exclude_history": not ranking.exclude_history}))


def wrong_group(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return with_fields(contents, group="3")


def wrong_precision(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return with_fields(contents, precision="int4")


def wrong_quality(contents: BundleContents, _: Checkpoint) -> BundleContents:
    quality = contents.fields.quality
    ndcg = quality.ndcg_at_10.model_copy(update={"full_table": "0.9876"})
    return with_fields(contents, quality=quality.model_copy(update={"ndcg_at_10": ndcg}))


def other_quality_of_few_tiles(contents: BundleContents, _: Checkpoint) -> BundleContents:
    quality = contents.fields.quality
    first, *others = quality.ndcg_at_10.by_tiles
    better = first.model_copy(update={"ndcg_at_10": f"{min(1.5 * float(first.ndcg_at_10), 0.9) + 0.01:.4f}"})
    ndcg = quality.ndcg_at_10.model_copy(update={"by_tiles": (better, *others)})
    return with_fields(contents, quality=quality.model_copy(update={"ndcg_at_10": ndcg}))


def minimum_version(version: str) -> Callable[[BundleContents, Checkpoint], BundleContents]:
    def broken(contents: BundleContents, _: Checkpoint) -> BundleContents:
        runtime = contents.fields.runtime.model_copy(update={"minimum_version": version})
        return with_fields(contents, runtime=runtime)

    return broken


def wrong_licence(contents: BundleContents, _: Checkpoint) -> BundleContents:
    data = contents.fields.data.model_copy(update={"licence": "Public domain"})
    return with_fields(contents, data=data)


def empty_card(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return replace(contents, model_card="")


def card_of_another_licence(contents: BundleContents, _: Checkpoint) -> BundleContents:
    licence = contents.fields.data.licence
    return replace(contents, model_card=contents.model_card.replace(licence, "Public domain"))


def self_test_of_one_case(contents: BundleContents, _: Checkpoint) -> BundleContents:
    test = contents.selftest
    first = int(test.lengths[0])
    return replace(
        contents,
        selftest=replace(
            test,
            rows=test.rows[:first],
            lengths=test.lengths[:1],
            gates=test.gates[:1],
            keep_logits=test.keep_logits[:1],
            scores=test.scores[:1],
        ),
    )


def self_test_of_zeros(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    """Whose answers are those of the checkpoint."""
    test = contents.selftest
    zeros = replace(test, rows=np.zeros_like(test.rows))
    exact, candidates = in_float64(checkpoint.model), torch.from_numpy(test.candidates.astype(np.float64))
    histories = (torch.from_numpy(zeros.history(case).astype(np.float64)) for case in range(test.cases))
    answers = [reference_answer(exact, history, candidates) for history in histories]
    gates, keep_logits, scores = (np.concatenate(each).astype(np.float32) for each in zip(*answers, strict=True))
    return replace(contents, selftest=replace(zeros, gates=gates, keep_logits=keep_logits, scores=scores))


def whole_table_of_another_clip(contents: BundleContents, checkpoint: Checkpoint) -> BundleContents:
    table = checkpoint.table(0).numpy()
    other = encode(table, group_sizes=checkpoint.config.model.group_sizes, clip=2.0)
    test = replace(contents.selftest, tile_codes=other.codes[contents.selftest.tile_items])
    return replace(contents, table=ElasticTable.from_encoded(other, contents.table.order), selftest=test)


def recipe_of_other_candidates(contents: BundleContents, _: Checkpoint) -> BundleContents:
    recipe = json.loads(contents.fields.recipe) | {"candidates": 50}
    return with_fields(contents, recipe=json.dumps(recipe, sort_keys=True))


def another_tool(contents: BundleContents, _: Checkpoint) -> BundleContents:
    return with_fields(contents, tools={**contents.fields.tools, "tensorflow": "2.19.0"})


def with_fields(contents: BundleContents, **changes: object) -> BundleContents:
    return replace(contents, fields=contents.fields.model_copy(update=changes))


TILES = ("table.tiles.differing_bytes",)
MANIFEST = ("bundle.manifest.differing_count",)
SELFTEST_INPUTS = ("bundle.selftest_inputs.differing_count",)

CONTENT_DEFECTS: tuple[ContentDefect, ...] = (
    ContentDefect(
        name="a tile's items permuted",
        contents=tiles(permute),
        found_by=TILES,
        cause="item group 1, block 0, plane 1: its items are permuted",
    ),
    ContentDefect(
        name="a tile off by one row",
        contents=tiles(shift),
        found_by=TILES,
        cause="item group 0, block 1, plane 2: it is off by 1 row",
    ),
    ContentDefect(
        name="a tile from another item group",
        contents=tiles(take_another_group_s),
        found_by=TILES,
        cause="item group 0, block 0, plane 0: it holds item group 2, block 0, plane 0",
    ),
    ContentDefect(
        name="two bit planes exchanged",
        contents=tiles(exchange_planes),
        found_by=TILES,
        cause="item group 1, block 1, plane 2: it holds item group 1, block 1, plane 3",
    ),
    ContentDefect(
        name="bits of a plane reversed",
        contents=tiles(reverse_bits),
        found_by=TILES,
        cause="item group 2, block 1, plane 4: the bits of its bytes are reversed",
    ),
    ContentDefect(
        name="bits of a plane inverted",
        contents=tiles(invert_signs),
        found_by=TILES,
        cause="item group 0, block 0, plane 0: its bits are inverted",
    ),
    ContentDefect(name="one bit of the table flipped", contents=tiles(one_bit), found_by=TILES, cause="plane 7"),
    ContentDefect(name="tiles in another order than the file says", contents=tiles_in_another_order, found_by=TILES),
    ContentDefect(
        name="another order of tiles under the same name",
        contents=another_order,
        found_by=("table.order.differing_count",),
    ),
    ContentDefect(
        name="one scale of the item table off by 1 %",
        contents=scale_off,
        found_by=("table.scales.max_abs_err",),
        cause="item group 1, block 0 is 1.010 times",
    ),
    ContentDefect(
        name="scales of two blocks of the item table swapped",
        contents=scales_swapped,
        found_by=("table.scales.max_abs_err",),
    ),
    ContentDefect(
        name="decoding table of another clip",
        contents=another_clip_s_book,
        found_by=("table.scales.max_abs_err",),
        cause="decoding tables",
    ),
    ContentDefect(name="item table of another training", contents=another_table, found_by=TILES),
    ContentDefect(
        name="a wrong item key", contents=wrong_key, found_by=("bundle.item_keys",), cause="row 5 has 'K5-old'"
    ),
    ContentDefect(name="titles shifted by one", contents=shifted_titles, found_by=("bundle.item_titles",)),
    ContentDefect(
        name="stale scores in the self-test", contents=stale_scores, found_by=("selftest.expected.scores.max_abs_err",)
    ),
    ContentDefect(
        name="stale gates in the self-test",
        contents=stale_gates,
        found_by=("selftest.expected.gates.differing_count", "selftest.gates.flipped_count"),
    ),
    ContentDefect(
        name="stale codes in the self-test",
        contents=stale_codes,
        found_by=("selftest.expected.tile_codes.differing_count", "selftest.tiles.differing_count"),
    ),
    ContentDefect(
        name="a self-test that cannot fail",
        contents=self_test_that_cannot_fail,
        found_by=("bundle.contract",),
        cause="the self-test asks for 0 dB",
    ),
    ContentDefect(
        name="wrong exclude_history",
        contents=wrong_exclusion,
        found_by=("bundle.contract",),
        cause="exclude_history is False",
    ),
    ContentDefect(name="wrong user group", contents=wrong_group, found_by=("bundle.contract",), cause="user group '3'"),
    ContentDefect(
        name="wrong precision in the manifest",
        contents=wrong_precision,
        found_by=("bundle.contract",),
        cause="precision is int4",
    ),
    ContentDefect(
        name="wrong quality in the manifest",
        contents=wrong_quality,
        found_by=("bundle.quality.max_ndcg_err",),
        cause="0.9876",
    ),
    ContentDefect(
        name="better quality of few tiles in the manifest",
        contents=other_quality_of_few_tiles,
        found_by=("bundle.quality.max_ndcg_err",),
        cause="tiles, measured",
    ),
    ContentDefect(
        name="too low a version of the runtime",
        contents=minimum_version("0.1"),
        found_by=MANIFEST,
        cause="runtime.minimum_version is '0.1' instead of",
    ),
    ContentDefect(
        name="too high a version of the runtime",
        contents=minimum_version("99.0"),
        found_by=MANIFEST,
        cause="runtime.minimum_version is '99.0' instead of",
    ),
    ContentDefect(
        name="another licence in the manifest",
        contents=wrong_licence,
        found_by=MANIFEST,
        cause="data.licence is 'Public domain' instead of",
    ),
    ContentDefect(
        name="another tool in the manifest",
        contents=another_tool,
        found_by=MANIFEST,
        cause="tools.tensorflow is '2.19.0' instead of None",
    ),
    ContentDefect(
        name="a recipe of other candidates",
        contents=recipe_of_other_candidates,
        found_by=MANIFEST,
        cause="shapes.candidates is 25 instead of 50",
    ),
    ContentDefect(
        name="a model card that is empty",
        contents=empty_card,
        found_by=("bundle.model_card.differing_bytes",),
        cause="line 1 is missing instead of '# Model card'",
    ),
    ContentDefect(
        name="a model card of another licence",
        contents=card_of_another_licence,
        found_by=("bundle.model_card.differing_bytes",),
        cause="Public domain",
    ),
    ContentDefect(
        name="a self-test of one case",
        contents=self_test_of_one_case,
        found_by=SELFTEST_INPUTS,
        cause="1 cases instead",
    ),
    ContentDefect(name="a self-test of zeros", contents=self_test_of_zeros, found_by=SELFTEST_INPUTS, cause="rows"),
    ContentDefect(
        name="an item table of another clip throughout",
        contents=whole_table_of_another_clip,
        found_by=(*MANIFEST, "bundle.table.differing_bytes"),
        cause="embeddings.clip is '2.0' instead of",
    ),
)
