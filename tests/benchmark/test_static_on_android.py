"""What stands beside a bundle on the phone's libraries: the plain int8 exports are measured there, and judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ofa_export.benchmark.latency import PROCESSOR, SESSION, time_in_turn
from ofa_export.benchmark.memory import measure_memory
from ofa_export.benchmark.static_entry import StaticEntry
from ofa_export.benchmark.static_net import GRAPH, OTHER_NET_DB, scores_snr_db, static_graph
from ofa_export.converters.registry import get_converter
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.precision import INT8

pytestmark = pytest.mark.android

HISTORIES = [np.array([4, 9, 2]), np.array([7])]


@pytest.mark.parametrize("runtime", ["litert", "executorch"])
def test_the_plain_int8_export_is_measured_and_judged(runtime: str, toy_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(toy_checkpoint)
    graph, converter = static_graph(checkpoint.model, checkpoint.table(0)), get_converter(runtime)
    path = tmp_path / "static"
    path.write_bytes(converter.convert([graph], precision=INT8))

    entry = StaticEntry(path=path, runtime=runtime, target="android", precision="int8", spec=graph.spec)
    with entry.open() as contender:
        # LiteRT 2.16.1 knows one scale for a table that is looked up in, and not one for each row: a plain export with
        # its table inside is another net there, which no run on the host shows.
        assert (scores_snr_db(contender, graph, HISTORIES) > OTHER_NET_DB) == (runtime == "executorch")
        times = time_in_turn({"static": contender}, HISTORIES, repeats=4)["static"]
    assert set(times) == {SESSION, PROCESSOR, GRAPH}
    assert all(0 < each.p50 <= each.p90 and each.samples == 4 for each in times.values())
    assert times[SESSION].p50 >= times[GRAPH].p50

    memory = measure_memory(entry, HISTORIES)
    assert 0 < memory.session_rss_bytes < memory.peak_rss_bytes
    assert memory.mapped_bytes is not None and 0 < memory.mapped_bytes <= path.stat().st_size
