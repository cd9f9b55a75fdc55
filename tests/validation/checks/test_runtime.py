from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import GROUP
from ofa_export.validation.checks.runtime import subprocess_trial
from ofa_export.validation.reports.report import exit_code

pytestmark = pytest.mark.integration

BUNDLE = Path(__file__).parents[2] / "fuzz" / "corpus" / "toy.ofab"
CONVERTER = """
import os, sys

class Toy:
    def load(self, graphs, contract):
        {loading}
        return self

    def run(self, graph, inputs):
        {running}
"""


@pytest.fixture
def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a converter for the bundle, for other processes, that does this when it loads or runs."""

    def install(*, name: str = "toy", loading: str = "pass", running: str = "pass") -> None:
        (tmp_path / "toy_converter.py").write_text(CONVERTER.format(loading=loading, running=running))
        info = tmp_path / "toy_converter-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-converter\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = toy_converter:Toy\n")
        path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
        monkeypatch.setenv("PYTHONPATH", path)

    return install


def trial() -> str | None:
    with Bundle.open(BUNDLE) as bundle:
        return subprocess_trial(bundle)


def test_graphs_that_run_end_nothing(converter: Callable[..., None]) -> None:
    converter(running="all(len(value) == 1 for value in inputs.values()) or os.abort()")
    assert trial() is None


def test_exceptions_are_for_the_validation_to_report(converter: Callable[..., None]) -> None:
    converter(running="raise RuntimeError('no such kernel')")
    assert trial() is None


def test_the_graphs_of_the_bundle_are_those_that_are_tried(converter: Callable[..., None]) -> None:
    with Bundle.open(BUNDLE) as bundle:
        content = bytes(bundle.graphs)
    converter(loading=f"graphs == {content!r} and [graph.name for graph in contract][-1] == 'score' and os.abort()")
    assert trial() == "The runtime ended its process (SIGABRT) while it ran the graphs."


def test_a_crash_when_graphs_are_loaded_is_told(converter: Callable[..., None]) -> None:
    converter(loading="os.kill(os.getpid(), 11)")
    assert trial() == "The runtime ended its process (SIGSEGV) while it ran the graphs."


def test_a_crash_in_the_last_graph_is_told_with_its_last_words(converter: Callable[..., None]) -> None:
    last_words = "print('bad opcode', file=sys.stderr, flush=True)"
    converter(running=f"{last_words}; graph == 'score' and os.abort()")
    assert trial() == "The runtime ended its process (SIGABRT) while it ran the graphs: bad opcode."


def test_validation_rejects_a_bundle_whose_graphs_end_the_process(
    converter: Callable[..., None], workshop: Any
) -> None:
    path = workshop.write(workshop.complete())
    # In the process of the trial the runtime of this bundle is another one.
    converter(name="torch-program", loading="os.abort()")
    report = workshop.validate(path)
    assert workshop.failed(report) == {"bundle.accepted"} and len(report.findings) == 1
    assert report.rejected and not report.passed
    assert exit_code([report]) == 5
    assert "SIGABRT" in report.findings[0].sentence and "graphs.torch" in report.findings[0].sentence
