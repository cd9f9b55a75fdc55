"""Hostile text in every field of a bundle, a session pack, a delta and an index of a fleet, through every command.

Fields are found in the documents themselves, so one that is added is tried as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from files import CORPUS, Base, archive, read_base, repaired, to_json
from hostile import HOSTILE, NAME, WITHOUT_SURROGATE, assert_harmless, leaves, tags, with_key, with_value
from typer.testing import CliRunner, Result

from ofa_export.bundle.items import items_entry
from ofa_export.cli.app import app
from ofa_export.cli.commands.delta import patch
from ofa_export.cli.commands.inspect import inspect
from ofa_export.cli.render.fleet_view import fleet_json, print_fleet
from ofa_export.errors import OfaExportError
from ofa_export.fleet.fleet_page import fleet_html
from ofa_export.fleet.index import FleetIndex
from ofa_export.fleet.make_fleet import MadeFleet

FREE = ("model_id", "group", "precision", "data.name", "data.licence", "runtime.minimum_version")
"""Fields of a manifest that hold any text."""

INDEX = {
    "version": "2.0",
    "checkpoint_sha256": "0" * 64,
    "bundles": [
        {
            "name": "a.ofab",
            "runtime": "litert",
            "group": 0,
            "budget_bytes": 9,
            "bytes": 8,
            "tiles": 3,
            "tiles_total": 4,
            "ndcg_at_10": "0.5000",
            "manifest_sha256": "0" * 64,
        }
    ],
}


def run(*arguments: str | Path, codes: tuple[int, ...] = (0,)) -> Result:
    """Run a command in this process; nothing it says can do anything."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code in codes, result.output
    assert_harmless(result.stdout)
    assert_harmless(result.stderr)
    assert "Traceback" not in result.stderr
    return result


def quoted(key: str) -> str:
    """One key of a list of keys, as in CSV."""
    doubled = key.replace('"', '""')
    return f'"{doubled}"'


def document(base: Base) -> Any:
    return json.loads(dict(base.entries)[base.document])


def forged(base: Base, fields: Any, **others: bytes) -> bytes:
    """The base with another document and other entries, sizes and digests made to fit."""
    if "budget_bytes" in fields:
        fields = {**fields, "budget_bytes": 10**7}
    replaced = {base.document: to_json(fields)} | {name.replace("__", "."): data for name, data in others.items()}
    return archive(repaired(base, [(name, replaced.get(name, data)) for name, data in base.entries]))


def variants(base: Base) -> Iterator[tuple[str, bytes]]:
    """The base with each text of its document replaced, and each key."""
    fields = document(base)
    for path in leaves(fields):
        # What vouches for the entries is made to fit afterwards.
        if path[0] == "entries" and path[-1] != "name":
            continue
        changes = (with_value, with_key) if isinstance(path[-1], str) else (with_value,)
        for change in changes:
            changed = change(fields, path, HOSTILE)
            try:
                yield ".".join(map(str, path)), forged(base, changed)
            except (TypeError, KeyError, AttributeError, UnicodeEncodeError):
                # No archive can be made to fit; the fuzzer has such files.
                continue


@pytest.mark.parametrize("name", ["toy.ofab", "toy.ofas", "toy.ofad"])
def test_every_field_of_every_document(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    base, accepted = read_base(name), set()
    path, out = tmp_path / name, tmp_path / "out.ofab"
    for number, (field, data) in enumerate(variants(base)):
        path.write_bytes(data)
        for as_json in (False, True) if number % 4 == 0 else (False,):
            # Without the parser of the command line, which takes ten times as long.
            try:
                if base.kind == "ofad":
                    patch(CORPUS / "toy.ofab", path, out, force=True, json_output=as_json)
                else:
                    inspect(path, json_output=as_json)
                accepted.add(field)
            except typer.Exit as end:
                assert end.exit_code == 5
            said = capsys.readouterr()
            assert_harmless(said.out)
            assert_harmless(said.err)
            assert "Traceback" not in said.err
            assert said.out.isascii() or not as_json
    assert accepted >= {"toy.ofab": set(FREE), "toy.ofas": {"group"}, "toy.ofad": set()}[name]


@pytest.fixture
def hostile_bundle(tmp_path: Path) -> Path:
    """A LiteRT bundle with hostile text in every field that takes any, and in keys and titles, under a hostile name."""
    base = read_base("graphs-litert.ofab")
    fields = document(base)
    for name in FREE:
        fields = with_value(fields, tuple(name.split(".")), HOSTILE)
    fields["tools"] = dict.fromkeys(fields["tools"], HOSTILE)
    items = fields["embeddings"]["items"]
    keys = [f"{row}{WITHOUT_SURROGATE}!" for row in range(items)]
    catalogue = items_entry(keys, [f"{WITHOUT_SURROGATE}{row}" for row in range(items)])
    path = tmp_path / f"{NAME}.ofab"
    path.write_bytes(forged(base, fields, items__bin=catalogue))
    return path


@pytest.mark.integration
def test_every_command_that_reads_a_bundle(tmp_path: Path, hostile_bundle: Path) -> None:
    size = hostile_bundle.stat().st_size
    small, up, session = tmp_path / "small.ofab", tmp_path / f"{NAME}.ofad", tmp_path / f"{NAME}.ofas"
    key = f"3{WITHOUT_SURROGATE}!"
    shown = run("inspect", hostile_bundle).stdout
    assert r"\x1b[2J" in shown and "[red]x[/red] :bomb: <script>" in shown
    run("inspect", hostile_bundle, "--json")
    ranked = run("run", hostile_bundle, "--history", f"{quoted(key)},{quoted(NAME)}")
    assert "Left out" in ranked.stdout and r"\x1b[2J" in ranked.stdout
    run("run", hostile_bundle, "--history", quoted(key), "--json")
    run("run", hostile_bundle, "--history", NAME, codes=(2,))
    run("resize", hostile_bundle, "--budget", str(size - 8), "-o", small, codes=(0, 3))
    run("resize", hostile_bundle, "--budget", NAME, "-o", small, codes=(2,))
    run("delta", hostile_bundle, hostile_bundle, "-o", up, codes=(2,))
    run("delta", CORPUS / "graphs-litert.ofab", hostile_bundle, "-o", up)
    run("patch", CORPUS / "graphs-litert.ofab", up, "-o", tmp_path / f"new{NAME}")
    run("patch", hostile_bundle, up, "-o", tmp_path / "new", codes=(2, 5))
    session.write_bytes(read_base("toy.ofas").data)
    run("run", hostile_bundle, "--history", quoted(key), "--session", session, codes=(5,))
    run("inspect", tmp_path / NAME, codes=(2,))
    run("inspect", hostile_bundle, f"--{NAME}", codes=(2,))
    run(NAME, codes=(2,))
    run("inspect", hostile_bundle, NAME, codes=(2,))
    run("validate", tmp_path / f"{NAME}*", codes=(2, 6))
    run("apk", hostile_bundle, "-o", tmp_path / "demo.apk", "--runtime", NAME, codes=(2, 6))


def test_every_field_of_the_index_of_a_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    plain, texts = tags(fleet_html(FleetIndex.model_validate_json(json.dumps(INDEX)), stored=7)), 0
    for path in leaves(INDEX):
        data = json.dumps(with_value(INDEX, path, HOSTILE)).encode()
        try:
            index = FleetIndex.from_bytes(data)
        except OfaExportError as error:
            assert_harmless(str(error))
            continue
        texts += 1
        made = MadeFleet(index=index, made_again=(NAME,))
        print_fleet(made, url=NAME, stored=7)
        page = fleet_html(index, stored=7)
        assert_harmless(page)
        assert tags(page) == plain
        assert_harmless(json.dumps(fleet_json(made, url=NAME, stored=7)))
    assert texts
    assert_harmless(capsys.readouterr().out)
