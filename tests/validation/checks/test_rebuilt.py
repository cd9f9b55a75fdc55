"""What follows from checkpoint and recipe cannot be changed in a bundle, even with digests that are right."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import safetensors.numpy

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import Delta, apply_delta, make_delta
from ofa_export.bundle.document import canonical_json
from ofa_export.bundle.manifest import ENTRY, Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.selftest import SelfTest
from ofa_export.bundle.writer import BundleContents, smallest_budget, write_bundle
from ofa_export.errors import BundleError, UnknownNameError
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.plan import make_plan
from ofa_export.validation.checks.rebuilt import differing_bytes
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding
from ofa_export.validation.validate import CHECKS, run_checks

# Without the trial of loading in a process of its own, which takes longer than all of them.
PROMISES = [
    replace(check, needs="contract") if check.needs == "load" else check
    for check in CHECKS
    if check.name in {"size", "checkpoint", "contract", "tiles", "quality", "manifest", "self-test settings", "entries"}
]

pytestmark = pytest.mark.integration

Place = tuple[str | int, ...]


def with_manifest(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The same file with another manifest, whose digests and CRCs are right."""
    entries = {name: bytes(content) for name, content in read_archive(memoryview(data)).items()}
    fields = Manifest.from_bytes(entries[ENTRY]).model_dump(mode="json")
    change(fields)
    entries[ENTRY] = canonical_json(fields).encode()
    stream = BytesIO()
    write_archive(stream, list(entries.items()))
    return stream.getvalue()


def leaves(value: Any, path: Place = ()) -> list[Place]:
    """Where the plain values of a JSON object are."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, inner in pairs for leaf in leaves(inner, (*path, key))] or [path]


def changed(value: Any) -> Any:
    """Another value of the same kind, of the same length if it is a text of digits."""
    if value is None or isinstance(value, bool):
        return 1 if value is None else not value
    if isinstance(value, int | float):
        return value + 1
    if value.replace(".", "").isdigit():
        return value[:-1] + str((int(value[-1]) + 5) % 10)
    return value.replace("toy", "lie") if "toy" in value else value[:-1] + ("x" if value[-1] != "x" else "y")


def change_at(path: Place) -> Callable[[dict[str, Any]], None]:
    def change(fields: dict[str, Any]) -> None:
        place: Any = fields
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = changed(place[path[-1]])

    return change


def verdict(workshop: Any, data: bytes) -> tuple[str, ...]:
    """Names of the findings that fail, or the code of the reader's refusal."""
    try:
        found = findings(workshop, Bundle(memoryview(data)))
    except BundleError as error:
        return (f"rejected: {error.code}",)
    except UnknownNameError:
        return ("no such converter, or no limits for the precision",)
    return tuple(finding.assertion for finding in found if finding.status == "fail")


def findings(workshop: Any, bundle: Bundle) -> tuple[Finding, ...]:
    options = {"target": workshop.target, "policy": workshop.tolerance, "store": workshop.store}
    with Comparison.of(bundle, workshop.checkpoint, **options) as comparison:
        return run_checks(comparison, PROMISES).findings


def field_table(workshop: Any) -> Mapping[str, tuple[str, ...]]:
    """Every field of a manifest and of the recipe in it -> what finds that it was changed; of a list the first."""
    contents = workshop.complete()
    data = workshop.write(contents, tiles=contents.table.tile_count // 2).read_bytes()
    assert verdict(workshop, data) == ()
    fields = Manifest.from_bytes(bytes(read_archive(memoryview(data))[ENTRY])).model_dump(mode="json")
    recipe = json.loads(fields.pop("recipe"))

    def changed_recipe(path: Place) -> Callable[[dict[str, Any]], None]:
        def change(fields: dict[str, Any]) -> None:
            inner = json.loads(fields["recipe"])
            change_at(path)(inner)
            fields["recipe"] = json.dumps(inner, sort_keys=True)

        return change

    changes = {("recipe", *path): changed_recipe(path) for path in leaves(recipe)}
    changes |= {path: change_at(path) for path in leaves(fields)}
    return {
        ".".join(str(key) for key in path if key != 0): verdict(workshop, with_manifest(data, change))
        for path, change in changes.items()
        if all(not isinstance(key, int) or key == 0 for key in path)
    }


def test_no_field_of_the_manifest_can_be_changed_unseen(workshop: Any) -> None:
    unseen = {name for name, found in field_table(workshop).items() if not found}
    # A text for people; one byte of budget, which buys no tile; versions, of which validate warns.
    assert unseen == {"recipe.description", "budget_bytes", "tools.ofa-export", "tools.torch"}


def promise(workshop: Any, path: Path, name: str) -> Finding:
    with Bundle.open(path) as bundle:
        return next(found for found in findings(workshop, bundle) if found.assertion == name)


KEPT = "bundle.tiles.kept_count"


def test_fewer_tiles_than_the_budget_holds_are_found(workshop: Any) -> None:
    contents, path = workshop.complete(), workshop.folder / "few.ofab"
    budget = smallest_budget(contents, 30)
    for tiles in (30, 26):
        write_bundle(path, contents, tiles=tiles, budget=budget, force=True)
        found = promise(workshop, path, KEPT)
        assert (found.status, found.measured) == ("pass" if tiles == 30 else "fail", tiles)
    assert f"its budget of {budget:,} bytes holds 30" in found.sentence


def test_bundles_of_a_recipe_that_fixes_the_tiles_pass(workshop: Any) -> None:
    contents, path = workshop.complete(), workshop.folder / "fixed.ofab"
    fixed = BundleRecipe.model_validate_json(contents.fields.recipe).model_copy(update={"tiles": 24})
    for budget in (smallest_budget(contents, 24), smallest_budget(contents, 40)):
        plan = make_plan(contents, recipe=fixed, budget=budget)
        bundle = plan.write(path, force=True)
        assert bundle.table.tile_count == 24
        assert not [found for found in findings(workshop, bundle) if found.status != "pass"]
    assert json.loads(bundle.manifest.recipe)["tiles"] == 24
    # And a smaller one that was cut from it.
    smaller = bundle.resize(budget=smallest_budget(contents, 20), path=workshop.folder / "smaller.ofab")
    assert not [found for found in findings(workshop, smaller) if found.status != "pass"]


@pytest.mark.parametrize("items", [None, 40])
def test_resized_and_patched_bundles_pass(workshop: Any, items: int | None) -> None:
    contents = workshop.complete(items=items)
    larger = Bundle.open(workshop.write(contents))
    small = larger.resize(budget=smallest_budget(contents, 26), path=workshop.folder / "small.ofab")
    before, after = (each.path.read_bytes() for each in (small, larger))
    delta = Delta.from_bytes(memoryview(archive(make_delta(memoryview(before), memoryview(after)).entries())))
    patched = Bundle(memoryview(apply_delta(memoryview(before), delta)))
    for bundle in (small, patched):
        assert not [found for found in findings(workshop, bundle) if found.status != "pass"]


def archive(entries: Any) -> bytes:
    stream = BytesIO()
    write_archive(stream, entries)
    return stream.getvalue()


def with_tools(contents: BundleContents, **versions: str) -> BundleContents:
    fields = contents.fields.model_copy(update={"tools": {**contents.fields.tools, **versions}})
    return replace(contents, fields=fields)


def test_a_tool_of_another_name_fails_and_of_another_version_warns(workshop: Any) -> None:
    path = workshop.write(with_tools(workshop.complete(), tensorflow="2.19"))
    assert "tools.tensorflow is '2.19'" in failing(workshop, path)["bundle.manifest.differing_count"]
    # A name by which another converter would be taken to have made the graphs.
    path = workshop.write(with_tools(workshop.complete(), twin="2.0", other="1"))
    assert "tools.other is '1'" in failing(workshop, path)["bundle.manifest.differing_count"]
    path = workshop.write(with_tools(workshop.complete(), torch="1.0"))
    found = promise(workshop, path, "bundle.tools.differing_count")
    assert (found.status, failing(workshop, path)) == ("warn", {})
    assert "torch '1.0' instead of" in found.sentence


def failing(workshop: Any, path: Path) -> dict[str, str]:
    with Bundle.open(path) as bundle:
        found = findings(workshop, bundle)
    return {each.assertion: each.sentence for each in found if each.status == "fail"}


@pytest.mark.parametrize("weak", [{"cases": 1}, {"candidates": 1}, {"tile_items": 1}, {"min_snr_db": 1.0}])
def test_a_recipe_that_asks_for_a_weaker_selftest_than_is_usual_warns(workshop: Any, weak: dict[str, Any]) -> None:
    contents, name = workshop.complete(), "bundle.selftest_settings.weak_count"
    assert promise(workshop, workshop.write(contents), name).status == "pass"
    recipe = BundleRecipe.model_validate_json(contents.fields.recipe)
    asked = recipe.model_copy(update={"selftest": recipe.selftest.model_copy(update=weak)})
    fields = contents.fields.model_copy(update={"recipe": asked.manifest_text()})
    found = promise(workshop, workshop.write(replace(contents, fields=fields)), name)
    assert (found.status, found.measured) == ("warn", 1)


def test_items_packed_by_another_zlib_warn(workshop: Any) -> None:
    contents, name = workshop.complete(), "bundle.items.differing_bytes"
    head, packed = contents.items_entry[:16], zlib.compress(zlib.decompress(contents.items_entry[16:]), 1)
    path = workshop.write(replace(contents, items_entry=bytes(head) + packed))
    found = promise(workshop, path, name)
    assert (found.status, failing(workshop, path)) == ("warn", {})
    assert "the same keys and titles" in found.sentence


def test_passengers_beside_the_tensors_of_the_selftest_are_found(workshop: Any) -> None:
    contents, name = workshop.complete(), "bundle.selftest_inputs.differing_count"
    tensors = safetensors.numpy.load(contents.selftest.to_bytes())
    content = safetensors.numpy.save(tensors, metadata={"customers": "4711 " * 2000})
    passenger = SelfTest.from_bytes(content, contents.fields.shapes, items=contents.table.items)
    found = promise(workshop, workshop.write(replace(contents, selftest=passenger)), name)
    assert found.status == "fail"
    assert "what is beside the tensors" in found.sentence


def test_other_graphs_fail_unless_another_version_of_a_tool_may_have_made_them(workshop: Any) -> None:
    sound, name = workshop.complete(), "bundle.graphs.differing_bytes"
    other = replace(sound, graphs=workshop.complete(precision="fp32").graphs)
    assert promise(workshop, workshop.write(other), name).status == "fail"
    found = promise(workshop, workshop.write(with_tools(other, torch="1.0")), name)
    assert found.status == "warn"
    assert "other versions of tools may explain" in found.sentence


def test_bytes_are_counted_where_they_differ_and_where_one_has_more() -> None:
    assert differing_bytes(b"abc", b"abc") == 0
    assert differing_bytes(b"abc", b"abdef") == 3
    assert differing_bytes(b"", b"ab") == 2
