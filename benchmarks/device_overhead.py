"""Cost of the device loop on top of its graphs: adapt, assembled blocks, 100 scores.

Run: make benchmark

The graphs alone are called through the runtime's runner with ready inputs. Both ways run in turn in one process.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ofa_export.bundle.reader import Bundle
from ofa_export.contract import block_name, theta_name
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device

CANDIDATES = 100


def milliseconds(call: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def compare(path: Path, *, runs: int) -> None:
    """Print the medians of one bundle and their ratios."""
    with Bundle.open(path) as bundle:
        manifest = bundle.manifest
        runner = get_converter(manifest.runtime.name).load(bundle.graphs, manifest.shapes.contract())
        device = Device(bundle, runner)
        T, d = manifest.shapes.history_length, manifest.shapes.width
        history, candidates = np.arange(T), np.arange(T, T + CANDIDATES)
        rows, offered = bundle.table.lookup(history), bundle.table.lookup(candidates)
        inputs = {"history": rows.reshape(1, T, d), "length": np.array([T], np.int32)}
        blocks = device.adapt(history).blocks_run
        padded = np.zeros((1, manifest.shapes.candidates, d), np.float32)
        padded[0, :CANDIDATES] = offered

        def graphs_alone() -> None:
            adapted = runner.run("adapt", inputs)
            hidden = adapted["hidden"]
            for block in blocks:
                theta = theta_name(block)
                hidden = runner.run(
                    block_name(block), {"hidden": hidden, "length": inputs["length"], theta: adapted[theta]}
                )["hidden"]
            runner.run("score", {"hidden": hidden, "candidates": padded})

        def on_embeddings() -> None:
            device.adapt_embeddings(rows)
            device.score_embeddings(offered)

        def on_items() -> None:
            device.adapt(history)
            device.score(candidates)

        rounds = [
            (milliseconds(graphs_alone), milliseconds(on_embeddings), milliseconds(on_items)) for _ in range(runs)
        ]
        alone, embeddings, items = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(
            f"{manifest.runtime.name:<10} graphs alone {alone:.3f} ms, on embeddings {embeddings / alone:.2f} x, "
            f"on items with table lookup {items / alone:.2f} x ({len(blocks)} blocks ran)"
        )
        runner.close()


def main() -> None:
    """Bundle the checkpoint for both runtimes and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parents[1] / "artifacts" / "sample")
    parser.add_argument("--runs", type=int, default=500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tool = str(Path(sys.executable).with_name("ofa-export"))
        command = [tool, "bundle", str(arguments.checkpoint), "--budget", "4MB", "-o", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in sorted(Path(folder).glob("*.ofab")):
            compare(path, runs=arguments.runs)


if __name__ == "__main__":
    main()
