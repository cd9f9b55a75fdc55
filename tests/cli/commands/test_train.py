"""`ofa-export train` and `evaluate` on files that people have: what they say of them, and the options for columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from ofa_export.cli.app import app

CASES = Path(__file__).parents[2] / "data" / "cases"
READERS = {
    "train": {"--user-column", "--item-column", "--time-column", "--title-column"},
    "import": {"--user-column", "--item-column", "--time-column", "--title-column"},
    "evaluate": {"--user-column", "--item-column", "--time-column"},
    "session": {"--item-column"},
}
RECIPE = """
description: For tests, seconds.
data: {min_count: 3}
model: {width: 16, depth: 1, heads: 1, history_length: 6, rank: 2, item_groups: 2}
static: {epochs: 1, learning_rate: 5.0e-3}
groups: {epochs: 1, learning_rate: 5.0e-3}
weights: {epochs: 1, learning_rate: 1.0e-3, controller_learning_rate: 1.0e-2}
tiles: {epochs: 1, learning_rate: 1.0e-3}
mapper: {epochs: 1, learning_rate: 3.0e-3, backbone_learning_rate: 1.0e-3}
probes: {users: 20}
"""


def test_every_command_that_reads_interactions_takes_the_names_of_columns() -> None:
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {option for option in options if option.endswith("-column")} == READERS.get(name, set())
        assert ("--interactions" in options or "--titles" in options) <= (name in READERS)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("ml-latest.csv", ["--item-column", "film"], "has no column 'film'"),
        ("ml-latest.csv", ["--item-column", "film"], "--item-column, perhaps --item-column 'movieId'"),
        ("cr_only.csv", [], "carriage return"),
        ("u.data", ["--title-column", "film"], "Give --titles FILE, too."),
        ("thousands.csv", [], "'978,304,156'"),
        ("u.data", ["--device", "gpu"], "There is no device 'gpu'. Use --device auto, cpu, cuda or mps."),
        ("u.data", ["--precision", "fp16"], "There is no precision 'fp16'. Use --precision fp32 or bf16."),
        ("u.data", ["--user-column", "5"], "has no column '5'; it has '1', '2', '3', '4'"),
    ],
)
def test_what_cannot_be_trained_on_names_the_way_out(
    invoke, tmp_path: Path, name: str, arguments: list[str], sentence: str
) -> None:
    result = invoke("train", CASES / name, "-o", tmp_path / "out", "--recipe", "ci", *arguments)
    assert (result.exit_code, sentence in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.integration
def test_what_was_read_and_left_out_is_said_once_without_a_terminal(ofa, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    (tmp_path / "films.csv").write_text("movieId;title\n7;Heat\n9;Casino\n999;Nothing\n")
    arguments = ("hm.csv", "--titles", "films.csv", "-o", "out", "--recipe", "tiny.yaml")
    (tmp_path / "hm.csv").write_bytes((CASES / "hm.csv").read_bytes().replace(b",01087750", b","))
    refused = ofa("train", *arguments, cwd=tmp_path)
    assert "No item has one of the titles. They are for '7'" in refused.stderr and refused.returncode == 2
    (tmp_path / "films.csv").write_text("movieId;title\n07;Heat\n09;Casino\n999;Nothing\n")
    trained = ofa("train", *arguments, cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    for line in (
        "hm.csv is read as CSV: user from column customer_id, item from column article_id, time from column t_dat.",
        "films.csv is read as CSV with semicolons: item from column movieId, title from column title.",
        "Users: 30.",
        "Left out as repeats of an item by the same user (repeats: first): 6 interactions.",
        "Titles: 2 of 12 items have one; 1 titles match none of them.",
        "Note: Times are whole days: 98% of neighbours in histories have equal times; their order is drawn by the seed",
    ):
        assert trained.stderr.count(line) == 1, trained.stderr
    (tmp_path / "mine.csv").write_bytes((tmp_path / "hm.csv").read_bytes().replace(b"customer_id", b"who", 1))
    evaluate = ("evaluate", "out", "--interactions", "mine.csv")
    asked = ofa(*evaluate, cwd=tmp_path)
    assert asked.returncode == 2 and "--user-column" in asked.stderr
    answered = ofa(*evaluate, "--user-column", "who", cwd=tmp_path)
    assert answered.returncode == 0, answered.stderr
    assert "user from column who" in answered.stderr
