"""Cost of training as data and catalogue grow; docs/scaling.md rests on it.

Run: python benchmarks/training_scale.py

Every figure comes from a process of its own. Memory is the peak of what the system cannot take back, above what the
packages need (RssAnon), and of everything (VmHWM, with the mapped pages of files). Interactions are drawn: text ids,
items by Zipf's law, in a Parquet file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from memory_watch import WATCH

GENERATE = """
import sys
import numpy as np
import polars as pl
path, rows, users, items = sys.argv[1], *map(int, sys.argv[2:])
rng = np.random.default_rng(0)
share = np.cumsum(1 / np.arange(1, items + 1) ** 0.8)
frame = pl.DataFrame({
    "user": rng.permutation(np.arange(rows, dtype=np.int64) % users),
    "item": np.searchsorted(share, rng.random(rows) * share[-1]),
    "timestamp": rng.integers(1_600_000_000, 1_700_000_000, rows),
})
frame.select(
    pl.format("customer-{}", "user").alias("user_id"), pl.format("article-{}", "item").alias("item_id"), "timestamp"
).write_parquet(path)
"""

WATCH_TRAINING = (
    WATCH
    + """
import numpy, polars, torch
threading.Thread(target=watch, daemon=True).start()
torch.set_num_threads(1)
before, began = status("RssAnon"), time.perf_counter()

def report(**found):
    print(json.dumps({"anonymous_mb": round(peak - before), "high_water_mb": round(status("VmHWM")), **found}))
"""
)

READ = (
    WATCH_TRAINING
    + """
import inspect
import numpy as np
from ofa_export.data.histories import build_histories
from ofa_export.data.sample import load_dataset
from ofa_export.training.windows import cut_windows, epoch_batches
data = load_dataset(sys.argv[1])
# The code before streaming knew no folder; so it can be measured, too.
place = {"folder": Path(sys.argv[2])} if "folder" in inspect.signature(build_histories).parameters else {}
histories = build_histories(data.interactions, recipe=data.recipe, seed=0, **place)
windows = cut_windows(histories, np.arange(histories.users), history_length=50)
batches = epoch_batches(windows, np.zeros(histories.users, np.int32), batch_size=64, seed=(0,))
count = sum(1 for _, batch in zip(range(500), batches))
report(seconds=round(time.perf_counter() - began, 1), users=histories.users, items=histories.items)
"""
)

STEP = (
    WATCH_TRAINING
    + """
import numpy as np
import torch
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.training.softmax_loss import NegativeSampler
from ofa_export.training.static_stage import static_loss
from ofa_export.training.windows import Batch
items, windows, negatives = map(int, sys.argv[1:])
config = ModelConfig(items=items, width=64, depth=2, heads=2, history_length=50, rank=8, item_groups=20)
model = AdaptiveRecommender(config)
backbone = [*model.blocks.parameters(), *model.final_norm.parameters()]
optimiser = torch.optim.AdamW([model.tables, model.position, *backbone], betas=(0.9, 0.98))
sampler = NegativeSampler(np.ones(items, np.int64), negatives) if negatives else None
rng, seconds = np.random.default_rng(0), []
for _ in range(4):
    rows = torch.from_numpy(rng.integers(0, items, (windows, 51)))
    began = time.perf_counter()
    optimiser.zero_grad(set_to_none=True)
    drawn = sampler.draw(rng) if sampler else None
    static_loss(model, Batch(rows[:, :-1], rows[:, 1:], 0), model.tables[0], negatives=drawn).backward()
    torch.nn.utils.clip_grad_norm_([parameter for parameter in model.parameters() if parameter.grad is not None], 5.0)
    optimiser.step()
    seconds.append(time.perf_counter() - began)
report(seconds=round(sorted(seconds[1:])[1], 4))
"""
)


def generate(path: Path, *, rows: int, users: int, items: int) -> None:
    """Write a Parquet file of drawn interactions."""
    subprocess.run([sys.executable, "-c", GENERATE, path, str(rows), str(users), str(items)], check=True)


def measured(script: str, *arguments: object) -> dict[str, float]:
    """Run a script in a process of its own, and return what it reports."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print one line per measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, nargs="*", default=[1_000_000, 4_000_000, 16_000_000])
    parser.add_argument("--users", type=int, default=0, help="20 interactions each when 0")
    parser.add_argument("--items", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--negatives", type=int, nargs="*", default=[0, 4096], help="0 for a loss over all items")
    parser.add_argument("--windows", type=int, nargs="*", default=[16])
    arguments = parser.parse_args()
    for rows in arguments.interactions:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drawn.parquet"
            generate(path, rows=rows, users=arguments.users or rows // 20, items=100_000)
            print(f"read {rows:>11,} interactions: {measured(READ, path, folder)}", flush=True)
    for windows, items, negatives in itertools.product(arguments.windows, arguments.items, arguments.negatives):
        loss = f"{negatives:,} drawn" if negatives else "all"
        found = measured(STEP, items, windows, negatives)
        print(f"step of {windows} windows, {items:>9,} items, loss over {loss}: {found}", flush=True)


if __name__ == "__main__":
    main()
