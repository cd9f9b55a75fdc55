"""Masters by content: the second budget of a checkpoint needs neither torch nor a converter.

A master is stored as a bundle with every tile, so reading it back checks every digest in it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from ofa_export.backends.protocol import Backend
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, contents_of, write_bundle
from ofa_export.content_cache import ContentCache
from ofa_export.planning.budget import UNBOUNDED
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.source_digest import source_digest

CHECKPOINT_FILES = ("config.json", "model.safetensors", "items.parquet", "probes.safetensors")


def load_master(
    checkpoint: Path, *, backend: Backend, group: int, recipe: BundleRecipe, store: ContentCache
) -> BundleContents:
    """The master of a checkpoint, from the cache if it is there.

    Args:
        checkpoint: its folder.
        backend: the runtime.
        group: user group.
        recipe: precision and self-test; its tiles do not matter here.
        store: where masters and conversions are kept.

    Returns:
        The contents, with all tiles.

    Raises:
        CheckpointError: the checkpoint is rejected.
        ConfigError: there is no such user group.
        LoweringError: the converter refused a graph.
    """
    key = _key(checkpoint, backend=backend, group=group, recipe=recipe)

    def make() -> bytes:
        return _make(checkpoint, backend=backend, group=group, recipe=recipe, store=store)

    return contents_of(Bundle(memoryview(make() if key is None else store.get_or_make(f"{key}.master", make))))


def _make(checkpoint: Path, *, backend: Backend, group: int, recipe: BundleRecipe, store: ContentCache) -> bytes:
    # Imported here: a master from the cache must not cost the import of torch.
    from ofa_export.model.checkpoint_reader import load_checkpoint
    from ofa_export.planning.master import make_master

    contents = make_master(load_checkpoint(checkpoint), backend=backend, group=group, recipe=recipe, store=store)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "master.ofab"
        write_bundle(path, contents, tiles=contents.table.tile_count, budget=UNBOUNDED)
        return path.read_bytes()


def _key(checkpoint: Path, *, backend: Backend, group: int, recipe: BundleRecipe) -> str | None:
    """Digest of everything that decides the master; None when the checkpoint cannot be read, which loading explains."""
    digest = hashlib.sha256(source_digest())
    described = {
        "backend": backend.name,
        "tools": backend.tool_versions(),
        "group": group,
        "recipe": recipe.model_dump(mode="json", exclude={"tiles"}),
    }
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name in CHECKPOINT_FILES:
        try:
            content = (checkpoint / name).read_bytes()
        except OSError:
            return None
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()
