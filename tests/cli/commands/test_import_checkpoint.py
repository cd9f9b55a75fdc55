"""`ofa-export import` and `train --from`: results, notes and every kind of wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.numpy import load_file

from ofa_export.support.resources import shipped

N, D, T = 12, 16, 5


def state_dict(seed: int = 0) -> dict[str, torch.Tensor]:
    """Random tensors under the names of RecBole's SASRec with one layer."""
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {"item_embedding.weight": (N + 1, D), "position_embedding.weight": (T, D)}
    layer = "trm_encoder.layer.0"
    for name in ("query", "key", "value", "dense"):
        shapes |= {
            f"{layer}.multi_head_attention.{name}.weight": (D, D),
            f"{layer}.multi_head_attention.{name}.bias": (D,),
        }
    shapes |= {f"{layer}.feed_forward.dense_1.weight": (4 * D, D), f"{layer}.feed_forward.dense_1.bias": (4 * D,)}
    shapes |= {f"{layer}.feed_forward.dense_2.weight": (D, 4 * D), f"{layer}.feed_forward.dense_2.bias": (D,)}
    for name in (f"{layer}.multi_head_attention.", f"{layer}.feed_forward.", ""):
        shapes |= {f"{name}LayerNorm.weight": (D,), f"{name}LayerNorm.bias": (D,)}
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a state dict, interactions with keys of letters, and the items file between them."""
    torch.save(state_dict(), tmp_path / "s.pth")
    rows = [f"u{user},{chr(97 + (user + step) % 10)},{step}" for user in range(12) for step in range(6)]
    (tmp_path / "a.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]))
    keys = [f"{number},{chr(96 + number)}" for number in range(1, N + 1)]
    (tmp_path / "i.csv").write_text("\n".join(["source_id,item_id", *keys]))
    return tmp_path


@pytest.fixture
def run_import(invoke, files: Path) -> Any:
    """Runs the command on the files; arguments are added, and later ones count."""

    def run(*arguments: str | Path, state: str = "s.pth", name: str = "recbole", items: str = "i.csv") -> Any:
        given = ["--format", name, "--interactions", files / "a.csv", "--items", files / items, "-o", files / "made"]
        return invoke("import", files / state, *given, *arguments)

    return run


def fails(result: Any, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    assert not result.stdout
    for part in parts:
        assert part in result.stderr
    assert "Traceback" not in result.stderr


def test_the_result_and_what_was_assumed(run_import, files: Path) -> None:
    result = run_import()
    assert result.exit_code == 0, result.stderr
    assert "recbole-sasrec, 12 items x 16, depth 1, heads 2" in result.stdout
    assert "static net" in result.stdout
    assert "Note: The tensors do not tell the number of attention heads; 2 was assumed." in result.stderr
    assert {path.name for path in (files / "made").iterdir()} == {
        "config.json",
        "items.parquet",
        "model.safetensors",
        "validation_histories.safetensors",
    }


def test_the_same_command_writes_the_same_bytes(run_import, files: Path) -> None:
    written = []
    for _ in range(2):
        assert run_import("--force", "--heads", "4", "--seed", "3").exit_code == 0
        written.append({path.name: path.read_bytes() for path in (files / "made").iterdir()})
    assert written[0] == written[1]


def test_json_and_no_note_of_what_was_given(run_import, files: Path) -> None:
    result = run_import("--heads", "4", "--json")
    assert "attention heads" not in result.stderr and "own numbers" not in result.stderr
    assert "hidden_act" in result.stderr
    made = json.loads(result.stdout)
    assert made["items"] == N
    assert made["measured"]["imported"]["heads"] == 4
    assert made["measured"]["imported"]["format"] == "recbole"
    assert set(made["validation_ndcg_at_10"]) == {"popularity", "markov", "static", "adapted"}


def kept_rows(folder: Path) -> list[list[int]]:
    return load_file(folder / "validation_histories.safetensors")["histories"].tolist()


def test_a_checkpoint_without_people_says_so_and_has_none_of_their_histories(run_import, files: Path) -> None:
    assert run_import("--heads", "4").exit_code == 0
    real = kept_rows(files / "made")
    for kind, said in (("synthetic", "at least 5 people share"), ("none", "what the trained net ranks first")):
        result = run_import("--heads", "4", "--force", "--validation-histories", kind)
        assert said in " ".join(result.stderr.split())
        made = json.loads((files / "made" / "config.json").read_text())["training"]
        assert made["validation_histories"] == kind
        assert len(kept_rows(files / "made")) == len(real)
    assert [row for row in kept_rows(files / "made") if row in real and row.count(-1) < T - 1] == []
    fails(run_import("--force", "--validation-histories", "nobody"), 2, "Valid: none, real, synthetic.")


def test_an_unknown_format_suggests_the_nearest(run_import, files: Path) -> None:
    fails(run_import(name="recbol"), 2, "There is no format 'recbol'. Did you mean 'recbole'?", "pmixer-norm-last")
    assert not (files / "made").exists()


def test_an_output_that_exists(run_import, files: Path) -> None:
    (files / "made").mkdir()
    fails(run_import(), 2, "exists. Add --force")
    fails(run_import("--force"), 2, "is not a checkpoint")


def test_files_that_are_rejected(run_import, files: Path) -> None:
    fails(run_import(state="nothing.pth"), 5, "nothing.pth", "Check the path")
    torch.save({name: value for name, value in state_dict().items() if name != "LayerNorm.bias"}, files / "less.pth")
    fails(run_import(state="less.pth"), 5, "tensor 'LayerNorm.bias' is missing")
    fails(run_import(name="pmixer"), 5, "does not fit format pmixer", "give --format recbole")
    torch.save({"gru_layers.weight_ih_l0": torch.ones(2), "item_embedding.weight": torch.ones(2)}, files / "gru.pth")
    fails(run_import(state="gru.pth"), 5, "the file holds GRU4Rec", "train a model here")
    assert not (files / "made").exists()


def test_heads_that_do_not_fit(run_import) -> None:
    fails(run_import("--heads", "3"), 2, "3 heads do not divide the width 16")


def test_items_that_are_not_those_of_the_interactions(run_import, invoke, files: Path) -> None:
    (files / "i2.csv").write_text("source_id,item_id\n1,a\n2,b\n")
    fails(run_import(items="i2.csv"), 2, "i2.csv has keys for 2 of the source's 12 items")
    numbered = invoke(
        "import", files / "s.pth", "--format", "recbole", "--interactions", files / "a.csv", "-o", files / "made"
    )
    fails(numbered, 2, "No interaction has an item of the model", "--items")


@pytest.mark.integration
def test_training_on_a_frozen_base(run_import, invoke, files: Path) -> None:
    """What the imported checkpoint says of people's histories counts for the trained one, too."""
    assert run_import("--heads", "2", "--rank", "2", "--validation-histories", "none").exit_code == 0
    recipe = yaml.safe_load(shipped("export_recipes", "train", "ci.yaml").read_text())
    recipe["mapper"]["epochs"] = recipe["weights"]["epochs"] = 1
    (files / "quick.yaml").write_text(yaml.safe_dump(recipe))
    arguments = ["train", files / "a.csv", "-o", files / "trained", "--recipe", files / "quick.yaml"]
    result = invoke(*arguments, "--from", files / "made", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["measured"]["imported"]["format"] == "recbole"
    trained = json.loads((files / "trained" / "config.json").read_text())["training"]
    assert trained["validation_histories"] == "none"


def test_training_on_a_frozen_base_of_something_else(invoke, toy_checkpoint: Path, files: Path) -> None:
    arguments = ["train", files / "a.csv", "-o", files / "trained", "--recipe", "ci"]
    fails(invoke(*arguments, "--from", toy_checkpoint), 2, "ofa-export import")
    fails(invoke(*arguments, "--from", files / "nothing"), 5, "There is no checkpoint folder")
    assert not (files / "trained").exists()
