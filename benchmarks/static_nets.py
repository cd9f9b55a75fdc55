"""Static nets beside popularity and first-order Markov; docs/results.md rests on what this writes.

    python benchmarks/static_nets.py train ml-1m.parquet --recipe ml-1m --seed 0 --folder runs
    python benchmarks/static_nets.py test runs/*.pt >> docs/results/static.jsonl

`train` runs the stage `static` of a recipe and keeps the net; whatever is chosen, is chosen by what it prints. `test`
scores the test items, once everything is chosen: one line of JSON for each net.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ofa_export.data.data_recipe import Split
from ofa_export.data.histories import Histories, build_histories, held_out_items
from ofa_export.data.sample import load_dataset
from ofa_export.ranking.metrics import hit_rate, ndcg, target_ranks
from ofa_export.ranking.scoring import score_histories, static_adapt
from ofa_export.support.recipes import load_recipe
from ofa_export.training.accelerator import open_fabric, processes
from ofa_export.training.baselines import MarkovChain, popularity_scores
from ofa_export.training.from_data import resolved_from_data
from ofa_export.training.static_stage import train_static
from ofa_export.training.train_recipe import TrainRecipe
from ofa_export.training.training_run import TrainingRun, initial_run

TOP = 10


class Lines:
    """Prints what a stage says, with the time since the start."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def start(self, stage: str, *, steps: int, done: int) -> None:
        """Ignore it."""

    def advance(self, *, steps: int) -> None:
        """Ignore it."""

    def note(self, text: str) -> None:
        """Print it."""
        print(f"{time.monotonic() - self.started:6.0f} s  {text}", file=sys.stderr, flush=True)


def histories_of(interactions: str, recipe: TrainRecipe, *, seed: int) -> Histories:
    """Read a file or a sample as a recipe says."""
    files = recipe.data.resolved() if recipe.data else None
    data = load_dataset(interactions, recipe=files)
    return build_histories(data.interactions, recipe=data.recipe, seed=seed, folder=Path(tempfile.mkdtemp()))


def run_of(interactions: str, recipe_name: str, *, seed: int, folder: Path) -> TrainingRun:
    """Make a run before its first stage."""
    recipe = load_recipe("train", recipe_name, TrainRecipe)
    histories = histories_of(interactions, recipe, seed=seed)
    recipe, said = resolved_from_data(recipe, histories)
    for line in said:
        print(line, file=sys.stderr)
    return initial_run(histories, recipe, seed=seed, folder=folder, progress=Lines())


def ranks(run: TrainingRun, score: str, *, split: Split) -> NDArray[np.int64]:
    """Return the rank of every held-out item, by the net or a baseline."""
    histories, found = run.histories, []
    chain = MarkovChain.fit(histories) if score == "markov" else None
    for users in np.array_split(histories.evaluation_users, max(1, len(histories.evaluation_users) // 128)):
        held = held_out_items(histories, users, split=split, history_length=run.model.config.history_length)
        if score == "popularity":
            scores = popularity_scores(histories, len(held.targets))
        elif chain:
            scores = chain.scores(held.history)
        else:
            scores, _ = score_histories(run.model, static_adapt(run.model), run.full_tables(0), held.history)
        found.append(target_ranks(scores, held.targets, history=held.history if histories.exclude_history else None))
    return np.concatenate(found)


def measured(run: TrainingRun, score: str, *, split: Split) -> dict[str, float]:
    """Return HR@10 and NDCG@10, all items ranked."""
    found = ranks(run, score, split=split)
    return {f"{split}_hr": float(hit_rate(found, TOP).mean()), f"{split}_ndcg": float(ndcg(found, TOP).mean())}


def train(given: argparse.Namespace) -> None:
    """Train one static net and keep it with all that it takes to score it."""
    name = f"{Path(given.interactions).stem}-{Path(given.recipe).stem}-{given.seed}"
    folder = given.folder / f"{name}.state"
    folder.mkdir(parents=True, exist_ok=True)
    run = run_of(given.interactions, given.recipe, seed=given.seed, folder=folder)
    began, processor = time.monotonic(), time.process_time()
    fabric = open_fabric(precision=given.precision)
    with processes(fabric):
        run.move_to(fabric)
        train_static(run)
    about = {
        "interactions": given.interactions,
        "recipe": given.recipe,
        "precision": given.precision,
        "seed": given.seed,
        "backbone": run.model.config.backbone,
        "history_length": run.model.config.history_length,
        "seconds": round(time.monotonic() - began),
        "processor_seconds": round(time.process_time() - processor),
        "parameters": sum(parameter.numel() for parameter in run.model.backbone_parameters()),
        "epochs": len(run.measured["static"]["history"]) - 1,
        "best_epoch": run.measured["static"]["best_epoch"],
        **measured(run, "net", split="validation"),
    }
    torch.save({"about": about, "model": run.model.state_dict()}, given.folder / f"{name}.pt")
    print(json.dumps(about), flush=True)


def test(given: argparse.Namespace) -> None:
    """Score the test items with nets that `train` kept, and with both baselines."""
    for path in given.nets:
        kept = torch.load(path, weights_only=True)
        about = kept["about"]
        run = run_of(about["interactions"], about["recipe"], seed=about["seed"], folder=path.parent)
        run.model.load_state_dict(kept["model"])
        baselines = {name: measured(run, name, split="test") for name in ("popularity", "markov")}
        print(json.dumps({**about, **measured(run, "net", split="test"), **baselines}), flush=True)


def main() -> None:
    """Train or test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    trains = commands.add_parser("train")
    trains.add_argument("interactions", help="file or sample")
    trains.add_argument("--recipe", required=True)
    trains.add_argument("--seed", type=int, default=0)
    trains.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    trains.add_argument("--folder", type=Path, required=True)
    trains.set_defaults(run=train)
    tests = commands.add_parser("test")
    tests.add_argument("nets", type=Path, nargs="+")
    tests.set_defaults(run=test)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.run(given)


if __name__ == "__main__":
    main()
