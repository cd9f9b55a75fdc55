from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from safetensors.numpy import load, save

import ofa_export
from ofa_export.bundle.writer import BundleContents, write_bundle
from ofa_export.errors import CheckpointError
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import UNBOUNDED
from ofa_export.precision import FP32
from ofa_export.support.content_cache import HEADER_SIZE, MAGIC, ContentCache


@pytest.fixture
def folder(toy_checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_checkpoint, tmp_path / "checkpoint"))


@pytest.fixture
def store(tmp_path: Path) -> ContentCache:
    return ContentCache(tmp_path / "store")


def stored(store: ContentCache) -> int:
    return len(list(store.root.glob("*.complete")))


def written(contents: BundleContents, path: Path, *, tiles: int) -> bytes:
    write_bundle(path, contents, tiles=tiles, budget=UNBOUNDED, force=True)
    return path.read_bytes()


def test_a_complete_bundle_from_the_cache_is_the_one_that_was_made(
    folder: Path, store: ContentCache, recipe: BundleRecipe, converter, complete: BundleContents, tmp_path: Path
) -> None:
    arguments = {"converter": converter, "recipe": recipe, "store": store}
    for _ in range(2):
        again = load_complete_bundle(ExportSource(folder, group=0), **arguments)
        for tiles in (3, 17, 48):
            assert written(again, tmp_path / "a", tiles=tiles) == written(complete, tmp_path / "b", tiles=tiles)
    assert converter.conversions == ["int8"]
    assert stored(store) == 1


def change_config(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace("Drawn by nobody.", "Drawn by somebody."))


def change_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    arrays = load(path.read_bytes())
    # Some weights start at 0, and twice that is no change; the library gives the names in any order.
    name = next(name for name, value in sorted(arrays.items()) if value.dtype == "float32" and value.any())
    arrays[name] = arrays[name] * 2
    path.write_bytes(save(arrays))


def change_items(folder: Path) -> None:
    path = folder / "items.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(title=pl.col("title") + "!").write_parquet(path)


def change_validation(folder: Path) -> None:
    path = folder / "validation_histories.safetensors"
    arrays = load(path.read_bytes())
    path.write_bytes(save(arrays | {"targets": (arrays["targets"] + 1) % 60}))


@pytest.mark.parametrize("change", [change_config, change_weights, change_items, change_validation])
def test_any_file_of_the_checkpoint_makes_another_complete_bundle(
    folder: Path, store: ContentCache, recipe: BundleRecipe, converter, change: Callable[[Path], None], tmp_path: Path
) -> None:
    before = load_complete_bundle(ExportSource(folder, group=0), converter=converter, recipe=recipe, store=store)
    change(folder)
    after = load_complete_bundle(ExportSource(folder, group=0), converter=converter, recipe=recipe, store=store)
    assert stored(store) == 2
    assert written(before, tmp_path / "a", tiles=48) != written(after, tmp_path / "b", tiles=48)


def test_group_recipe_converter_and_tools_make_another_complete_bundle(
    folder: Path, store: ContentCache, recipe: BundleRecipe, converter
) -> None:
    def made(*, group: int = 0, **changes: object) -> int:
        source = ExportSource(folder, group=group)
        load_complete_bundle(source, **({"converter": converter, "recipe": recipe, "store": store} | changes))
        return stored(store)

    assert made() == 1
    assert made(group=1) == 2
    assert made(recipe=recipe.model_copy(update={"precision": FP32})) == 3
    assert made(recipe=recipe.model_copy(update={"candidates": 26})) == 4
    selftest = recipe.selftest.model_copy(update={"cases": 2})
    assert made(recipe=recipe.model_copy(update={"selftest": selftest})) == 5
    assert made(converter=type(converter)(name="other")) == 6
    assert made(converter=type(converter)(version="1.1")) == 7
    # The tiles of a recipe are chosen after the complete bundle is made.
    assert made(recipe=recipe.model_copy(update={"tiles": 9})) == 7


def test_a_damaged_entry_is_made_again(
    folder: Path, store: ContentCache, recipe: BundleRecipe, converter, tmp_path: Path
) -> None:
    before = load_complete_bundle(ExportSource(folder, group=0), converter=converter, recipe=recipe, store=store)
    (entry,) = store.root.glob("*.complete")
    sound = entry.read_bytes()
    entry.write_bytes(sound[:-10] + bytes(10))
    after = load_complete_bundle(ExportSource(folder, group=0), converter=converter, recipe=recipe, store=store)
    assert written(before, tmp_path / "a", tiles=48) == written(after, tmp_path / "b", tiles=48)
    assert entry.read_bytes() == sound


def test_the_digest_of_a_folder_is_that_of_its_checkpoint(folder: Path) -> None:
    source = ExportSource(folder, group=0)
    assert source.checkpoint_sha256 == source.checkpoint.sha256


def test_a_checkpoint_that_changes_between_digest_and_reading_is_not_measured(folder: Path) -> None:
    source = ExportSource(folder, group=0)
    assert source.inputs()
    change_weights(folder)
    with pytest.raises(CheckpointError, match="changed while it was read"):
        source.checkpoint  # noqa: B018 - reading it is what is tested


@pytest.mark.parametrize("difference", ["checkpoint", "group", "precision", "selftest", "tools", "tiles", "no bundle"])
def test_a_bundle_of_something_else_in_a_sound_entry_is_dropped(
    folder: Path,
    store: ContentCache,
    recipe: BundleRecipe,
    converter,
    complete: BundleContents,
    difference: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments = {"converter": converter, "recipe": recipe}
    load_complete_bundle(ExportSource(folder, group=0), **arguments, store=store)
    (entry,) = store.root.glob("*.complete")
    sound = entry.read_bytes()
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    if difference == "checkpoint":
        change_items(other)
    changed = {
        "precision": {"recipe": recipe.model_copy(update={"precision": FP32})},
        "selftest": {"recipe": recipe.model_copy(update={"selftest": SelfTestRecipe(cases=2)})},
        "tools": {"converter": type(converter)(version="1.1")},
    }
    source = ExportSource(other, group=1 if difference == "group" else 0)
    elsewhere = ContentCache(tmp_path / "elsewhere")
    made = load_complete_bundle(source, **(arguments | changed.get(difference, {})), store=elsewhere)
    content = written(made, tmp_path / "foreign.ofab", tiles=17 if difference == "tiles" else 48)
    if difference == "no bundle":
        content = b"nonsense"
    # Whoever puts it there knows how an entry is written: what was asked for, and a digest over all of it.
    asked = sound[HEADER_SIZE:].partition(b"\n")[0] + b"\n"
    entry.write_bytes(MAGIC + hashlib.sha256(asked + content).digest() + asked + content)
    again = load_complete_bundle(ExportSource(folder, group=0), **arguments, store=store)
    assert written(again, tmp_path / "a", tiles=48) == written(complete, tmp_path / "b", tiles=48)
    assert entry.read_bytes() == sound
    (record,) = caplog.records
    assert "holds something else than was asked for; it is dropped and made again" in record.getMessage()


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "items.parquet", "validation_histories.safetensors"]
)
def test_a_missing_file_is_rejected_and_nothing_is_kept(
    folder: Path, store: ContentCache, recipe: BundleRecipe, converter, name: str
) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_complete_bundle(ExportSource(folder, group=0), converter=converter, recipe=recipe, store=store)
    assert not store.root.exists() or not stored(store)


WHAT_IS_LOOKED_FOR = """
import sys
from pathlib import Path

from ofa_export.converters.registry import get_converter
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.precision import INT8
from ofa_export.support import content_cache

assert content_cache.__file__.startswith(sys.argv[2])


class Told(content_cache.ContentCache):
    def _read(self, entry, asked, fits):
        print(entry.name)
        sys.exit()


source = ExportSource(Path(sys.argv[1]), group=0)
sizes = SelfTestRecipe(cases=3, candidates=16, tile_items=16)
recipe = BundleRecipe(description="x", precision=INT8, selftest=sizes, candidates=20)
load_complete_bundle(source, converter=get_converter("litert"), recipe=recipe, store=Told(Path("none")))
"""


@pytest.mark.integration
def test_only_source_that_a_complete_bundle_is_made_by_makes_another(toy_checkpoint: Path, tmp_path: Path) -> None:
    package = shutil.copytree(Path(ofa_export.__file__).parent, tmp_path / "site" / "ofa_export")

    def entry() -> str:
        command = [sys.executable, "-c", WHAT_IS_LOOKED_FOR, str(toy_checkpoint), str(tmp_path)]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    before = entry()
    for name in ("cli/app.py", "cli/commands/bundle.py", "validation/validate.py", "reporting/html_page.py"):
        with (package / name).open("a") as source:
            source.write("# another comma\n")
    assert entry() == before
    # The last three are imported inside functions, by what these import, and by the converter that was chosen.
    for name in (
        "bundle/codes.py",
        "planning/complete_bundle.py",
        "ranking/metrics.py",
        "converters/litert/conversion.py",
    ):
        with (package / name).open("a") as source:
            source.write("# other arithmetic\n")
        after = entry()
        assert after != before
        before = after
