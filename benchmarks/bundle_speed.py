"""Time of `ofa-export bundle` beside the bare conversion of the same graphs.

Run: make benchmark

Every figure is the wall time of a whole process; the three of a round run behind each other, so that ratios hold on a
machine whose speed drifts. The bare conversion imports what it needs, reads the checkpoint and converts, nothing else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = """
import sys
from pathlib import Path
from ofa_export.converters.registry import get_converter
from ofa_export.graphs.device import device_graphs
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.precision import INT8
graphs = device_graphs(load_checkpoint(Path(sys.argv[1])).model, candidates=100)
get_converter(sys.argv[2]).convert(graphs, precision=INT8)
"""


def seconds(command: list[str], *, cache: str) -> float:
    """Wall time of a process that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "OFA_EXPORT_CACHE": cache}, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def one_round(checkpoint: Path, converter: str) -> tuple[float, float, float]:
    """Seconds of the bare conversion, of a cold bundle, and of a second budget."""
    with tempfile.TemporaryDirectory() as folder:
        tool = str(Path(sys.executable).with_name("ofa-export"))
        bundle = [tool, "bundle", str(checkpoint), "--runtime", converter, "-o"]
        bare = seconds([sys.executable, "-c", BARE, str(checkpoint), converter], cache=folder)
        cold = seconds([*bundle, f"{folder}/a.ofab", "--budget", "4MB"], cache=folder)
        again = seconds([*bundle, f"{folder}/b.ofab", "--budget", "3MB"], cache=folder)
    return bare, cold, again


def main() -> None:
    """Print one line per runtime."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path(__file__).parents[1] / "artifacts" / "sample")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("converter     bare s   cold s   second s   cold/bare   second/cold")
    for converter in ("litert", "executorch"):
        rounds = [one_round(arguments.checkpoint, converter) for _ in range(arguments.rounds)]
        bare, cold, again = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = statistics.median(c / b for b, c, _ in rounds), statistics.median(a / c for _, c, a in rounds)
        print(f"{converter:<10} {bare:7.1f}  {cold:7.1f}    {again:7.2f}   {ratios[0]:9.2f}   {ratios[1]:11.3f}")


if __name__ == "__main__":
    main()
