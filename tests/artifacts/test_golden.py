"""The golden bundles of the repository are what the documented command makes of the sample, byte for byte."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ofa_export.bundle import embeddings, items, manifest, selftest
from ofa_export.bundle.reader import MODEL_CARD, Bundle
from ofa_export.resources import shipped

GOLDEN = shipped("artifacts", "golden")
NAMES = {"sample-420KB-litert.ofab", "sample-420KB-executorch.ofab"}
DIGITS = re.compile(r"[0-9]+\.[0-9]+|[0-9a-f]{64}")


def documented_command() -> list[str]:
    text = " ".join((GOLDEN.parent / "README.md").read_text(encoding="utf-8").split())
    found = re.search(r"which runs `(ofa-export bundle [^`]+)`", text)
    assert found is not None
    return shlex.split(found[1])


def test_the_documented_command_is_that_of_make_golden() -> None:
    makefile = shipped("Makefile").read_text(encoding="utf-8")
    assert f"$(BIN)/{shlex.join(documented_command())}\n" in makefile


def test_the_golden_bundles_are_small_whole_and_of_the_sample() -> None:
    paths = set(GOLDEN.glob("*.ofab"))
    assert {path.name for path in paths} == NAMES
    assert sum(path.stat().st_size for path in paths) < 1_000_000
    for path in paths:
        with Bundle.open(path) as bundle:
            assert bundle.manifest.runtime.name in path.name
            assert 0.97 * 420_000 <= bundle.size <= bundle.manifest.budget_bytes == 420_000


def test_other_graphs_and_other_tiles_are_not_explained_by_last_digits() -> None:
    found = dict(sentence.split(": ", 1) for sentence in differences(*(GOLDEN / name for name in sorted(NAMES))))
    assert "items.bin" not in found
    for entry in ("graphs.pte", "embeddings.bin", "manifest.json"):
        assert found[entry].startswith("not explained"), found


@pytest.mark.integration
@pytest.mark.slow
def test_the_documented_command_makes_them_again(tmp_path: Path) -> None:
    arguments = documented_command()[1:]
    arguments[arguments.index("-o") + 1] = str(tmp_path)
    tool = Path(sys.executable).with_name("ofa-export")
    made = subprocess.run([tool, *arguments], cwd=GOLDEN.parents[1], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    for name in sorted(NAMES):
        if (GOLDEN / name).read_bytes() == (tmp_path / name).read_bytes():
            continue
        # The same tools on another kind of processor round other last digits: then each entry has to say so.
        explained = list(differences(GOLDEN / name, tmp_path / name))
        print(f"{name} differs:", *explained, sep="\n  ")
        unexplained = [sentence for sentence in explained if "not explained" in sentence]
        assert explained and not unexplained, f"{name}: {unexplained}. Run `make golden` if this is meant."


def differences(golden: Path, again: Path) -> Iterator[str]:
    """What differs, entry by entry, and whether last digits explain it."""
    with Bundle.open(golden) as a, Bundle.open(again) as b:
        before, after = ({entry.name: entry.sha256 for entry in one.manifest.entries} for one in (a, b))
        for name in sorted(before | after):
            if before.get(name) != after.get(name):
                yield f"{name}: {_difference(name, a, b)}"
        fields = (DIGITS.sub("#", one.manifest.to_bytes().decode()) for one in (a, b))
        same = len(set(fields)) == 1
        yield f"{manifest.ENTRY}: " + ("digests and measured qualities" if same else "not explained, other fields")


def _difference(name: str, a: Bundle, b: Bundle) -> str:
    if name == embeddings.ENTRY:
        scales = np.abs(a.table.rms - b.table.rms).max()
        equal = np.array_equal(a.table.tiles, b.table.tiles) and np.array_equal(
            a.table.order.tiles, b.table.order.tiles
        )
        return f"scales by {scales:.0e}" if equal and scales < 1e-6 else "not explained, other tiles"
    if name == items.ENTRY:
        return "not explained, other keys or titles"
    if name == selftest.ENTRY:
        scores = np.abs(a.selftest.scores - b.selftest.scores).max()
        equal = np.array_equal(a.selftest.gates, b.selftest.gates)
        return f"expected scores by {scores:.0e}" if equal and scores < 1e-4 else "not explained, other answers"
    if name == MODEL_CARD:
        same = DIGITS.sub("#", a.model_card) == DIGITS.sub("#", b.model_card)
        return "measured qualities" if same else "not explained, other words"
    if len(a.graphs) != len(b.graphs):
        return "not explained, another size"
    changed = (np.frombuffer(a.graphs, np.uint8) != np.frombuffer(b.graphs, np.uint8)).mean()
    return f"{changed:.2%} of the bytes" if changed < 0.02 else f"not explained, {changed:.0%} of the bytes"
