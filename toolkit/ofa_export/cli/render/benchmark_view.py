"""A benchmark for people and for programs; both show the same numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import print_out

if TYPE_CHECKING:
    from ofa_export.benchmark.benchmark import Benchmark, Comparison, Measured

PARTS = ("adapt", "block", "score", "session", "processor")


def benchmark_json(found: Benchmark) -> dict[str, Any]:
    """Describe what `--json` prints."""
    return {
        "machine": asdict(found.machine),
        "target": found.target,
        "repeats": found.repeats,
        "measured": [
            {
                "name": each.name,
                "label": each.label,
                "is_bundle": each.bundle,
                "runtime": each.runtime,
                "file_bytes": each.file_bytes,
                **asdict(each.memory),
                "scores_snr_db": each.scores_snr_db,
                "latency_ms": {part: asdict(each.latency[part]) if part in each.latency else None for part in PARTS},
            }
            for each in found.measured
        ],
        "comparisons": [asdict(each) for each in found.comparisons],
    }


def print_benchmark(found: Benchmark) -> None:
    """Latencies, memory, and what the others take as a multiple of each bundle."""
    machine = found.machine
    print_out(
        f"{machine.processor}, {machine.cores} cores, {machine.system}, load {machine.load_average}; target "
        f"{found.target}, one thread, {found.repeats} sessions of each in turn",
        "",
    )
    print_out("Milliseconds, p50 / p90", "")
    rows = [(each.label, *(_quantiles(each, part) for part in PARTS)) for each in found.measured]
    print_out(*columns([("", *PARTS), *rows], align="<>>>>>"), "")
    for each in found.measured:
        if each.is_another_net:
            print_out(
                f"{each.label}: its scores are wrong on this target, {each.scores_snr_db:.1f} dB beside the same net "
                "in PyTorch. What it takes is shown all the same.",
                "",
            )
    print_out("MB of memory, each in a process of its own, and MB of the file", "")
    heading = ("", "peak", "above the libraries", "mapped", "file")
    print_out(*columns([heading, *(_memory_row(each) for each in found.measured)], align="<>>>>"))
    labels = {each.name: each.label for each in found.measured}
    for bundle in (each for each in found.measured if each.bundle):
        print_out("", f"As a multiple of {bundle.label}", "")
        rows = [_comparison_row(labels, each) for each in found.comparisons if each.bundle == bundle.name]
        print_out(*columns([("", "session", "processor", "memory", "file"), *rows], align="<>>>>"))


def _quantiles(measured: Measured, part: str) -> str:
    latency = measured.latency.get(part)
    return f"{latency.p50:.3f} / {latency.p90:.3f}" if latency else "-"


def _memory_row(measured: Measured) -> tuple[str, ...]:
    memory = measured.memory
    found = (memory.peak_rss_bytes, memory.session_rss_bytes, memory.mapped_bytes, measured.file_bytes)
    return (measured.label, *("-" if size is None else f"{size / 1e6:.2f}" for size in found))


def _comparison_row(labels: dict[str, str], comparison: Comparison) -> tuple[str, ...]:
    ratios = (comparison.session, comparison.processor, comparison.session_rss, comparison.file)
    return (labels[comparison.other], *("-" if ratio is None else _ratio(ratio) for ratio in ratios))


def _ratio(ratio: float) -> str:
    return f"{ratio:.{2 if ratio >= 0.1 else 3}f} x"
