"""Cost and gain of session packs on the sample.

Run: python benchmarks/session_packs.py

Sizes: bytes of packs of n items. Quality: NDCG@10 on validation histories of small bundles, alone and with a pack of
the candidates that a cloud which knows nothing but counts would send (first-order Markov, the history left out).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.writer import write_bundle
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.evaluation.subject import open_subject
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.complete_bundle_cache import load_complete_bundle
from ofa_export.planning.export_source import ExportSource
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.recipes import load_recipe
from ofa_export.support.resources import shipped
from ofa_export.targets.open_device import open_device
from ofa_export.training.baselines import MarkovChain

CANDIDATES = 100
TILES = (20, 116, 160, 1280)
SIZES = (1, 10, 100, 1000, 3145)
SHOWN = 10


def pack_of(checkpoint: Checkpoint, encoded: EncodedTable, rows: NDArray[np.int64], *, titles: bool) -> SessionPack:
    """Return a pack of some rows of group 0."""
    wanted = np.unique(rows)
    items = ItemCatalogue(
        keys=tuple(checkpoint.item_keys[row] for row in wanted),
        titles=tuple(checkpoint.item_titles[row] if titles else "" for row in wanted),
    )
    return SessionPack.of_rows(encoded, wanted, items, checkpoint_sha256=checkpoint.sha256, group="0")


def gain(rows: NDArray[np.int64], target: int) -> float:
    """NDCG@10 of one ranking with one right answer."""
    place = np.flatnonzero(rows[:SHOWN] == target)
    return 1 / np.log2(2 + place[0]) if len(place) else 0.0


def best(device: Device, history: NDArray[np.int64], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ten best of some candidates."""
    device.adapt(history)
    return candidates[np.argsort(-device.score(candidates), kind="stable")[:SHOWN]]


def gains(
    device: Device, history: NDArray[np.int64], target: int, candidates: NDArray[np.int64], packs: list[SessionPack]
) -> list[float]:
    """NDCG@10 of: the bundle; the candidates of a pack; those of a pack with the history; everything with that pack."""
    device.use_session(None)
    found = [gain(device.rank_rows(history, SHOWN).rows, target)]
    for pack in packs:
        device.use_session(pack)
        found.append(gain(best(device, history, candidates), target))
    return [*found, gain(device.rank_rows(history, SHOWN).rows, target)]


def main(users: int) -> None:
    """Print both tables."""
    folder = shipped("artifacts", "sample")
    checkpoint = load_checkpoint(folder)
    encoded = encode(checkpoint.table(0).numpy(), group_sizes=checkpoint.config.model.group_sizes)
    for size in SIZES:
        rows = np.linspace(0, len(checkpoint.item_keys) - 1, size).astype(np.int64)
        plain, titled = (pack_of(checkpoint, encoded, rows, titles=titles).bytes for titles in (False, True))
        print(f"{size:5} items: {titled:8,} bytes, {titled / size:6.1f} each; {plain:8,} without titles")
    validation = checkpoint.validation
    chain = MarkovChain.fit(open_subject(checkpoint, interactions=None).histories)
    cases = []
    for number in range(min(users, len(validation.targets))):
        history = validation.histories[number][validation.histories[number] >= 0].astype(np.int64)
        scores = chain.scores(validation.histories[number : number + 1])[0]
        scores[history] = -np.inf
        candidates = np.argsort(-scores, kind="stable")[:CANDIDATES]
        packs = [
            pack_of(checkpoint, encoded, rows, titles=True)
            for rows in (candidates, np.concatenate([candidates, history]))
        ]
        cases.append((history, int(validation.targets[number]), candidates, packs))
    print(f"Markov alone {np.mean([gain(candidates, target) for _, target, candidates, _ in cases]):.4f}")
    print(f"mean bytes {[round(np.mean([case[3][kind].bytes for case in cases])) for kind in (0, 1)]}")
    recipe = load_recipe("bundle", "int8", BundleRecipe)
    complete = load_complete_bundle(
        ExportSource(folder, group=0), converter=get_converter("litert"), recipe=recipe, store=ContentCache()
    )
    for tiles in TILES:
        with tempfile.TemporaryDirectory() as made:
            path = Path(made) / "b.ofab"
            write_bundle(path, complete, tiles=tiles, budget=4_000_000)
            with Bundle.open(path) as bundle, open_device(bundle) as device:
                means = np.mean([gains(device, *case) for case in cases], axis=0)
                print(f"{tiles:4} tiles, {bundle.size:,} bytes: " + ", ".join(f"{mean:.4f}" for mean in means))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    main(parser.parse_args().users)
