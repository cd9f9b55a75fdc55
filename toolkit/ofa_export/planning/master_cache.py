"""Masters by content: the second budget of a checkpoint needs neither torch nor a converter.

A master is stored as a bundle with every tile, so reading it back checks every digest in it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, contents_of, write_bundle
from ofa_export.converters.protocol import Backend
from ofa_export.planning.budget import UNBOUNDED
from ofa_export.planning.candidates import candidate_of
from ofa_export.planning.export_source import ExportSource
from ofa_export.planning.measurements import Measurements
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.support.content_cache import ContentCache


def load_master(source: ExportSource, *, backend: Backend, recipe: BundleRecipe, store: ContentCache) -> BundleContents:
    """The master of a checkpoint, from the cache if it is there.

    Args:
        source: the checkpoint and the user group.
        backend: the runtime.
        recipe: precision and self-test; its tiles do not matter here.
        store: where masters, conversions and measurements are kept.

    Returns:
        The contents, with all tiles.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: there is no such user group.
        LoweringError: the converter refused a graph.
    """
    described = {
        "backend": backend.name,
        "tools": backend.tool_versions(),
        "recipe": recipe.model_dump(mode="json", exclude={"tiles"}),
    }
    key = source.key(described)

    def make() -> bytes:
        return _make(source, backend=backend, recipe=recipe, store=store)

    return contents_of(Bundle(memoryview(make() if key is None else store.get_or_make(f"{key}.master", make))))


def _make(source: ExportSource, *, backend: Backend, recipe: BundleRecipe, store: ContentCache) -> bytes:
    # Imported here: a master from the cache must not cost the import of torch.
    from ofa_export.planning.master import make_master

    (worth,) = Measurements(source, backend=backend, recipe=recipe, store=store).of([candidate_of(recipe)])
    contents = make_master(
        source.selection(recipe.items), backend=backend, recipe=recipe, curve=worth.curve, store=store
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.ofab"
        write_bundle(path, contents, tiles=contents.table.tile_count, budget=UNBOUNDED)
        return path.read_bytes()
