"""Ten thousand mutants through the reader, some hundred through `validate`: refused with a type, or read right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ofa_export.converters.registry import GROUP

HERE = Path(__file__).parent
MOST_SECONDS = 5.0
"""Of one mutant on a busy computer; the reader takes milliseconds."""
MOST_MEMORY = 64 * 2**20


def summary(program: str, *arguments: str | Path, **environment: str) -> dict[str, Any]:
    """What a fuzzer prints from a process of its own, which native code and limits may end."""
    command = [sys.executable, HERE / program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def assert_sound(found: dict[str, Any]) -> None:
    assert not found["defects"], found
    assert found["slowest_seconds"] < MOST_SECONDS
    assert found["peak_growth_bytes"] < MOST_MEMORY


def test_a_few_mutants_through_the_readers() -> None:
    found = summary("fuzz.py", "--count", "300", "--seed", "few")
    assert_sound(found)


@pytest.mark.slow
def test_ten_thousand_mutants_through_the_readers() -> None:
    found = summary("fuzz.py", "--count", "12500", "--seed", "many")
    assert_sound(found)
    # Of which every fifth is a session pack or a delta.
    assert found["count"] == 12_500
    # Mutants that all die at the first check would prove nothing.
    assert found["reasons"] > 150
    taken = {name for name, outcome in found["outcomes"].items() if outcome.get("accepted")}
    refused = {name for name, outcome in found["outcomes"].items() if outcome.get("rejected")}
    assert taken >= {
        *(f"ofab change_{part}" for part in ("document", "shapes", "layout", "embeddings", "items", "selftest")),
        *("ofab change_graphs", "ofab change_card", "ofas change_candidates"),
        *("ofas change_items", "ofad change_manifest_of_result"),
    }
    assert refused >= {name for name in found["outcomes"] if name != "ofab change_graphs"}


@pytest.mark.slow
def test_mutants_through_validate(toy_checkpoint: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    info = site / "torch_program-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "torch_program.py").write_bytes((HERE.parent / "validation" / "torch_program.py").read_bytes())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch-program\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ntorch-program = torch_program:TorchProgramConverter\n")
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    found = summary("fuzz_validate.py", toy_checkpoint, "--count", "150", PYTHONPATH=path)
    assert not found["defects"], found
    assert found["slowest_seconds"] < 20
    # Most of it are calls of 65,536 candidates, the most that a manifest may say, held for every history.
    assert found["peak_growth_bytes"] < 8 * MOST_MEMORY
    assert found["outcomes"]["rejected"] > 75
    # Hardly any passes: what follows from checkpoint and recipe is made again.
    assert found["outcomes"]["failed"] > 15


@pytest.mark.slow
@pytest.mark.parametrize("bundle", ["graphs-litert.ofab", "graphs-executorch.ofab"])
def test_mutants_of_graphs_end_no_process_but_their_own(bundle: str) -> None:
    found = summary("fuzz_graphs.py", bundle, "--count", "60")
    assert not found["defects"], found
    # Which of them end their process is up to the runtime's version; docs/fuzzing.md says what was seen.
    assert sum(found["outcomes"].values()) == 60
    assert found["outcomes"]["refused"] > 10
    # Exceptions of the runtimes that once got past us, and files that once ended their process.
    assert sum(found["kept"].values()) >= 3
    if bundle == "graphs-litert.ofab":
        assert found["kept"] == {"refused": 3}
