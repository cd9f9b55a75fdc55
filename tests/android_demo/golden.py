"""What the Kotlin core is tested with: files, and what the Python side makes of them, bit for bit.

`write_golden(folder)` writes files of every kind that `android_demo/core/src/test` reads; the tests there name them. By
hand, from the root of the repository: `PYTHONPATH=tests/fuzz python tests/android_demo/golden.py FOLDER`.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from files import CORPUS, archive, read_base, repaired
from hostile import HOSTILE
from judge import judge
from numpy.typing import NDArray

from fuzz import made
from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.codes import EncodedTable
from ofa_export.bundle.items import ItemCatalogue
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.device.loop import Device, Ranking
from ofa_export.device.selftest import run_selftest
from ofa_export.foreign_text import shown

ROOT = Path(__file__).parents[2]
BUNDLES = {"toy": CORPUS / "toy.ofab", "sample": ROOT / "artifacts" / "golden" / "sample-420KB-litert.ofab"}
MUTANTS = 1500


def write_golden(folder: Path) -> None:
    """Write everything."""
    write_lookups(folder)
    write_rankings(folder)
    write_selftests(folder)
    write_halves(folder)
    write_mutants(folder)
    write_shown(folder)


def write_lookups(folder: Path) -> None:
    """Whole item tables at several numbers of tiles, float32 `[V, d]`."""
    cases = []
    for name, path in {**BUNDLES, "zeros": _with_scale_zero(folder)}.items():
        with Bundle.open(path) as bundle:
            kept = bundle.table.tile_count
            for tiles in sorted({0, 1, bundle.manifest.embeddings.floor_tiles, kept // 3, kept - 1, kept}):
                file = f"{name}-{tiles}.f32"
                bundle.table.with_tiles(tiles).all_rows().astype("<f4").tofile(folder / file)
                cases.append({"bundle": str(path), "tiles": tiles, "table": file})
    (folder / "lookups.json").write_text(json.dumps(cases))


def _with_scale_zero(folder: Path) -> Path:
    """The toy bundle with a block of zeros, whose negative codes would give -0.0."""
    base = read_base("toy.ofab")
    entries = [(name, bytes(4) + data[4:] if name == "embeddings.bin" else data) for name, data in base.entries]
    path = folder / "zeros.ofab"
    path.write_bytes(archive(repaired(base, entries)))
    return path


class Recorder:
    """Graphs of any contract that depend on every input, and a record of what went in and came out.

    Scores are rounded, so that many items share one.
    """

    def __init__(self, manifest: Manifest, *, broken: str | None = None) -> None:
        self._graphs = {graph.name: graph for graph in manifest.shapes.contract()}
        self._broken = broken
        self.record: dict[str, NDArray[Any]] = {}
        self._calls = 0

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = {
            name: np.ascontiguousarray(value, np.float32) for name, value in self._outputs(graph, inputs).items()
        }
        if graph == self._broken:
            next(iter(outputs.values())).flat[-1] = np.nan
        for direction, tensors in (("in", inputs), ("out", outputs)):
            for name, value in tensors.items():
                self.record[f"{self._calls:04} {graph} {direction} {name}"] = value.copy()
        self._calls += 1
        return outputs

    def close(self) -> None:
        pass

    def _outputs(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if graph == "score":
            return {"scores": (np.tanh(inputs["candidates"]) @ inputs["hidden"][0, -1]).round(1)}
        rng = np.random.default_rng(len(graph) + ord(graph[-1]))
        seen = np.concatenate([np.tanh(value).ravel()[-64:] for value in inputs.values()]).astype(np.float64)
        outputs = {
            output.name: np.tanh(
                rng.normal(size=(int(np.prod(output.shape)), 8)) @ np.resize(seen, (8,)) + rng.normal()
            ).reshape(output.shape)
            for output in self._graphs[graph].outputs
        }
        if graph == "adapt":
            keep = outputs["keep_logits"]
            outputs["gates"] = (keep[..., 1] > keep[..., 0]).astype(np.float32)
        return outputs


def write_rankings(folder: Path) -> None:
    """Rankings of several histories, with and without a session pack, and the calls of the graphs that made them."""
    cases = []
    for name, path in BUNDLES.items():
        with Bundle.open(path) as bundle:
            keys = bundle.items.keys
            histories = [[0], list(range(5)), [len(keys) - 1, 0, 0], [row % len(keys) for row in range(0, 300, 7)]]
            packs = {"": None, "pack": _pack(bundle)}
            for (label, pack), history in [(each, rows) for each in packs.items() for rows in histories]:
                case = f"{name}{label}{len(cases)}"
                runner = Recorder(bundle.manifest)
                device = Device(bundle, runner)
                tiles = bundle.table.tile_count - len(cases) % 3
                device.use_table(bundle.table.with_tiles(tiles))
                device.use_session(pack)
                if pack is not None:
                    _write_pack(folder / f"{name}.ofas", pack)
                    history = [*history, len(device.items) - 1]
                ranking = device.rank_rows(history, 25)
                safetensors.numpy.save_file(runner.record, folder / f"{case}.calls")
                cases.append(
                    {
                        "bundle": str(path),
                        "pack": None if pack is None else f"{name}.ofas",
                        "calls": f"{case}.calls",
                        "tiles": tiles,
                        "history": [int(row) for row in history],
                        **_expected(device, ranking),
                    }
                )
    (folder / "rankings.json").write_text(json.dumps(cases))


def _expected(device: Device, ranking: Ranking) -> dict[str, Any]:
    return {
        "rows": ranking.rows.tolist(),
        "keys": [device.items.key(row) for row in ranking.rows],
        "titles": [device.items.title(row) for row in ranking.rows],
        "scores": [float(score) for score in ranking.scores],
        "gates": ranking.adaptation.gates.tolist(),
        "keep_logits": [float(value) for value in ranking.adaptation.keep_logits.ravel()],
        "blocks_run": list(ranking.adaptation.blocks_run),
        "theta_norms": [float(np.linalg.norm(theta.astype(np.float64))) for theta in ranking.adaptation.thetas],
    }


def _pack(bundle: Bundle) -> SessionPack:
    """Some items of the bundle with other codes, and two that it does not have."""
    table = bundle.table
    encoded = EncodedTable(
        codes=np.random.default_rng(3).integers(0, 256, (table.items, table.width), np.uint8),
        rms=table.rms,
        book=table.book,
        group_sizes=table.group_sizes,
    )
    rows = [0, 3, table.items // 2, table.items - 1]
    keys = ("new item", "newer item", *(bundle.items.keys[row] for row in rows[2:]))
    catalogue = ItemCatalogue(keys=keys, titles=("", "Newer", "", ""))
    manifest = bundle.manifest
    return SessionPack.of_rows(
        encoded, rows, catalogue, checkpoint_sha256=manifest.checkpoint_sha256, group=manifest.group
    )


def _write_pack(path: Path, pack: SessionPack) -> None:
    with path.open("wb") as file:
        write_archive(file, pack.entries())


def write_selftests(folder: Path) -> None:
    """Self-tests of graphs that are not the model's, or not numbers, and what is found."""
    cases = []
    for name, path in BUNDLES.items():
        with Bundle.open(path) as bundle:
            for label, runner in {"good": Replay(bundle), "wrong": Recorder(bundle.manifest)}.items():
                recorder = _Recording(runner)
                report = run_selftest(Device(bundle, recorder))
                safetensors.numpy.save_file(recorder.record, folder / f"selftest-{name}-{label}.calls")
                cases.append(
                    {
                        "bundle": str(path),
                        "calls": f"selftest-{name}-{label}.calls",
                        "passed": report.passed,
                        "flipped": [[gate.case, gate.block, gate.margin] for gate in report.flipped_gates],
                        "snr_db": [None if np.isinf(value) else value for value in report.score_snr_db],
                        "wrong_items": list(report.wrong_tile_items),
                    }
                )
    (folder / "selftests.json").write_text(json.dumps(cases))


class Replay:
    """Gives the outputs that the self-test of a bundle expects, scores with a little noise."""

    def __init__(self, bundle: Bundle) -> None:
        self._test, self._case = bundle.selftest, -1
        self._graphs = {graph.name: graph for graph in bundle.manifest.shapes.contract()}
        self._rng = np.random.default_rng(1)

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        outputs = {output.name: np.zeros(output.shape, np.float32) for output in self._graphs[graph].outputs}
        if graph == "adapt":
            self._case += 1
            outputs["gates"][0] = self._test.gates[self._case]
        if graph == "score":
            scores = self._test.scores[self._case]
            noise = 0 if self._case == 0 else 1e-4 * self._rng.normal(size=len(scores))
            outputs["scores"][0, : len(scores)] = scores * (1 + noise)
        return outputs

    def close(self) -> None:
        pass


class _Recording(Recorder):
    """Records what another runner does."""

    def __init__(self, runner: Any) -> None:
        self._runner, self._broken, self._calls = runner, None, 0
        self.record = {}

    def _outputs(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return self._runner.run(graph, inputs)


def write_halves(folder: Path) -> None:
    """All halves as float32."""
    with np.errstate(invalid="ignore"):
        np.arange(2**16, dtype=np.uint16).view(np.float16).astype("<f4").tofile(folder / "halves.f32")


def write_mutants(folder: Path, count: int = MUTANTS, seed: str = "kotlin") -> None:
    """Mutants of the fuzzer behind each other, and what the toolkit makes of each."""
    verdicts, at = [], 0
    with (folder / "mutants.bin").open("wb") as file:
        for number in range(count):
            base, name, data = made(seed, number)
            verdict = judge(data, base)
            verdicts.append(
                {
                    "name": f"{number} {name}",
                    "base": base.name,
                    "at": at,
                    "bytes": len(data),
                    "error": verdict.error,
                    "entry": verdict.entry,
                    "code": verdict.code,
                    **verdict.facts,
                }
            )
            file.write(data)
            at += len(data)
    (folder / "mutants.json").write_text(json.dumps(verdicts))


def write_shown(folder: Path) -> None:
    """Texts that attack whoever shows them, and titles of every script, each as it is shown."""
    rng = random.Random(0)
    alphabet = "aé茶क🎁\n\t\r\x1b\x9b\u202e\u200d\u200c\u0301\u00a0\u2028\ufe0f\u3164\ud800\U000e0041👩می"
    drawn = ["".join(rng.choices(alphabet, k=rng.randrange(12))) for _ in range(500)]
    texts = [HOSTILE, "x\n" + "ab" * 5000, "\x1b" * 700, "e" + "\u0301" * 9, "👩\u200d👩\u200d👧 می\u200cخواهم", *drawn]
    (folder / "shown.json").write_text(json.dumps([{"text": text, "shown": shown(text)} for text in texts]))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    write_golden(target)
