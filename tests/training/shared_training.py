"""Trains like `ofa-export train` under torchrun: `torchrun --nproc-per-node 2 shared_training.py JOB.json`.

The job holds `recipe`, `output`, `resume`, and `stop_at`: a stage in whose third step the first process
dies, or null. What each process was told of the progress goes to OUTPUT.NUMBER.json.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tiny import tiny_data

from ofa_export.training import training_loop
from ofa_export.training.train import train
from ofa_export.training.train_recipe import TrainRecipe


class Notebook:
    """Writes down what it is told; stops the process at a stage of choice."""

    def __init__(self, stop_at: str | None) -> None:
        self.told: list[str] = []
        self.stop_at = stop_at
        self.stage, self.steps = "", 0

    def start(self, stage: str, *, steps: int, done: int) -> None:
        self.told.append(f"{stage}: {done} of {steps}")
        self.stage, self.steps = stage, 0

    def advance(self, *, steps: int) -> None:
        self.steps += steps
        if self.stage == self.stop_at and self.steps == 3:
            os._exit(3)

    def note(self, text: str) -> None:
        self.told.append(text)


def main(path: str) -> None:
    job = json.loads(Path(path).read_text())
    training_loop.SNAPSHOT_SECONDS = -1.0
    notebook = Notebook(job["stop_at"])
    data = tiny_data()
    train(
        data,
        TrainRecipe.model_validate(job["recipe"]),
        Path(job["output"]),
        seed=0,
        resume=job["resume"],
        force=False,
        progress=notebook,
    )
    Path(f"{job['output']}.{os.environ.get('RANK', 'alone')}.json").write_text(json.dumps(notebook.told))


if __name__ == "__main__":
    main(sys.argv[1])
