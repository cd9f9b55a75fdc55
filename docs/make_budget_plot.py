"""The README's picture, docs/budget.svg, from `ofa-export plan --json`.

Run: python docs/make_budget_plot.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parent


def main() -> None:
    """Plot NDCG@10 against bytes of the whole bundle, with the baselines as lines."""
    tool = str(Path(sys.executable).with_name("ofa-export"))
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for runtime, colour in (("litert", "#1b7f5c"), ("executorch", "#7a4fbf")):
        plan = json.loads(subprocess.check_output([tool, "plan", "--budget", "4MB", "--runtime", runtime, "--json"]))
        points = plan["alternatives"]
        axes.plot(
            [point["budget_bytes"] / 1e6 for point in points],
            [float(point["ndcg_at_10"]) for point in points],
            "o-",
            color=colour,
            label=f"{runtime} bundle, int8 graphs",
        )
    training = json.loads((DOCS.parent / "artifacts/sample/config.json").read_text())["training"]
    for name, label, side in (
        ("static", "static net, full table", "bottom"),
        ("markov", "first-order Markov", "top"),
        ("popularity", "popularity", "bottom"),
    ):
        value = training["probe_ndcg_at_10"][name]
        axes.axhline(value, color="#888", linewidth=1, linestyle="--")
        axes.annotate(label, (0.99, value), xycoords=("axes fraction", "data"), ha="right", va=side, fontsize=8)
    axes.set(xlabel="budget: bytes of the whole file, MB", ylabel="NDCG@10, validation", ylim=(0, None))
    axes.legend(loc="center right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    plt.rcParams["svg.hashsalt"] = "ofa-export"
    figure.savefig(DOCS / "budget.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
