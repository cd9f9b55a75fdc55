"""`session`, and `run` and `inspect` of what it writes, on the toy checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    path.write_text("item_id\nK5\nK1\n")
    return path


@pytest.fixture(scope="session")
def small(invoke, litert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.ofab"
    assert invoke("resize", litert, "--budget", litert.stat().st_size - 500, "-o", path).exit_code == 0
    return path


def test_a_pack_is_written_shown_and_ranked(invoke, small: Path, toy_checkpoint: Path, items: Path) -> None:
    pack = items.with_name("s.ofas")
    arguments = ["--items", items, "--checkpoint", toy_checkpoint, "--for", small, "-o", pack]
    made = invoke("session", *arguments)
    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout.startswith(f"{pack}: {pack.stat().st_size:,} bytes, ")
    shown = invoke("inspect", pack)
    assert (shown.exit_code, shown.stdout) == (0, made.stdout)
    ranked = invoke("run", small, "--history", "K1,K2", "--session", pack)
    assert ranked.exit_code == 0, ranked.output
    assert "2 items of the session, 0 not in the bundle" in ranked.stdout
    assert ranked.stdout.count("  session  ") == ranked.stdout.count("  session  Title 5") <= 1


def test_the_same_items_give_the_same_bytes(invoke, toy_checkpoint: Path, tmp_path: Path) -> None:
    made = []
    for name, lines in (("a.txt", "K5\nK1"), ("b.txt", "item_id\nK1\nK5\nK1\n")):
        (tmp_path / name).write_text(lines)
        output = tmp_path / f"{name}.ofas"
        arguments = ["--items", tmp_path / name, "--checkpoint", toy_checkpoint, "-o", output]
        assert invoke("session", *arguments).exit_code == 0
        made.append(output.read_bytes())
    assert made[0] == made[1]


def test_what_a_bundle_holds_is_left_out(invoke, litert: Path, toy_checkpoint: Path, items: Path) -> None:
    output = items.with_name("s.ofas")
    refused = invoke("session", "--items", items, "--checkpoint", toy_checkpoint, "--for", litert, "-o", output)
    assert refused.exit_code == 2
    assert "holds all 2 items with every bit plane" in refused.stderr
    assert not output.exists()
    last = litert.stat().st_size - 10
    assert invoke("resize", litert, "--budget", last, "-o", items.with_name("b")).exit_code == 0
    items.write_text("item_id\nK59\nK0\n")
    arguments = ["--items", items, "--checkpoint", toy_checkpoint, "--for", items.with_name("b"), "-o", output]
    made = invoke("session", *arguments)
    assert made.exit_code == 0, made.output
    assert made.stdout.endswith("with every bit plane: 1 of 2 items\n")


def test_items_that_are_not_there(invoke, toy_checkpoint: Path, items: Path) -> None:
    output = items.with_name("s.ofas")
    for text, sentence in (
        ("item_id\nK1\nnowhere\n", "1 of 2 items are not in the checkpoint: 'nowhere'"),
        ("item_id\n", "names no item"),
        ("colour\nK1\n", "--item-column"),
    ):
        items.write_text(text)
        refused = invoke("session", "--items", items, "--checkpoint", toy_checkpoint, "-o", output)
        assert refused.exit_code == 2, refused.output
        assert sentence in refused.stderr
        assert not output.exists()


def test_bundles_and_groups_that_do_not_fit(
    invoke, small: Path, toy_checkpoint: Path, items: Path, session_pack: Path
) -> None:
    output = items.with_name("s.ofas")
    toy = ["--items", items, "--checkpoint", toy_checkpoint, "-o", output]
    for arguments, code, sentence in (
        ([*toy, "--group", "2"], 2, "no user group 2"),
        ([*toy, "--group", "1", "--for", small], 2, "is for user group 0, the pack would be for 1"),
        (["--items", items, "--for", small, "-o", output], 2, "was made from checkpoint"),
        ([*toy, "--for", session_pack], 5, "Bundle rejected"),
        ([*toy, "--for", items.with_name("no")], 2, "cannot be read"),
    ):
        refused = invoke("session", *arguments)
        assert refused.exit_code == code, refused.output
        assert sentence in refused.stderr
        assert not output.exists()


def test_packs_that_cannot_be_used(
    invoke, litert: Path, toy_checkpoint: Path, items: Path, session_pack: Path, tmp_path: Path
) -> None:
    other, damaged, empty = (tmp_path / name for name in ("other.ofas", "damaged.ofas", "empty.ofas"))
    made = invoke("session", "--items", items, "--checkpoint", toy_checkpoint, "--group", "1", "-o", other)
    assert made.exit_code == 0, made.output
    damaged.write_bytes(session_pack.read_bytes()[:-1])
    empty.touch()
    for pack, code, sentence in (
        (other, 5, "Session pack rejected: its items are of user group 1"),
        (damaged, 5, "Session pack rejected"),
        (empty, 5, "is empty"),
        (litert, 5, "Session pack rejected at manifest.json: the first entry is not session.json"),
        (tmp_path / "none", 2, "The session pack"),
    ):
        refused = invoke("run", litert, "--history", "K1", "--session", pack)
        assert refused.exit_code == code, refused.output
        assert sentence in refused.stderr
    shown = invoke("inspect", damaged)
    assert shown.exit_code == 5
    refused = invoke("run", session_pack, "--history", "K1")
    assert refused.exit_code == 5
    assert "Bundle rejected at session.json" in refused.stderr


def test_an_existing_output_needs_force(invoke, toy_checkpoint: Path, items: Path) -> None:
    output = items.with_name("mine")
    output.write_text("precious")
    arguments = ["session", "--items", items, "--checkpoint", toy_checkpoint, "-o", output]
    refused = invoke(*arguments)
    assert refused.exit_code == 2
    assert "exists already; add --force" in refused.stderr
    assert output.read_text() == "precious"
    assert invoke(*arguments, "--force").exit_code == 0
    assert output.read_bytes().startswith(b"PK")
