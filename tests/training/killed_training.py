"""Trains like `ofa-export train`, and dies of SIGKILL at a file operation of choice.

Usage: python killed_training.py JOB.json, with `recipe`, `output`, `seed`, `resume`, and `kill`: null, or
[audit event, part of the path, n]: the process ends right before the n-th such operation on such a path.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tiny import tiny_data

from ofa_export.training import training_loop
from ofa_export.training.train import train
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_progress import Silent


def die_before(event: str, part: str, count: int) -> None:
    left = count

    def hook(happened: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if happened == event and any(part in str(argument) for argument in arguments):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main(path: str) -> None:
    job = json.loads(Path(path).read_text())
    # A snapshot after every step, so that a kill in the middle of a stage finds one.
    training_loop.SNAPSHOT_SECONDS = -1.0
    data = tiny_data()
    if job["kill"]:
        die_before(*job["kill"])
    train(
        data,
        TrainRecipe.model_validate(job["recipe"]),
        Path(job["output"]),
        seed=job["seed"],
        resume=job["resume"],
        force=False,
        progress=Silent(),
    )


if __name__ == "__main__":
    main(sys.argv[1])
