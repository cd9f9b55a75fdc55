"""What a reader makes of a file: it refuses it with a typed error, or everything that it gives out is what is in it."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import decoding
import numpy as np
from files import Base, digest
from numpy.typing import NDArray

from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import Delta, apply_delta
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.device.loop import Device
from ofa_export.device.selftest import run_selftest
from ofa_export.errors import BundleError, DeltaError, OfaExportError, SessionPackError

ERRORS = {"ofab": BundleError, "ofas": SessionPackError, "ofad": DeltaError}
MAX_REASON = 2000
RUNNABLE_VALUES = 2**20
"""Values of all tensors of a contract up to which a stand-in for the graphs is run."""


class WrongResultError(Exception):
    """A file was accepted, or refused, in a way that no reader may."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a file.

    Args:
        error: name of the class of the refusal, None when the file was accepted.
        entry: the entry that the refusal names, if any.
        code: what is wrong, for programs, None when the file was accepted.
        reason: its sentence, empty when the file was accepted.
        facts: of an accepted file, digests of what it gives out.
    """

    error: str | None
    entry: str | None
    code: str | None
    reason: str
    facts: Mapping[str, str]


def judge(data: bytes, base: Base) -> Verdict:
    """Read a file as its kind is read, and use it.

    Raises:
        WrongResultError: what it gives out is not what it holds, or its refusal is not fit to be shown.
        Exception: anything but a typed refusal is a defect.
    """
    try:
        return Verdict(error=None, entry=None, code=None, reason="", facts=READERS[base.kind](data, base))
    except OfaExportError as error:
        if type(error) is not ERRORS[base.kind]:
            raise
        reason, entry = error.reason, error.entry
        if not reason or len(str(error)) > MAX_REASON or not str(error).isprintable():
            raise WrongResultError(f"the refusal cannot be shown: {str(error)[:200]!r}") from error
        return Verdict(error=type(error).__name__, entry=entry, code=str(error.code), reason=reason, facts={})


def _bundle(data: bytes, base: Base) -> Mapping[str, str]:
    bundle = Bundle(memoryview(data))
    facts = _bundle_facts(bundle, data)
    _use(bundle)
    return facts


def _bundle_facts(bundle: Bundle, data: bytes) -> Mapping[str, str]:
    entries = {name: bytes(content) for name, content in read_archive(memoryview(data)).items()}
    manifest = json.loads(entries["manifest.json"])
    _same("manifest", bundle.manifest.model_dump(mode="json"), manifest)
    table = _item_table(entries["embeddings.bin"], json.dumps(manifest["embeddings"]))
    _same_bits("table", bundle.table.all_rows(), table)
    _same_bits("rows", bundle.table.lookup(np.arange(len(table))), table)
    if not np.isfinite(table).all():
        raise WrongResultError("an embedding is not finite")
    # The reader's first: it may look at the text no sooner than it is asked for, and refuse it then.
    found = list(bundle.items.keys), list(bundle.items.titles)
    keys, titles = decoding.catalogue(entries["items.bin"])
    _same("keys and titles", found, (keys, titles))
    for name, tensor in decoding.tensors(entries["selftest.bin"]).items():
        _same_bits(name, getattr(bundle.selftest, name), tensor)
    _same("graphs", bytes(bundle.graphs), next(c for n, c in entries.items() if n.startswith("graphs.")))
    return {
        "table_sha256": digest(table.astype("<f4").tobytes()),
        "keys_sha256": digest("\n".join(keys).encode()),
        "titles_sha256": digest("\n".join(titles).encode()),
    }


def _use(bundle: Bundle) -> None:
    """The device loop, the self-test and memory pressure, on a stand-in for the graphs."""
    contract = bundle.manifest.shapes.contract()
    tensors = [tensor for graph in contract for tensor in (*graph.inputs, *graph.outputs)]
    if sum(int(np.prod(tensor.shape, dtype=object)) for tensor in tensors) > RUNNABLE_VALUES:
        return
    device = Device(bundle, StandIn(bundle.manifest))
    run_selftest(device)
    last = len(bundle.items) - 1
    best = device.rank_rows([0, last], 5)
    every = device.score(np.arange(len(bundle.items)))
    _same("scores", best.scores.tolist(), every[best.rows].tolist())
    device.use_table(bundle.table.with_tiles(bundle.manifest.embeddings.floor_tiles))
    device.rank_rows([last], 1)


def _session(data: bytes, base: Base) -> Mapping[str, str]:
    pack = SessionPack.from_bytes(memoryview(data))
    entries = {name: bytes(content) for name, content in read_archive(memoryview(data)).items()}
    layout = json.loads(entries["session.json"])["candidates"]
    values = decoding.candidates(entries["candidates.bin"], layout)
    _same_bits("embeddings", pack.lookup(range(len(pack))) + np.float32(0), values + np.float32(0))
    if not np.isfinite(values).all():
        raise WrongResultError("an embedding is not finite")
    # The reader's first: it may look at the text no sooner than it is asked for, and refuse it then.
    found = list(pack.items.keys), list(pack.items.titles)
    keys, titles = decoding.catalogue(entries["items.bin"])
    _same("keys and titles", found, (keys, titles))
    bundle = Bundle(memoryview(base.bundle))
    device = Device(bundle, StandIn(bundle.manifest))
    device.use_session(pack)
    device.rank_rows(device.items.pack_rows[:3], 5)
    return {
        "embeddings_sha256": digest(values.astype("<f4").tobytes()),
        "keys_sha256": digest("\n".join(keys).encode()),
        "titles_sha256": digest("\n".join(titles).encode()),
    }


def _delta(data: bytes, base: Base) -> Mapping[str, str]:
    delta = Delta.from_bytes(memoryview(data))
    result = apply_delta(memoryview(base.bundle), delta)
    entries = read_archive(memoryview(data))
    held = read_archive(memoryview(base.bundle))
    made = read_archive(memoryview(result))
    fields = json.loads(bytes(entries["delta.json"]))
    for what, content in (("base", base.bundle), ("result", result)):
        _same(what, fields[what], {"bytes": len(content), "sha256": digest(content)})
    for change in fields["entries"]:
        name = change["name"]
        expected = bytes(held.get(name, b"")[: change["kept"]]) + bytes(entries.get(name, b""))
        _same(name, bytes(made[name]), expected)
    return {"result_sha256": digest(result), **_bundle_facts(Bundle(memoryview(result)), result)}


READERS = {"ofab": _bundle, "ofas": _session, "ofad": _delta}


class StandIn:
    """Graphs of any contract: outputs of the right shapes that depend on the inputs, every second gate on."""

    def __init__(self, manifest: Manifest) -> None:
        self._graphs = {graph.name: graph for graph in manifest.shapes.contract()}

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if graph == "score":
            # Row by row, so that a score does not depend on its neighbours; squeezed, so that nothing overflows.
            return {"scores": (np.tanh(inputs["candidates"]) * np.tanh(inputs["hidden"][0, -1])).sum(axis=-1)}
        level = np.tanh(sum(float(np.tanh(value).mean()) for value in inputs.values()))
        outputs = {output.name: np.full(output.shape, level, np.float32) for output in self._graphs[graph].outputs}
        if graph == "adapt":
            outputs["gates"] = (np.arange(outputs["gates"].size) % 2).astype(np.float32)[None]
        return outputs

    def close(self) -> None:
        pass


@functools.lru_cache(maxsize=8)
def _item_table(embeddings: bytes, layout: str) -> NDArray[np.float32]:
    return decoding.item_table(embeddings, json.loads(layout))


def _same(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise WrongResultError(f"{what}: {str(found)[:200]} instead of {str(expected)[:200]}")


def _same_bits(what: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
    if found.shape != expected.shape or found.dtype.str.lstrip("<|") != expected.dtype.str.lstrip("<|"):
        raise WrongResultError(f"{what}: {found.dtype} {found.shape} instead of {expected.dtype} {expected.shape}")
    if found.tobytes() != expected.tobytes():
        raise WrongResultError(f"{what}: other bits")
