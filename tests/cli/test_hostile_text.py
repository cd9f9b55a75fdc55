"""Whole commands over a checkpoint that attacks whoever shows it, with a terminal and without."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from hostile import FAKE, HOSTILE, NAME, WITHOUT_SURROGATE, assert_harmless, tags

from ofa_export.model.checkpoint_folder import CONFIG, ITEMS

pytestmark = pytest.mark.slow

ATTACKS = ("\x1b[2J", "\x1b]0;", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\u2028", "\x85", f"\n{FAKE}")


def with_terminal(command: list[str | Path], folder: Path) -> tuple[int, str]:
    """Run a command whose stdout and stderr are a terminal; its exit code and all that it wrote there."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 2**16)
        except OSError:
            break
        written += part
    os.close(ours)
    return process.wait(), written.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture(scope="module")
def hostile_checkpoint(toy_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / NAME
    shutil.copytree(toy_checkpoint, folder)
    config = json.loads((folder / CONFIG).read_text())
    config["data"] |= dict.fromkeys(("licence", "attribution"), HOSTILE) | {"name": f"toy{WITHOUT_SURROGATE}"}
    config["training"] = {"recipe": {"description": HOSTILE}, "probe_ndcg_at_10": {HOSTILE: 0.5}}
    (folder / CONFIG).write_text(json.dumps(config))
    rows = pl.read_parquet((folder / ITEMS).read_bytes()).height
    named = {
        "item_id": [f"{row}{WITHOUT_SURROGATE}!" for row in range(rows)],
        "title": [f"{WITHOUT_SURROGATE}{row}" for row in range(rows)],
    }
    with (folder / ITEMS).open("wb") as file:
        pl.DataFrame(named).write_parquet(file)
    return folder


def test_from_a_checkpoint_to_its_reports(script: Path, hostile_checkpoint: Path, tmp_path: Path) -> None:
    odd = f"x{NAME}"
    bundle, key = tmp_path / f"{odd}.ofab", '"' + f"3{WITHOUT_SURROGATE}!".replace('"', '""') + '"'
    (tmp_path / "items.txt").write_text(f"3{WITHOUT_SURROGATE}!".replace("\r", ""))
    junit, page = tmp_path / "r.xml", tmp_path / "r.html"
    options = ("--checkpoint", hostile_checkpoint)
    for codes, command in (
        ((0,), ["bundle", hostile_checkpoint, "--budget", "1MB", "--runtime", "litert", "-o", bundle]),
        ((2,), ["fleet", hostile_checkpoint, "--budgets", "1MB", "-o", odd]),
        ((2,), ["train", f"{odd}.csv", "-o", odd]),
        ((2,), [odd]),
    ):
        done = subprocess.run(
            [script, *command], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode in codes, done.stderr
        assert_harmless(done.stdout)
        assert_harmless(done.stderr)
        assert "Traceback" not in done.stderr
    for codes, command in (
        ((0, 4), ["validate", bundle, *options, "--junit", junit, "--html", page]),
        ((0, 2), ["session", *options, "--items", "items.txt", "-o", f"{odd}.ofas"]),
        ((0,), ["inspect", bundle]),
        ((0,), ["run", bundle, "--history", key]),
        ((2,), [odd]),
    ):
        code, written = with_terminal([script, *command], tmp_path)
        assert code in codes, written
        assert not [attack for attack in ATTACKS if attack in written], command
    assert_harmless(junit.read_text(encoding="utf-8"))
    ElementTree.parse(junit)
    text = page.read_text(encoding="utf-8")
    assert_harmless(text, longest=2_000_000)
    assert "script" not in tags(text) and not [tag for tag in tags(text) if tag.startswith("on")]
