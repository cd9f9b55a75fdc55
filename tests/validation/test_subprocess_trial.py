"""What ends a process ends one of its own, and is told with the signal that it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_export.converters.registry import GROUP
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.support.recipes import load_recipe
from ofa_export.trial import subprocess_trial
from ofa_export.validation.reports.report import exit_code
from ofa_export.validation.subprocess_trial import crash_report
from ofa_export.validation.tolerance import TolerancePolicy

pytestmark = pytest.mark.integration

BUNDLE = Path(__file__).parents[1] / "fuzz" / "corpus" / "toy.ofab"
CONVERTER = """
import os, sys

class Toy:
    name, entry_name = "toy", "graphs.toy"

    def load(self, graphs, contract):
        {loading}
        return self

    def run(self, graph, inputs):
        {running}
"""


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a converter for the bundle, for other processes, that does this when it loads or runs."""

    def install(*, loading: str = "pass", running: str = "pass") -> None:
        (tmp_path / "toy_converter.py").write_text(CONVERTER.format(loading=loading, running=running))
        info = tmp_path / "toy_converter-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-converter\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\ntoy = toy_converter:Toy\n")
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        monkeypatch.setenv("PYTHONPATH", path)

    return install


def test_graphs_that_run_end_nothing(converter: Callable[..., None]) -> None:
    converter()
    assert subprocess_trial(BUNDLE) is None


def test_exceptions_are_for_the_validation_to_report(converter: Callable[..., None], tmp_path: Path) -> None:
    converter(running="raise RuntimeError('no such kernel')")
    assert subprocess_trial(BUNDLE) is None
    assert subprocess_trial(tmp_path / "nothing.ofab") is None


def test_a_crash_when_graphs_are_loaded_is_told(converter: Callable[..., None]) -> None:
    converter(loading="os.kill(os.getpid(), 11)")
    assert subprocess_trial(BUNDLE) == "The runtime ended its process (SIGSEGV) while it ran the graphs."


def test_a_crash_in_the_last_graph_is_told_with_its_last_words(converter: Callable[..., None]) -> None:
    last_words = "print('bad opcode', file=sys.stderr, flush=True)"
    converter(running=f"{last_words}; graph == 'score' and os.abort()")
    sentence = subprocess_trial(BUNDLE)
    assert sentence == "The runtime ended its process (SIGABRT) while it ran the graphs: bad opcode."


def test_validation_reports_a_crash_as_a_bundle_that_is_not_accepted(
    converter: Callable[..., None], toy_checkpoint: Path
) -> None:
    converter(loading="os.abort()")
    policy = load_recipe("tolerance", "default", TolerancePolicy)
    report = crash_report(BUNDLE, load_checkpoint(toy_checkpoint), tolerance=policy)
    assert report is not None and report.rejected
    assert exit_code([report]) == 5
    assert "SIGABRT" in report.findings[0].sentence
