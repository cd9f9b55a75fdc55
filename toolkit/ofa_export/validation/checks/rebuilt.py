"""A bundle made again from its checkpoint and recipe, by the code that bundles, and compared: manifest and entries.

What one or the other check measures anyway is not compared a second time: the quality that is promised, the answers of
the self-test. What checkpoint and recipe leave open is in docs/validation.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import JsonValue

from ofa_export.bundle import embeddings, items
from ofa_export.bundle.archive import Buffer
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.reader import MODEL_CARD, Bundle
from ofa_export.bundle.resize import with_every_tile
from ofa_export.bundle.selftest import ENTRY as SELFTEST
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.writer import bundle_entries, contents_of, fit_tiles
from ofa_export.planning.bundle_recipe import SELFTEST_SNR_DB, SelfTestRecipe
from ofa_export.planning.plan import with_recorded_tiles
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_least, at_most

NAMED = 4
"""Fields that a sentence names before it only counts."""

SHOWN = 80
"""Characters of a value that a sentence shows."""

INPUTS = ("rows", "lengths", "candidates", "tile_items", "tile_codes")
"""Arrays of a self-test that nothing has to be computed for."""


def tile_findings(comparison: Comparison) -> Iterator[Finding]:
    """Count the tiles that the budget holds and the recipe wants, from the sizes in the bundle itself.

    So a bundle that was resized, or patched, has to keep what its own budget holds.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.tiles.kept_count`.
    """
    layout, wanted, budget = comparison.manifest.embeddings, comparison.recipe.tiles, comparison.manifest.budget_bytes
    contents = with_every_tile(contents_of(comparison.bundle))
    fit = fit_tiles(contents, budget)
    expected = fit if wanted is None else min(fit, wanted)
    if wanted is None and layout.tiles_kept < fit:
        recipe = comparison.recipe.model_copy(update={"tiles": layout.tiles_kept})
        # Tiles of a few bytes: a plan had no room to say that the recipe fixes them.
        expected = layout.tiles_kept if with_recorded_tiles(contents, recipe, budget) is contents else fit
    asked = "" if wanted is None else f", the recipe asks for {wanted:,}"
    yield at_least(
        "bundle.tiles.kept_count",
        layout.tiles_kept,
        expected,
        "count",
        f"Tiles in the bundle, of {layout.tiles_total:,}; its budget of {budget:,} bytes holds {fit:,}{asked}.",
    )


def manifest_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare every field of the manifest with the one made again; versions of tools may differ, their names may not.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.manifest.differing_count`, `bundle.tools.differing_count`.
    """
    found, again = comparison.manifest, manifest_again(comparison)
    versions = {f"tools.{name}" for name in found.tools.keys() & again.tools.keys()}
    differing = differing_fields(found, again)
    yield _fields_finding("bundle.manifest", {name: differing[name] for name in differing.keys() - versions})
    yield _tools_finding(found, again)


def manifest_again(comparison: Comparison) -> Manifest:
    """Make the manifest again, with the bundle's own budget, number of tiles and promises of quality.

    Args:
        comparison: with a bundle that fits its checkpoint.
    """
    contents, found = comparison.rebuilt, comparison.manifest
    tiles = min(max(found.embeddings.tiles_kept, contents.floor_tiles), contents.table.tile_count)
    return Manifest.from_bytes(bytes(bundle_entries(contents, tiles=tiles, budget=found.budget_bytes)[0][1]))


def differing_fields(found: Manifest, again: Manifest) -> dict[str, tuple[JsonValue, JsonValue]]:
    """List the fields that differ, by dotted name, with both values; None where there is none.

    The list of entries is left out: the reader held it against their bytes, which are compared themselves.

    Args:
        found: the bundle's manifest.
        again: the one made again.
    """
    first, second = (dict(_flat(each.model_dump(mode="json", exclude={"entries"}))) for each in (found, again))
    names = sorted(first.keys() | second.keys())
    return {name: (first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)}


def entry_findings(comparison: Comparison) -> Iterator[Finding]:
    """Compare the entries with those made again, byte for byte; of the self-test what does not have to be computed.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.ENTRY.differing_bytes` of item table, items, model card and graphs; and
        `bundle.selftest_inputs.differing_count`.
    """
    bundle, again = comparison.bundle, comparison.rebuilt
    made = dict(again.entries(min(max(bundle.table.tile_count, again.floor_tiles), again.table.tile_count)))
    table = embeddings.table_to_bytes(bundle.table)
    yield _bytes_finding("table", embeddings.ENTRY, table, made[embeddings.ENTRY])
    yield _items_finding(bundle, made[items.ENTRY])
    card = bundle.model_card.encode()
    yield _bytes_finding("model_card", MODEL_CARD, card, made[MODEL_CARD], detail=_first_line(card, made[MODEL_CARD]))
    yield _inputs_finding(bundle.selftest, again.selftest)
    yield _graphs_finding(comparison)


def selftest_findings(comparison: Comparison) -> Iterator[Finding]:
    """Tell whether the recipe asks for a self-test that proves less than those of the recipes that are shipped.

    Args:
        comparison: with a bundle that fits its checkpoint.

    Yields:
        `bundle.selftest_settings.weak_count`.
    """
    recipe, usual = comparison.recipe, SelfTestRecipe()
    floor = SELFTEST_SNR_DB[recipe.precision.schemes[-1]]
    sizes = {"cases": "cases", "candidates": "scored candidates", "tile_items": "items whose codes are checked"}
    weak = []
    if recipe.selftest_snr_db < floor:
        weak.append(f"scores may be {recipe.selftest_snr_db:g} dB from the reference's, {floor:g} dB are usual")
    weak += [
        f"it has {getattr(recipe.selftest, name)} of the usual {getattr(usual, name)} {words}"
        for name, words in sizes.items()
        if getattr(recipe.selftest, name) < getattr(usual, name)
    ]
    yield at_most(
        "bundle.selftest_settings.weak_count",
        len(weak),
        0,
        "count",
        f"Settings of the recipe by which the phone's self-test proves little: {'; '.join(weak) or 'none'}.",
        otherwise="warn",
    )


def _graphs_finding(comparison: Comparison) -> Finding:
    name, found, again = comparison.converter.entry_name, comparison.bundle.graphs, comparison.rebuilt.graphs
    others = _other_versions(comparison.manifest, comparison.rebuilt.fields.tools)
    detail = ""
    if len(found) > len(again) and found[: len(again)] == again:
        detail = f": {len(found) - len(again):,} bytes follow the end of the graphs"
    elif others:
        detail = f", which other versions of tools may explain ({others})"
    finding = _bytes_finding("graphs", name, found, again, detail=detail)
    if finding.status == "fail" and others and "follow" not in detail:
        return at_most(finding.assertion, finding.measured or 0, 0, "bytes", finding.sentence, otherwise="warn")
    return finding


def _items_finding(bundle: Bundle, again: Buffer) -> Finding:
    finding = _bytes_finding("items", items.ENTRY, bundle.items_entry, again)
    if finding.status == "pass" or bundle.items != items.ItemCatalogue.from_bytes(again, items=len(bundle.items)):
        return finding
    detail = f", which hold the same keys and titles, packed by another zlib ({len(again):,} bytes here)"
    finding = _bytes_finding("items", items.ENTRY, bundle.items_entry, again, detail=detail)
    return at_most(finding.assertion, finding.measured or 0, 0, "bytes", finding.sentence, otherwise="warn")


def _bytes_finding(part: str, entry: str, found: Buffer, again: Buffer, *, detail: str = "") -> Finding:
    differing = differing_bytes(found, again)
    what = detail if differing else ": none"
    return at_most(
        f"bundle.{part}.differing_bytes",
        differing,
        0,
        "bytes",
        f"Bytes of {entry} that are not those made again from checkpoint and recipe{what}.",
    )


def differing_bytes(found: Buffer, again: Buffer) -> int:
    """Count places with another byte, and the bytes that one of the two has more.

    Args:
        found: some bytes.
        again: those that they are held against.
    """
    common = min(len(found), len(again))
    first, second = (np.frombuffer(each, np.uint8, common) for each in (found, again))
    return int(np.count_nonzero(first != second)) + max(len(found), len(again)) - common


def _inputs_finding(found: SelfTest, again: SelfTest) -> Finding:
    wrong = [name for name in INPUTS if not np.array_equal(getattr(found, name), getattr(again, name))]
    # The same tensors in a new file: a header can hold more than them, in room that tiles would have.
    if found.to_bytes() != replace(found).to_bytes():
        wrong.append("what is beside the tensors")
    cases = f" ({found.cases} cases instead of {again.cases})" if found.cases != again.cases else ""
    return at_most(
        "bundle.selftest_inputs.differing_count",
        len(wrong),
        0,
        "count",
        f"Inputs of {SELFTEST} that are not those made again from checkpoint and recipe: "
        f"{', '.join(wrong) or 'none'}{cases}.",
    )


def _first_line(found: Buffer, again: Buffer) -> str:
    lines, expected = (bytes(each).decode().splitlines() for each in (found, again))
    for number, line in enumerate(expected):
        if number >= len(lines) or lines[number] != line:
            here = _shown(lines[number]) if number < len(lines) else "missing"
            return f"; line {number + 1} is {here} instead of {_shown(line)}"
    return f"; it goes on after its {len(expected)} lines"


def _fields_finding(name: str, differing: Mapping[str, tuple[JsonValue, JsonValue]]) -> Finding:
    texts = [f"{field} is {_shown(a)} instead of {_shown(b)}" for field, (a, b) in sorted(differing.items())]
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return at_most(
        f"{name}.differing_count",
        len(texts),
        0,
        "count",
        "Fields of the manifest that are not those made again from checkpoint and recipe: "
        f"{'; '.join(texts[:NAMED]) or 'none'}{more}.",
    )


def _tools_finding(found: Manifest, again: Manifest) -> Finding:
    others = _other_versions(found, again.tools)
    return at_most(
        "bundle.tools.differing_count",
        sum(found.tools[name] != again.tools[name] for name in found.tools.keys() & again.tools.keys()),
        0,
        "count",
        "Tools that made the bundle in another version than is installed here"
        + (f": {others}. With the versions that made it every byte could be compared." if others else ": none."),
        otherwise="warn",
    )


def _other_versions(found: Manifest, again: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name} {_shown(version)} instead of {again[name]}"
        for name, version in sorted(found.tools.items())
        if again.get(name, version) != version
    )


def _shown(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield (dotted name, value) of everything in a JSON object; a list of plain values is one value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{name}[{number}]")
    else:
        yield name, value
