"""Complete bundles by content: the second budget of a checkpoint needs neither torch nor a converter.

A complete bundle is stored as any other, so reading it back checks every digest in it. What it says of its origin is
compared with what was asked for.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ofa_export import __version__
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, contents_of, write_bundle
from ofa_export.converters.protocol import Converter
from ofa_export.errors import BundleError
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.configurations import configuration_of
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.limits import UNBOUNDED
from ofa_export.planning.measurements import Measurements
from ofa_export.support.content_cache import ContentCache


def load_complete_bundle(
    source: ExportSource, *, converter: Converter, recipe: BundleRecipe, store: ContentCache
) -> BundleContents:
    """Return the complete bundle of a checkpoint, from the cache if it is there.

    Args:
        source: the checkpoint and the user group.
        converter: that makes the graphs.
        recipe: precision and self-test; its tiles do not matter here.
        store: where complete bundles, conversions and measurements are kept.

    Returns:
        The contents, with all tiles.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: there is no such user group.
        LoweringError: the converter refused a graph.
    """
    described = {
        "converter": converter.name,
        "tools": converter.tool_versions(),
        "recipe": recipe.model_dump(mode="json", exclude={"tiles"}),
    }
    content = store.get(
        "complete",
        source.inputs(described),
        lambda: _make(source, converter=converter, recipe=recipe, store=store),
        made_with=[converter],
        fits=lambda content: _is_complete_bundle_of(source, content, converter=converter, recipe=recipe),
    )
    return contents_of(Bundle(memoryview(content)))


def _is_complete_bundle_of(source: ExportSource, content: bytes, *, converter: Converter, recipe: BundleRecipe) -> bool:
    """Tell whether a bundle says of itself that it is the one that was asked for."""
    try:
        bundle = Bundle(memoryview(content))
    except BundleError:
        return False
    manifest = bundle.manifest
    says = (manifest.checkpoint_sha256, manifest.group, manifest.recipe, manifest.tools, manifest.entries[0].name)
    tools = {"ofa-export": __version__, **converter.tool_versions()}
    text = recipe.complete.manifest_text()
    asked = (source.checkpoint_sha256, str(source.group), text, tools, converter.entry_name)
    return says == asked and bundle.table.tile_count == len(bundle.table.order)


def _make(source: ExportSource, *, converter: Converter, recipe: BundleRecipe, store: ContentCache) -> bytes:
    # Imported here: a complete bundle from the cache must not cost the import of torch.
    from ofa_export.planning.complete_bundle import make_complete_bundle

    (worth,) = Measurements(source, converter=converter, recipe=recipe, store=store).of([configuration_of(recipe)])
    contents = make_complete_bundle(
        source.selection(recipe.items), converter=converter, recipe=recipe, curve=worth.curve, store=store
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "complete.ofab"
        write_bundle(path, contents, tiles=contents.table.tile_count, budget=UNBOUNDED)
        return path.read_bytes()
