from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from ofa_export.cli.app import app

COMMANDS = (
    "train",
    "import",
    "evaluate",
    "plan",
    "bundle",
    "fleet",
    "collect",
    "resize",
    "delta",
    "patch",
    "session",
    "inspect",
    "validate",
    "run",
    "apk",
    "benchmark",
)
WIDTH = 80


def examples(text: str) -> list[str]:
    return [line.strip() for line in text.partition("Examples:")[2].splitlines() if line.strip()]


def test_the_overview_names_every_command_in_full_sentences(invoke) -> None:
    text = invoke("--help").stdout
    listed = re.findall(r"^  (\w+)  +(.+)$", text.partition("Commands:")[2].partition("Exit codes:")[0], re.M)
    assert tuple(name for name, _ in listed) == COMMANDS
    assert all(sentence.endswith(".") and not sentence.endswith("...") for _, sentence in listed)
    assert "Exit codes: 0 done" in text


def test_without_arguments_the_help_is_shown(invoke) -> None:
    lines = invoke().output.splitlines()
    assert "Commands:" in lines
    assert not any("Error" in line for line in lines)


@pytest.mark.parametrize("command", COMMANDS)
def test_one_sentence_three_examples_and_json(invoke, command: str) -> None:
    text = invoke(command, "--help").stdout
    description = " ".join(text.split("\n\n")[1].split())
    assert description.count(".") >= 1
    assert re.fullmatch(r"[A-Z][^.]*(?:\.[a-z][^.]*)*\.", description), "more or less than one sentence"
    assert "--json" in text
    assert len(examples(text)) == 3
    assert all(len(line) <= WIDTH for line in text.splitlines())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_parses(invoke, command: str) -> None:
    root = get_command(app)
    for line in examples(invoke(command, "--help").stdout):
        program, name, *arguments = shlex.split(line)
        assert (program, name) == ("ofa-export", command)
        context = root.commands[command].make_context(command, arguments)  # type: ignore[attr-defined]
        assert context.params


def test_the_version(invoke) -> None:
    from ofa_export import __version__

    assert invoke("--version").stdout == f"ofa-export {__version__}\n"
