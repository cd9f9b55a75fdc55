"""Cost of a bundle as the catalogue grows; docs/scaling.md rests on it.

Run: python benchmarks/catalogue_scale.py

The catalogue is drawn: tables of 64 dimensions, histories and next items by Zipf's law. The network is the same for all
sizes, so that its conversion comes from the cache; nothing else does. Every figure is from a process of its own. Memory
is the peak of what the system cannot take back, all packages included (RssAnon), and of everything (VmHWM, with the
mapped pages of files).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from memory_watch import WATCH

from ofa_export.bundle.tile_order import plane_order
from ofa_export.model.checkpoint import Checkpoint, CheckpointConfig, DataCard, ValidationSet, checkpoint_files
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender

VALIDATION = 1000
ZIPF = 0.9
SIZES = ModelConfig(items=1000, width=64, depth=2, heads=2, history_length=50, rank=8, item_groups=20)
BYTES_PER_ITEM = 32
"""Budget: 32 MB for a million items."""

BUNDLE = (
    WATCH
    + """
threading.Thread(target=watch, daemon=True).start()
began = time.perf_counter()
from ofa_export.cli.app import app
try:
    app(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps({
    "seconds": round(time.perf_counter() - began, 1),
    "anonymous_mb": round(peak),
    "high_water_mb": round(status("VmHWM")),
}))
"""
)

READ = """
import json, statistics, sys, time
from pathlib import Path
import numpy as np
from ofa_export.bundle.reader import Bundle

def anonymous():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1])

before, began = anonymous(), time.perf_counter()
bundle = Bundle.open(sys.argv[1])
opened, grown = time.perf_counter() - began, anonymous() - before
rng, seconds = np.random.default_rng(0), []
for _ in range(21):
    rows = rng.integers(0, bundle.table.items, 1000)
    began = time.perf_counter()
    bundle.table.lookup(rows)
    seconds.append(time.perf_counter() - began)
began = time.perf_counter()
bundle.items.row_of("?")
print(json.dumps({
    "open_ms": 1000 * opened,
    "open_anonymous_kb": grown,
    "first_lookup_ms": 1000 * seconds[0],
    "lookup_ms": 1000 * statistics.median(seconds[1:]),
    "item_names_s": time.perf_counter() - began,
}))
"""


def drawn(items: int) -> Checkpoint:
    """Draw a checkpoint that nobody trained."""
    torch.manual_seed(0)
    small = AdaptiveRecommender(SIZES).eval().requires_grad_(False)
    sizes = SIZES.model_copy(update={"items": items})
    with torch.device("meta"):
        model = AdaptiveRecommender(sizes)
    tables = torch.randn(1, items, SIZES.width) * SIZES.width**-0.5
    model.load_state_dict({**small.state_dict(), "tables": tables}, assign=True)
    rng = np.random.default_rng(0)
    share = np.cumsum(np.arange(1, items + 1) ** -ZIPF)
    rows = np.searchsorted(share, rng.random((VALIDATION, SIZES.history_length + 1)) * share[-1]).astype(np.int32)
    return Checkpoint(
        config=CheckpointConfig(
            model=sizes,
            data=DataCard(name="drawn", licence="none", attribution="Drawn by nobody.", exclude_history=True),
            order="planes",
        ),
        model=model.eval().requires_grad_(False),
        importance=np.ones((1, SIZES.item_groups, SIZES.embedding_blocks), np.float32),
        tile_orders=(plane_order(SIZES.item_groups, SIZES.embedding_blocks),),
        centroids=np.zeros((1, SIZES.width), np.float32),
        item_keys=tuple(f"{row:08d}" for row in rng.permutation(items)),
        item_titles=tuple(f"Article {row} in colour {row % 17}" for row in range(items)),
        validation=ValidationSet(histories=rows[:, 1:], targets=rows[:, 0], user_groups=np.zeros(VALIDATION, np.int32)),
    )


def save(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a checkpoint."""
    folder.mkdir()
    for name, content in checkpoint_files(checkpoint).items():
        (folder / name).write_bytes(content)
    return folder


def measured(script: str, *arguments: object, cache: Path) -> dict[str, float]:
    """Run a script in a process of its own, and return what its last line says."""
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OFA_EXPORT_CACHE": str(cache)},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def forget_all_but_conversions(cache: Path) -> None:
    """Forget all but conversions: the catalogue is new, the network is not."""
    for entry in cache.iterdir():
        if entry.suffix != ".graphs":
            entry.unlink()


def main() -> None:
    """Print one line per catalogue, and write all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="*", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--repeats", type=int, default=3, help="of opening and looking up; the median counts")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--folder", type=Path, help="keep checkpoints and bundles here")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        place = arguments.folder or Path(temporary)
        cache = place / "cache"
        for items in arguments.items:
            folder, bundle = place / str(items), place / f"{items}.ofab"
            if not folder.exists():
                save(drawn(items), folder)
            command = [
                "bundle",
                "--budget",
                BYTES_PER_ITEM * items + 800_000 * (items < 100_000),
                "--runtime",
                "litert",
            ]
            command += [folder, "-o", bundle, "--force"]
            if not list(cache.glob("*.graphs")):
                measured(BUNDLE, *command, cache=cache)
            forget_all_but_conversions(cache)
            made = measured(BUNDLE, *command, cache=cache)
            read = [measured(READ, bundle, cache=cache) for _ in range(arguments.repeats)]
            figures = {name: round(statistics.median(one[name] for one in read), 2) for name in read[0]}
            row = {"items": items, "table_mb": items * 64 * 4 / 2**20, "bundle_bytes": bundle.stat().st_size}
            rows.append({**row, **made, **figures})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
