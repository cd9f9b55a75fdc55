"""The golden bundles of the repository are what the documented command makes of the sample, byte for byte."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from ofa_export.bundle.reader import Bundle
from ofa_export.planning.make_selftest import drawn_histories
from ofa_export.support.resources import SAMPLE, shipped

GOLDEN = shipped("artifacts", "golden")
NAMES = {"sample-420KB-litert.ofab", "sample-420KB-executorch.ofab"}


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


def decoded(bundle: Bundle) -> list[list[int]]:
    """Item rows of each case of the self-test, as anybody finds them who has a bundle: the nearest embedding.

    The checkpoint's own table, because a bundle with every tile has that.
    """
    table = load_file(SAMPLE / "model.safetensors")["tables"][0]
    squares = (table**2).sum(axis=1)
    cases = [bundle.selftest.history(case) for case in range(bundle.selftest.cases)]
    return [(squares - 2 * history @ table.T).argmin(axis=1).tolist() for history in cases]


def happened(sequence: list[int], history: list[int]) -> bool:
    """Whether the items are in the history in this order, with others between them or not."""
    left = iter(history)
    return all(item in left for item in sequence)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_nothing_in_a_bundle_says_what_anybody_bought(name: str) -> None:
    """Every sequence is one that anybody can draw without data, and none of two items or more is a part of a history.

    One item is in many histories; it is a row of the catalogue, which the bundle holds anyway.
    """
    rows = load_file(SAMPLE / "validation_histories.safetensors")["histories"]
    histories = [[item for item in history if item >= 0] for history in rows.tolist()]
    with Bundle.open(GOLDEN / name) as bundle:
        sequences, items = decoded(bundle), bundle.manifest.embeddings.items
    assert [len(sequence) for sequence in sequences] == [1, 26, 50]
    for sequence in sequences:
        assert sequence in drawn_histories(items, len(sequence)).tolist()
        assert len(sequence) == 1 or not any(happened(sequence, history) for history in histories)


@pytest.mark.integration
@pytest.mark.slow
def test_the_documented_command_makes_them_again(tmp_path: Path) -> None:
    arguments = documented_command()[1:]
    arguments[arguments.index("-o") + 1] = str(tmp_path)
    tool = Path(sys.executable).with_name("ofa-export")
    made = subprocess.run([tool, *arguments], cwd=GOLDEN.parents[1], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert {path.name for path in tmp_path.iterdir()} == NAMES
    # On any processor: nothing that decides bytes depends on it (docs/reproducibility.md).
    differing = [name for name in sorted(NAMES) if (GOLDEN / name).read_bytes() != (tmp_path / name).read_bytes()]
    assert not differing, f"{differing} differ from artifacts/golden. Run `make golden` if this is meant."
