from __future__ import annotations

import mmap
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ofa_export.benchmark.gradient_entry import GradientEntry
from ofa_export.benchmark.latency import this_machine
from ofa_export.benchmark.memory import Memory, measure_memory, with_child
from ofa_export.errors import LoweringError
from ofa_export.support.processes import mapped_bytes, peak_bytes
from ofa_export.targets.process.measuring_runner import ChildMemory


def test_the_peak_never_falls() -> None:
    before = peak_bytes()
    held = np.ones(4_000_000)
    assert peak_bytes() >= before > 0
    assert held[0] == 1


def test_a_process_does_not_begin_with_the_peak_of_the_one_that_started_it() -> None:
    held = np.ones(30_000_000)
    program = "from ofa_export.support.processes import peak_bytes; print(peak_bytes())"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert int(found.stdout) < held.nbytes < peak_bytes()


def test_mapped_bytes_are_the_pages_that_were_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a file with blanks"
    path.write_bytes(bytes(1_000_001))
    assert mapped_bytes(str(path), size=1_000_001) == 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        sum(mapped[at] for at in range(0, len(mapped), 4096))
        assert mapped_bytes(str(path), size=1_000_001) == 1_000_001


def test_of_two_processes_the_one_that_runs_the_graphs_is_shown_and_the_file_counts_once() -> None:
    own = Memory(peak_rss_bytes=90_000, session_rss_bytes=5_000, mapped_bytes=1_500)
    child = ChildMemory(library_rss_bytes=40_000, peak_rss_bytes=47_000, mapped_bytes=900, file_bytes=1_000)
    assert with_child(own, child) == Memory(peak_rss_bytes=47_000, session_rss_bytes=11_000, mapped_bytes=1_400)
    # What was read and not mapped; and memory that was free before.
    assert with_child(replace(own, session_rss_bytes=300, mapped_bytes=0), child) == Memory(
        peak_rss_bytes=47_000, session_rss_bytes=7_000, mapped_bytes=900
    )


def test_the_machine_is_named() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1


@pytest.mark.integration
def test_a_contender_is_measured_in_a_process_of_its_own(toy_checkpoint: Path) -> None:
    entry = GradientEntry(checkpoint=toy_checkpoint, group=0, steps=2)
    found = measure_memory(entry, [np.array([1, 2, 3])])
    assert 0 < found.session_rss_bytes < found.peak_rss_bytes
    assert found.mapped_bytes == 0


@pytest.mark.integration
def test_a_process_that_ends_early_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match=r"gradient-steps:2: measure failed: .*nowhere"):
        measure_memory(GradientEntry(checkpoint=tmp_path / "nowhere", group=0, steps=2), [np.array([1])])
