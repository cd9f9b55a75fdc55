"""Time of `ofa-export fleet` beside as many cold `ofa-export bundle`.

Run: python benchmarks/fleet_speed.py

The checkpoint is the sample's with its item table for each of four user groups, a little different in each. Of the cold
conversions one per runtime is timed, and counted as often as there are bundles; all times are of whole processes.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from ofa_export.model.checkpoint import checkpoint_files
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.model.network import AdaptiveRecommender

SAMPLE = Path(__file__).parents[1] / "artifacts" / "sample"
GROUPS = 4
BUDGETS = ("960KB", "1MB", "1.05MB", "1.1MB", "1.15MB", "1.25MB", "1.5MB", "4MB")
RUNTIMES = ("litert", "executorch")


def grouped_checkpoint(folder: Path) -> Path:
    """Give the sample a table for each user group."""
    sample = load_checkpoint(SAMPLE)
    config = sample.config.model_copy(update={"model": sample.config.model.model_copy(update={"user_groups": GROUPS})})
    generator = torch.Generator().manual_seed(0)
    state = sample.model.state_dict()
    tables = state["tables"].repeat(GROUPS, 1, 1)
    state["tables"] = tables * (1 + 0.01 * torch.randn(tables.shape, generator=generator))
    model = AdaptiveRecommender(config.model).eval().requires_grad_(False)
    model.load_state_dict(state)
    users = len(sample.validation.histories)
    path = folder / "sample"
    path.mkdir()
    grouped = dataclasses.replace(
        sample,
        config=config,
        model=model,
        importance=np.repeat(sample.importance, GROUPS, axis=0),
        tile_orders=sample.tile_orders * GROUPS,
        centroids=np.repeat(sample.centroids, GROUPS, axis=0),
        validation=dataclasses.replace(sample.validation, user_groups=np.arange(users, dtype=np.int32) % GROUPS),
    )
    for name, content in checkpoint_files(grouped).items():
        (path / name).write_bytes(content)
    return path


def seconds(*arguments: str, cache: str) -> float:
    """Wall time of a command that must succeed."""
    tool = str(Path(sys.executable).with_name("ofa-export"))
    start = time.perf_counter()
    environment = {**os.environ, "OFA_EXPORT_CACHE": cache}
    subprocess.run([tool, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print what a fleet costs, cold and with its conversions in the cache."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", default="2")
    workers = parser.parse_args().workers
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        checkpoint = str(grouped_checkpoint(folder))
        count = GROUPS * len(BUDGETS)
        alone = {}
        for runtime in RUNTIMES:
            options = ("--budget", BUDGETS[0], "--runtime", runtime, "-o", f"{name}/{runtime}.ofab")
            alone[runtime] = seconds("bundle", checkpoint, *options, cache=f"{name}/{runtime}")
        fleet = ("fleet", checkpoint, "--budgets", ",".join(BUDGETS), "--workers", workers)
        cold = seconds(*fleet, "-o", f"{name}/cold", cache=f"{name}/cache")
        again = seconds(*fleet, "-o", f"{name}/again", cache=f"{name}/cache")
    separate = sum(count * spent for spent in alone.values())
    print(f"one cold bundle: {', '.join(f'{runtime} {spent:.1f} s' for runtime, spent in alone.items())}")
    print(f"{2 * count} of them one by one, from these: {separate:.0f} s")
    print(f"the fleet, cold: {cold:.1f} s, {separate / cold:.0f} x faster")
    print(f"the fleet, conversions cached: {again:.1f} s, {separate / again:.0f} x faster")


if __name__ == "__main__":
    main()
