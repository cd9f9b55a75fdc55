from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ofa_export.data.planted import planted_interactions
from ofa_export.support.resources import shipped

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "cli-json.md"
RECIPE = """
description: For tests, seconds.
model: {width: 16, depth: 2, heads: 2, history_length: 6, rank: 2, item_groups: 3, user_groups: 1}
static: {epochs: 1, learning_rate: 5.0e-3}
groups: {epochs: 1, learning_rate: 5.0e-3}
weights: {epochs: 1, learning_rate: 1.0e-3, controller_learning_rate: 1.0e-2}
tiles: {epochs: 1, learning_rate: 1.0e-3}
mapper: {epochs: 1, learning_rate: 3.0e-3, backbone_learning_rate: 1.0e-3, target_positions: 3}
probes: {users: 20}
"""


def documented(section: str) -> set[str]:
    """Keys that the page lists under a heading."""
    text = re.split(rf"^## `?{section}`?$", PAGE.read_text(encoding="utf-8"), flags=re.M)[1].partition("\n## ")[0]
    return set(re.findall(r"^\| `(.+?)` \|", text, flags=re.M))


def printed(value: Any, path: str = "") -> Iterator[str]:
    """Paths of the leaves: a.b, a[].b; a list of plain values is a leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from printed(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield from printed(value[0], f"{path}[]")
    else:
        yield path


def assert_documented(result: Any, section: str) -> None:
    keys, paths = documented(section), set(printed(result))
    # Square brackets are a character class to fnmatch.
    patterns = {key: key.replace("[]", "[[]]") for key in keys}
    assert keys
    for path in paths:
        assert any(fnmatchcase(path, pattern) for pattern in patterns.values()), f"{path} is not documented"
    for key, pattern in patterns.items():
        assert any(fnmatchcase(path, pattern) for path in paths), f"{key} is documented, but not printed"


def only_json(finished: Any) -> Any:
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_plan(ofa, bundles: Path, toy_checkpoint: Path) -> None:
    plan = only_json(ofa("plan", toy_checkpoint, "--budget", "1MB", "--json"))
    assert_documented(plan, "plan")
    assert sum(plan["parts"].values()) == plan["bytes"] <= plan["budget_bytes"]


def test_bundle(ofa, bundles: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    made = only_json(ofa("bundle", toy_checkpoint, "--budget", "1MB", "-o", tmp_path, "--json"))
    assert_documented(made, "bundle")
    assert set(made[0]) == {"path", *only_json(ofa("plan", toy_checkpoint, "--budget", "1MB", "--json"))}
    for bundle in made:
        assert Path(bundle["path"]).stat().st_size == bundle["bytes"]


def test_fleet_and_collect(ofa, bundles: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    options = ("--budgets", "1MB", "--runtime", "litert", "--json", "-o", tmp_path / "fleet")
    fleet = only_json(ofa("fleet", toy_checkpoint, *options))
    assert_documented(fleet, "fleet")
    assert fleet["bundle_bytes"] == sum(bundle["bytes"] for bundle in fleet["bundles"])
    assert fleet["stored_bytes"] == sum(
        path.stat().st_size for part in ("entries", "bundles") for path in (tmp_path / "fleet" / part).iterdir()
    )
    taken = only_json(ofa("collect", tmp_path / "fleet", "-o", tmp_path / "out", "--json"))
    assert set(printed(taken[0])) == documented("resize")


def test_resize_delta_and_patch(ofa, litert: Path, tmp_path: Path) -> None:
    budget = litert.stat().st_size - 300
    small, delta, large = (tmp_path / name for name in ("small.ofab", "up.ofad", "large.ofab"))
    resized = only_json(ofa("resize", litert, "--budget", str(budget), "-o", small, "--json"))
    assert_documented(resized, "resize")
    assert small.stat().st_size == resized["bytes"] <= resized["budget_bytes"] == budget
    difference = only_json(ofa("delta", small, litert, "-o", delta, "--json"))
    assert_documented(difference, "delta")
    assert delta.stat().st_size == difference["bytes"]
    assert small.stat().st_size == difference["base"]["bytes"]
    patched = only_json(ofa("patch", small, delta, "-o", large, "--json"))
    assert_documented(patched, "patch")
    assert patched["bytes"] == difference["result"]["bytes"] == litert.stat().st_size


def test_inspect(ofa, litert: Path) -> None:
    inside = only_json(ofa("inspect", litert, "--json"))
    schema = json.loads(PAGE.with_name("bundle-manifest.schema.json").read_text())
    own = {key: inside.pop(key) for key in documented("inspect")}
    assert own == {"file": str(litert), "bytes": litert.stat().st_size}
    jsonschema.validate(inside, schema)


def test_session(ofa, litert: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\nK1\nK59\n")
    arguments = ["--items", tmp_path / "items.csv", "--checkpoint", toy_checkpoint, "-o", tmp_path / "s.ofas"]
    made = only_json(ofa("session", *arguments, "--json"))
    assert_documented(made, "session")
    assert (tmp_path / "s.ofas").stat().st_size == made["bytes"]
    inside = only_json(ofa("inspect", tmp_path / "s.ofas", "--json"))
    assert inside == {key: value for key, value in made.items() if key != "left_out"}


def test_run(ofa, litert: Path, session_pack: Path) -> None:
    ranking = only_json(ofa("run", litert, "--history", "K1,K2,nowhere", "--json"))
    assert_documented(ranking, "run")
    assert not ranking["session_items"]
    both = only_json(ofa("run", litert, "--history", "K1,K59", "-k", "60", "--session", session_pack, "--json"))
    assert_documented(both, "run")
    assert both["session_items"] == 10
    assert [item["from_session"] for item in both["history"]] == [False, True]
    sent = {item["item_id"] for item in both["items"] if item["from_session"]}
    assert sent == {f"K{row}" for row in range(50, 59)}


@pytest.mark.android(target="apk")
def test_apk(ofa, litert: Path, tmp_path: Path) -> None:
    made = only_json(ofa("apk", litert, "-o", tmp_path / "demo.apk", "--abi", "x86_64", "--json"))
    assert_documented(made, "apk")
    assert (tmp_path / "demo.apk").stat().st_size == made["bytes"]


@pytest.mark.parametrize("target", ["host", pytest.param("android", marks=pytest.mark.android)])
def test_benchmark(ofa, litert: Path, toy_checkpoint: Path, target: str) -> None:
    options = ("--checkpoint", toy_checkpoint, "--repeats", "3", "--target", target, "--json")
    found = only_json(ofa("benchmark", litert, *options))
    assert_documented(found, "benchmark")
    assert found["target"] == target
    measured = {each["name"]: each for each in found["measured"]}
    own = [measured.pop(name) for name in (litert.name, f"{litert.name}:all")]
    assert set(measured) == {"static:litert:int8", "static:litert:fp32", "gradient-steps:10"}
    for bundle in own:
        latency = bundle["latency_ms"]
        assert latency["session"]["p50"] >= latency["adapt"]["p50"] > 0
        # Null for blocks, where none is on for these histories.
        parts = {part: each for part, each in latency.items() if each is not None}
        assert {"session", "processor", "adapt", "score"} <= set(parts)
        assert all(each["p50"] <= each["p90"] for each in parts.values())
        assert latency["session"]["samples"] == found["repeats"] == 3
        assert bundle["file_bytes"] == litert.stat().st_size >= bundle["mapped_bytes"] > 0
        assert bundle["peak_rss_bytes"] > bundle["session_rss_bytes"] > 0
    assert measured["static:litert:fp32"]["file_bytes"] > measured["static:litert:int8"]["file_bytes"]
    assert measured["gradient-steps:10"]["file_bytes"] is None
    assert measured["static:litert:fp32"]["scores_snr_db"] > 90
    # The phone's release knows one scale for a whole table and not one for each row.
    assert (measured["static:litert:int8"]["scores_snr_db"] > 20) == (target == "host")
    assert len(found["comparisons"]) == 6
    everything = {each["name"]: each for each in found["measured"]}
    for each in found["comparisons"]:
        bundle, other = everything[each["bundle"]], everything[each["other"]]
        assert each["session"] == other["latency_ms"]["session"]["p50"] / bundle["latency_ms"]["session"]["p50"]
        times = [side["latency_ms"]["processor"]["p50"] for side in (other, bundle)]
        assert each["processor"] == times[0] / times[1]
        assert each["session_rss"] == other["session_rss_bytes"] / bundle["session_rss_bytes"]


def test_benchmark_refuses_what_cannot_be_compared(invoke, litert: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    namesake = Path(shutil.copy(litert, tmp_path))
    for arguments, sentence in (
        (["--repeats", "0", "--checkpoint", toy_checkpoint], "use --repeats 1 or more"),
        ([], "Give its checkpoint with --checkpoint"),
        (["--checkpoint", toy_checkpoint, "--target", "moon"], "There is no target 'moon'"),
        (
            ["--checkpoint", toy_checkpoint, "--target", "arm64"],
            "times say nothing; use --target host or --target android",
        ),
        (["--checkpoint", toy_checkpoint, namesake], "same file name"),
    ):
        result = invoke("benchmark", litert, *arguments)
        assert (result.exit_code, sentence in result.stderr) == (2, True), result.stderr
    missing = invoke("benchmark", litert, "--checkpoint", litert.parent / "nowhere")
    assert missing.exit_code in (2, 5)
    assert "nowhere" in missing.stderr


def test_train(ofa, tmp_path: Path) -> None:
    planted_interactions(users=24, items=24, types=3, length=12, seed=1).write_csv(tmp_path / "sales.csv")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    trained = only_json(
        ofa("train", "sales.csv", "-o", "out", "--recipe", "tiny.yaml", "--seed", "3", "--json", cwd=tmp_path)
    )
    assert_documented(trained, "train")
    assert (trained["path"], trained["seed"]) == ("out", 3)
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_evaluate(ofa, tmp_path: Path) -> None:
    planted_interactions(users=24, items=24, types=3, length=12, seed=1).write_csv(tmp_path / "sales.csv")
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    only_json(ofa("train", "sales.csv", "-o", "out", "--recipe", "tiny.yaml", "--json", cwd=tmp_path))
    command = ("evaluate", "out", "--interactions", "sales.csv", "--tables", "--html", "page.html", "--json")
    found = only_json(ofa(*command, cwd=tmp_path))
    assert_documented(found, "evaluate")
    assert (found["data"], found["split"], found["users"]) == ("sales", "validation", 24)
    assert "<svg" in (tmp_path / "page.html").read_text(encoding="utf-8")
    again = ofa(*command, cwd=tmp_path)
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize("limit", [30, 300])
def test_validate_with_its_exit_code(ofa, litert: Path, toy_checkpoint: Path, tmp_path: Path, limit: int) -> None:
    tolerance = yaml.safe_load(shipped("export_recipes", "tolerance", "default.yaml").read_text())
    tolerance["precisions"]["int8"]["graph_snr_db"]["limit"] = limit
    for metric in ("session_snr_db", "top10_overlap_share"):
        tolerance["precisions"]["int8"][metric]["limit"] = 0
    tolerance["precisions"]["int8"]["ndcg_drop"]["limit"] = 1
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tolerance))
    finished = ofa("validate", litert, "--checkpoint", toy_checkpoint, "--tolerance", tmp_path / "mine.yaml", "--json")
    report = json.loads(finished.stdout)
    jsonschema.validate(report, json.loads(PAGE.with_name("validation-report.schema.json").read_text()))
    failed = {finding["assertion"] for finding in report["reports"][0]["findings"] if finding["status"] == "fail"}
    assert finished.returncode == report["exit_code"] == (4 if limit == 300 else 0), failed
    assert all(name.startswith("quantisation") for name in failed)


def test_errors(ofa, bundles: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.ofab").write_bytes(b"odd")
    described: dict[str, Any] = {}
    for code, arguments in (
        (3, ["plan", toy_checkpoint, "--budget", "1KB"]),
        (5, ["inspect", tmp_path / "odd.ofab"]),
    ):
        finished = ofa(*arguments, "--json")
        error = json.loads(finished.stdout)["error"]
        assert finished.returncode == error["exit_code"] == code
        assert finished.stderr == f"Error: {error['message']}\n"
        described |= error
    assert_documented({"error": described}, "Errors")
