"""`inspect`, `run` and `validate` on whole and broken bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "last byte missing": lambda data: data[:-1],
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :],
    "foreign": lambda data: b"PK" + bytes(1000),
}
OPTIONS: dict[str, list[str]] = {"inspect": [], "run": ["--history", "K1"], "validate": []}


@pytest.fixture(params=["litert", "executorch"])
def bundle(request: pytest.FixtureRequest, litert: Path, executorch: Path) -> Path:
    return {"litert": litert, "executorch": executorch}[request.param]


@pytest.fixture
def run_json(invoke, litert: Path) -> Callable[..., Any]:
    def run(history: str, *options: str) -> Any:
        result = invoke("run", litert, "--history", history, *options, "--json")
        assert result.exit_code == 0, result.output
        assert not result.stderr
        return json.loads(result.stdout)

    return run


def test_inspect_shows_parts_that_add_up_to_the_file(invoke, bundle: Path) -> None:
    result = invoke("inspect", bundle)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == f"{bundle}: {bundle.stat().st_size:,} bytes of a budget of 1,000,000"
    parts = [line.rsplit(None, 2) for line in lines[3 : lines.index("", 3)]]
    assert sum(int(count.replace(",", "")) for _, count, _ in parts) == bundle.stat().st_size
    assert all(line == line.rstrip() for line in lines)
    assert "48 of 48, order planes" in result.stdout


@pytest.mark.parametrize("command", OPTIONS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_bundle_is_rejected(
    invoke, litert: Path, toy_checkpoint: Path, tmp_path: Path, command: str, damage: str
) -> None:
    path = tmp_path / "broken.ofab"
    path.write_bytes(DAMAGE[damage](litert.read_bytes()))
    options = [*OPTIONS[command], *(["--checkpoint", toy_checkpoint] if command == "validate" else [])]
    result = invoke(command, path, *options)
    assert result.exit_code == 5
    assert "Bundle rejected" in " ".join((result.stdout if command == "validate" else result.stderr).split())
    assert "Traceback" not in result.stderr


def test_run_shows_history_blocks_times_and_titles(ofa, bundle: Path) -> None:
    result = ofa("run", bundle, "--history", "K1, K2,nowhere", "-k", "4")
    assert (result.returncode, result.stderr) == (0, "")
    for part in ("not in this bundle: nowhere", "  K2  Title 2", "block_0 o", "block_1 o", " ms on ", "rank  score"):
        assert part in result.stdout
    ranks = [line for line in result.stdout.splitlines() if line.strip()[:1] in {"1", "2", "3", "4", "5"}]
    assert len([line for line in ranks if "Title" in line]) == 4


def test_both_runtimes_rank_alike(invoke, litert: Path, executorch: Path) -> None:
    best = [
        [item["item_id"] for item in json.loads(invoke("run", path, "--history", "K1,K9", "--json").stdout)["items"]]
        for path in (litert, executorch)
    ]
    assert len(set(best[0]) & set(best[1])) >= 8


def test_a_history_longer_than_the_model_sees_keeps_the_newest(run_json) -> None:
    keys = [f"K{row}" for row in range(20)]
    long, short = run_json(",".join(keys)), run_json(",".join(keys[-8:]))
    assert [item["item_id"] for item in long["history"]] == keys[-8:]
    assert (long["older_items"], short["older_items"]) == (12, 0)
    assert long["items"] == short["items"]


def test_unknown_items_are_listed_and_ignored(run_json) -> None:
    with_unknown, without = run_json("gone,K1,K2,lost"), run_json("K1,K2")
    assert with_unknown["unknown_items"] == ["gone", "lost"]
    assert with_unknown["items"] == without["items"]


def test_a_short_catalogue_ends_the_ranking(run_json) -> None:
    assert len(run_json("K1,K2", "-k", "1000")["items"]) == 58


@pytest.mark.parametrize(
    ("history", "options", "sentence"),
    [
        ("", [], "The history is empty"),
        (" , ,", [], "The history is empty"),
        ("Q1,K99x", [], "The key nearest to 'K99x' is 'K9'"),
        ("K1", ["-k", "0"], "k of at least 1, not 0"),
        ("K1", ["-k", "-3"], "k of at least 1, not -3"),
        ("K1", ["-k", "ten"], "-k"),
    ],
)
def test_what_cannot_be_ranked(invoke, litert: Path, history: str, options: list[str], sentence: str) -> None:
    result = invoke("run", litert, "--history", history, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_a_bundle_of_another_checkpoint_is_rejected(invoke, litert: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for path in toy_checkpoint.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    config = other / "config.json"
    config.write_text(config.read_text().replace("Drawn by nobody.", "Drawn by somebody."))
    assert invoke("validate", litert, "--checkpoint", other).exit_code == 5
