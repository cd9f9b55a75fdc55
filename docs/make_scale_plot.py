"""The picture docs/catalogue-scale.svg, from what benchmarks/catalogue_scale.py measured."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parent
PANELS = (
    ("plan and pack, seconds", (("seconds", "#1b7f5c", "bundle"),)),
    ("peak memory, MB", (("anonymous_mb", "#1b7f5c", "plan and pack"), ("table_mb", "#888888", "fp32 table"))),
    ("reader, ms", (("open_ms", "#1b7f5c", "open"), ("lookup_ms", "#7a4fbf", "1,000 items"))),
)


def main() -> None:
    """Plot time, memory and the reader's times against the number of items."""
    rows = json.loads((DOCS / "catalogue-scale.json").read_text())
    figure, panels = plt.subplots(1, len(PANELS), figsize=(9, 3), layout="constrained")
    for axes, (title, lines) in zip(panels, PANELS, strict=True):
        for name, colour, label in lines:
            axes.plot([row["items"] for row in rows], [row[name] for row in rows], "o-", color=colour, label=label)
        axes.set(title=title, xlabel="items", xscale="log", ylim=(0, None))
        axes.title.set_fontsize(10)
        axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    plt.rcParams["svg.hashsalt"] = "ofa-export"
    figure.savefig(DOCS / "catalogue-scale.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
