"""The functions of the door: values in, values out, and the same files as the commands make."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import ofa_export
from ofa_export import Bundle, Checkpoint, Plan
from ofa_export.api import converter_extras
from ofa_export.data.planted import planted_interactions
from ofa_export.errors import BudgetError, CheckpointError, ConfigError, OutputError, UnknownNameError
from ofa_export.support.progress_callback import ProgressCallback

BUDGET = 1_000_000
Told = tuple[str, int, int]
RECIPE = """
description: One epoch of everything.
model: {width: 16, depth: 2, heads: 2, history_length: 6, rank: 2, item_groups: 3, user_groups: 1}
static: {epochs: 1, learning_rate: 5.0e-3}
groups: {epochs: 1, learning_rate: 5.0e-3}
weights: {epochs: 1, learning_rate: 1.0e-3, controller_learning_rate: 1.0e-3}
tiles: {epochs: 1, learning_rate: 1.0e-3}
mapper: {epochs: 1, learning_rate: 3.0e-3, backbone_learning_rate: 1.0e-3}
probes: {users: 20}
data: {min_count: 1}
"""


def keep(seen: list[Told]) -> ProgressCallback:
    """A progress callback that remembers all that it is told."""
    return lambda what, done, total: seen.append((what, done, total))


@pytest.fixture(scope="module")
def toy_plan(toy_checkpoint: Path) -> Plan:
    return ofa_export.plan(toy_checkpoint, budget=BUDGET)


@pytest.fixture(scope="module")
def toy_bundle(toy_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return toy_plan.write(tmp_path_factory.mktemp("bundles") / "toy.ofab")


@pytest.mark.parametrize("budget", ["4MB", 4e6, True, None])
def test_a_budget_that_is_no_number_of_bytes_is_refused(toy_checkpoint: Path, budget: Any) -> None:
    with pytest.raises(ConfigError, match="is not a whole number of bytes"):
        ofa_export.plan(toy_checkpoint, budget=budget)


@pytest.mark.parametrize("budget", [0, -1, 2**40])
def test_a_budget_out_of_range_is_refused(toy_checkpoint: Path, budget: int) -> None:
    with pytest.raises(ConfigError, match=r"is not between 1 and 1,099,511,627,775 bytes"):
        ofa_export.plan(toy_checkpoint, budget=budget)


def test_names_that_do_not_exist_are_answered_with_those_that_do(toy_checkpoint: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'litert'"):
        ofa_export.plan(toy_checkpoint, budget=BUDGET, runtime="litrt")
    with pytest.raises(UnknownNameError, match="no bundle recipe 'int9'"):
        ofa_export.plan(toy_checkpoint, budget=BUDGET, recipe="int9")
    with pytest.raises(UnknownNameError, match="no split 'valid'"):
        ofa_export.evaluate(toy_checkpoint, split="valid")  # type: ignore[arg-type]


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    for call in (Checkpoint.open, lambda folder: ofa_export.plan(folder, budget=BUDGET)):
        with pytest.raises(CheckpointError):
            call(tmp_path)


def test_a_checkpoint_knows_its_folder(toy_checkpoint: Path) -> None:
    assert Checkpoint.open(str(toy_checkpoint)).folder == toy_checkpoint
    assert Checkpoint.sample().config.data.name == "online-retail"


def test_what_is_no_bundle_needs_no_extra(tmp_path: Path) -> None:
    (tmp_path / "odd.ofab").write_bytes(b"odd")
    assert converter_extras([tmp_path / "odd.ofab"]) == ()
    assert converter_extras([*Path(__file__).parents[1].glob("artifacts/golden/*-executorch.ofab")]) == ("executorch",)


@pytest.mark.integration
def test_a_plan_is_made_of_a_folder_or_of_a_checkpoint(toy_checkpoint: Path, toy_plan: Plan) -> None:
    seen: list[Told] = []
    again = ofa_export.plan(Checkpoint.open(toy_checkpoint), budget=BUDGET, recipe="int8", progress=keep(seen))
    assert (again.bytes, again.tiles, again.recipe) == (toy_plan.bytes, toy_plan.tiles, toy_plan.recipe)
    assert seen == [("measuring", 1, 1)] or seen == [("measuring", 0, 1), ("measuring", 1, 1)]


@pytest.mark.integration
def test_a_written_plan_is_an_open_bundle_of_the_bytes_it_said(toy_plan: Plan, toy_bundle: Bundle) -> None:
    assert toy_bundle.path is not None and toy_bundle.path.stat().st_size == toy_bundle.size == toy_plan.bytes
    with pytest.raises(OutputError, match="exists already"):
        toy_plan.write(toy_bundle.path)


@pytest.mark.integration
def test_a_resized_bundle_is_the_one_that_is_planned_for_that_budget(
    toy_checkpoint: Path, toy_bundle: Bundle, tmp_path: Path
) -> None:
    budget = toy_bundle.size - 300
    small = toy_bundle.resize(budget=budget, path=tmp_path / "small.ofab")
    ofa_export.plan(toy_checkpoint, budget=budget).write(tmp_path / "planned.ofab").close()
    assert (tmp_path / "small.ofab").read_bytes() == (tmp_path / "planned.ofab").read_bytes()
    assert small.size <= budget
    with pytest.raises(OutputError, match="exists already"):
        toy_bundle.resize(budget=budget, path=tmp_path / "small.ofab")
    with pytest.raises(BudgetError):
        toy_bundle.resize(budget=1000, path=tmp_path / "tiny.ofab")
    assert not (tmp_path / "tiny.ofab").exists()


@pytest.mark.integration
def test_a_device_ranks_for_keys_and_says_which_it_left_out(toy_bundle: Bundle) -> None:
    with ofa_export.open_device(toy_bundle) as device:
        ranking = device.rank(["K3", "odd", "K7"], k=4)
        by_rows = device.rank_rows([3, 7], 4)
    assert ranking.unknown == ("odd",)
    assert list(ranking.rows) == list(by_rows.rows) and len(ranking.keys) == 4
    assert ranking.keys == tuple(f"K{row}" for row in by_rows.rows)
    assert ranking.titles == tuple(f"Title {row}" for row in by_rows.rows)
    with pytest.raises(UnknownNameError, match="no target 'hots'"):
        ofa_export.open_device(toy_bundle, target="hots")


@pytest.mark.integration
def test_a_sound_bundle_passes_and_a_damaged_one_is_a_report_too(
    toy_checkpoint: Path, toy_bundle: Bundle, tmp_path: Path
) -> None:
    checkpoint = Checkpoint.open(toy_checkpoint)
    whole = ofa_export.validate(toy_bundle, checkpoint)
    assert whole.passed and len(whole.findings) > 30
    content = bytearray(toy_bundle.path.read_bytes() if toy_bundle.path else b"")
    (tmp_path / "broken.ofab").write_bytes(content[:-1])
    report = ofa_export.validate(tmp_path / "broken.ofab", toy_checkpoint)
    assert not report.passed and report.rejected
    in_memory = ofa_export.validate(Bundle(memoryview(content)), checkpoint)
    assert in_memory.findings == whole.findings


@pytest.mark.integration
def test_training_tells_every_stage_and_gives_the_checkpoint_that_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    planted_interactions(users=60, items=24, types=3, length=12, seed=1).write_csv(tmp_path / "sales.csv")
    seen: list[Told] = []
    given = (tmp_path / "sales.csv", tmp_path / "made")
    made = ofa_export.train(*given, recipe=tmp_path / "recipe.yaml", progress=keep(seen))
    assert list(dict.fromkeys(what for what, _, total in seen if total)) == ["static", "weights-0", "tiles", "mapper"]
    for stage in ("static", "mapper"):
        steps = [(done, total) for what, done, total in seen if what == stage]
        assert [done for done, _ in steps] == list(range(steps[0][1] + 1))
    assert any("NDCG@10" in what for what, _, total in seen if not total)
    assert made.sha256 == Checkpoint.open(tmp_path / "made").sha256 != ""
    with pytest.raises(OutputError, match="exists"):
        ofa_export.train(*given, recipe=tmp_path / "recipe.yaml")


@pytest.mark.integration
def test_rows_that_were_left_out_are_a_note_or_a_warning(tmp_path: Path) -> None:
    rows = [(f"u{user}", f"i{(user * 7 + step) % 12}", step) for user in range(30) for step in range(8)]
    lines = ["user_id,item_id,timestamp", *(f"{user},{item},{time}" for user, item, time in rows), ",,"]
    (tmp_path / "shop.csv").write_text("\n".join(lines))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    seen: list[Told] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ofa_export.train(tmp_path / "shop.csv", tmp_path / "told", recipe=tmp_path / "recipe.yaml", progress=keep(seen))
    assert any(told[0].startswith("Note: ") for told in seen)
    with pytest.warns(UserWarning, match="Note: "):
        ofa_export.train(tmp_path / "shop.csv", tmp_path / "warned", recipe=tmp_path / "recipe.yaml")
