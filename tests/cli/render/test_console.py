"""What no line of a command's output can be, whoever writes it."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import ENDLESS, FAKE, HOSTILE, NAME, assert_harmless
from rich.table import Table

import ofa_export
from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import (
    guard_streams,
    print_err,
    print_json,
    print_out,
    print_traceback,
    rich_console,
)
from ofa_export.cli.render.progress import TrainingBars, fleet_bars, planning_bar, spinner, step_bar

PACKAGE = Path(ofa_export.__file__).parent
PRINTERS = {
    "cli/render/console.py",
    # Programs of child processes: what they print is read by the process that started them.
    "planning/limits.py",
    "benchmark/memory.py",
}
WRITES = {"print", "typer.echo", "typer.secho", "Console", "rich.print", "sys.stdout.write", "sys.stderr.write"}


def guarded(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """The bytes of guarded streams that only know ASCII; in the test itself, for pytest replaces streams, too."""
    bytes_out = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(bytes_out, encoding="ascii", line_buffering=True))
    guard_streams()
    return bytes_out


def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is written to a terminal that is stderr."""
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "300")
    return out


def printers() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "_shipped" in path.parts or not re.search(r"print\(|echo|Console\(|std(out|err)\.write", source):
            continue
        called = {ast.unparse(node.func) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)}
        if called & WRITES:
            yield path.relative_to(PACKAGE).as_posix()


def test_only_the_console_prints() -> None:
    assert set(printers()) == PRINTERS, "print with print_out and print_err of cli/render/console.py"


@pytest.mark.parametrize("text", [HOSTILE, NAME, ENDLESS], ids=["hostile", "name", "endless"])
def test_a_line_stays_one_line(capsys: pytest.CaptureFixture[str], text: str) -> None:
    print_out(f"bundle {text}", "")
    print_err(f"Error: {text}")
    print_out(*columns([("item", "title"), ("1", text), (text, "2")], align="<<"))
    out, err = capsys.readouterr()
    assert_harmless(out)
    assert_harmless(err)
    assert len(out.split("\n")) == 6 and len(err.split("\n")) == 2


def test_titles_in_columns_stand_under_each_other_after_they_were_made_harmless() -> None:
    heading, odd, plain = columns([("item", "bytes"), ("\x1b[2J", "1"), ("a", "22")], align="<>")
    assert heading.rindex("s") == odd.rindex("1") == plain.rindex("2")


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({NAME: [HOSTILE, "茶"]})
    out = capsys.readouterr().out
    assert out.isascii()
    assert_harmless(out)
    assert json.loads(out) == {NAME: [HOSTILE, "茶"]}


def test_a_traceback_is_bounded_and_only_its_heading_is_at_the_margin(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(HOSTILE + ENDLESS)
    except ValueError:
        print_traceback()
    err = capsys.readouterr().err
    assert_harmless(err)
    assert err.startswith("Traceback (most recent call last):\n  ")
    assert err.endswith(f"  {FAKE}\n  \n")


def test_what_others_write_has_no_control_characters_either(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = guarded(monkeypatch)
    print("\x1b[2J\u202e茶", end="\r")
    print(HOSTILE, file=sys.stderr)
    assert logging.lastResort
    logging.lastResort.handle(logging.LogRecord("x", logging.WARNING, "x", 1, HOSTILE, None, None))
    written = raw.getvalue().decode("ascii")
    assert all(char.isprintable() or char == "\n" for char in written)
    assert written.startswith(r"\x1b[2J\u202e\u8336\r")


def assert_plain(written: str) -> None:
    assert re.search(r"\[red\]x\[/?red\] :bomb: <script>", written)
    assert FAKE in written
    for attack in (
        "\x1b[2J",
        "\x1b]0;",
        "\x07",
        "\x9b",
        "\u202e",
        "\u200b",
        "\u2028",
        "\x85",
        f"\n{FAKE}",
        f"\r{FAKE}",
    ):
        assert attack not in written


def test_a_console_of_rich_takes_text_for_text(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    table = Table("column")
    table.add_row("[red]x[/red] :bomb:")
    rich_console(stderr=True).print(table, "[red]y[/red] :bomb:")
    assert "[red]x[/red] :bomb:" in screen.getvalue() and "[red]y[/red] :bomb:" in screen.getvalue()


@pytest.mark.parametrize("text", [HOSTILE, NAME])
def test_progress_shows_text_as_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    screen = terminal(monkeypatch)
    for show in (spinner, planning_bar):
        with show(text):
            pass
        assert_plain(screen.getvalue())
        screen.truncate(0)
    with planning_bar("x") as progress:
        progress(text, 1, 2)
    with step_bar(text, [text]) as progress:
        progress(text, 0, 1)
    assert_plain(screen.getvalue())
    screen.truncate(0)
    with fleet_bars() as progress:
        progress(text, 1, 2)
    assert_plain(screen.getvalue())
    screen.truncate(0)
    with TrainingBars() as progress:
        progress(text, 1, 2)
        progress(f"{text} a note", 0, 0)
    assert_plain(screen.getvalue())
