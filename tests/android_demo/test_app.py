"""The app under Robolectric, on the phone's own libraries; what it has to show is written here, by the Python half.

Maven compiles the app and runs the tests of `android_demo/app/src/test`. They find bundles and expected numbers in
folders that this test fills: sample bundles of both runtimes, files that must be refused, and what `ofa-export run`
answers for the same histories. With OFA_SCREENSHOTS=FOLDER, a folder of bundles, the pictures of the README are drawn
again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from maven import DEMO, run_maven
from numpy.typing import NDArray

from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import make_delta
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.resize import resized_tiles
from ofa_export.bundle.selftest import ENTRY as SELFTEST
from ofa_export.bundle.session_pack import SessionPack
from ofa_export.bundle.writer import contents_of, smallest_budget, write_bundle
from ofa_export.cli.render.bundle_paths import checked_bundle
from ofa_export.cli.render.results import ranking_json
from ofa_export.contract import GraphRunner
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.make_session_pack import make_session_pack
from ofa_export.support.content_cache import default_cache_root
from ofa_export.targets.android.installation import installation
from ofa_export.targets.android.libraries import PHONE_LIBRARIES

pytestmark = [
    pytest.mark.android,
    pytest.mark.skipif(shutil.which("aapt2") is None, reason="needs aapt2 (Debian package aapt)"),
]

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "artifacts/golden"
REPORTS = "surefire-reports/TEST-*.xml"


class Static:
    """A runner of the static net inside a bundle: every block runs, with generated parameters of 0."""

    def __init__(self, runner: GraphRunner) -> None:
        self._runner = runner

    def run(self, graph: str, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        outputs = dict(self._runner.run(graph, inputs))
        if graph == "adapt":
            changed = {name: np.zeros_like(value) for name, value in outputs.items() if name.startswith("theta_")}
            outputs |= changed | {"gates": np.ones_like(outputs["gates"])}
        return outputs

    def close(self) -> None:
        self._runner.close()


def histories() -> list[list[str]]:
    lines = (DEMO / "app/src/main/res/raw/shoppers.txt").read_text().splitlines()
    return [line.split(": ")[1].split(",") for line in lines if not line.startswith("#")]


def expected(path: Path, pack: SessionPack) -> dict[str, Any]:
    """What the app has to show: for each history with all tiles, for the first one with other tables, too."""
    with Bundle.open(path) as bundle:
        contract = bundle.manifest.shapes.contract()
        runner = get_converter(bundle.manifest.runtime.name).load(bundle.graphs, contract)
        adapting, static = Device(bundle, runner), Device(bundle, Static(runner))
        tiles, table = bundle.table.tile_count, bundle.table

        def answer(keys: list[str]) -> dict[str, Any]:
            known = adapting.history_rows(keys)
            before, after = (device.rank_rows(known.rows, 10) for device in (static, adapting))
            return {
                "tiles": adapting.table.tile_count,
                "gates": [int(gate) for gate in after.adaptation.gates],
                "norms": [float(norm) for norm in np.linalg.norm(after.adaptation.thetas, axis=1)],
                "before": ranking_json(static, known, before)["items"],
                "after": ranking_json(adapting, known, after)["items"],
            }

        answers = {"histories": [answer(keys) for keys in histories()]}
        for name, count in (("half", tiles // 2), ("floor", bundle.manifest.embeddings.floor_tiles)):
            for device in (adapting, static):
                device.use_table(replace(table, tile_count=count))
            answers[name] = answer(histories()[0])
        for device in (adapting, static):
            device.use_table(table)
            device.use_session(pack)
        answers["session"] = answer(histories()[0])
        runner.close()
        return answers


def hostile(data: bytes) -> dict[str, bytes]:
    """Files that must be refused, made of a sound bundle."""
    entries = {name: bytes(content) for name, content in read_archive(memoryview(data)).items()}
    manifest = json.loads(entries["manifest.json"])
    # The reference's scores with the other sign; the digest in the manifest fits, so only running it tells.
    selftest = bytearray(entries[SELFTEST])
    header = 8 + int.from_bytes(selftest[:8], "little")
    start, stop = json.loads(selftest[8:header])["scores"]["data_offsets"]
    scores = -np.frombuffer(selftest[header + start : header + stop], np.float32)
    selftest[header + start : header + stop] = scores.tobytes()
    listed = next(entry for entry in manifest["entries"] if entry["name"] == SELFTEST)
    other_digest = {**listed, "sha256": hashlib.sha256(selftest).hexdigest()}
    changed = [other_digest if entry == listed else entry for entry in manifest["entries"]]
    return {
        "truncated": data[:-1000],
        "newer-schema": archive(entries, {**manifest, "schema_version": "3.0"}),
        "wrong-selftest": archive({**entries, SELFTEST: bytes(selftest)}, {**manifest, "entries": changed}),
    }


def archive(entries: Mapping[str, bytes], manifest: Mapping[str, Any]) -> bytes:
    file = io.BytesIO()
    document = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    write_archive(file, [(name, document if name == "manifest.json" else data) for name, data in entries.items()])
    return file.getvalue()


def prepare(golden: Path, bundles: Mapping[str, Path]) -> None:
    """Fill the folder of expected numbers and of files to open."""
    checkpoint = load_checkpoint(ROOT / "artifacts/sample")
    with Bundle.open(bundles["litert"]) as bundle:
        sent = [bundle.items.keys[row] for row in range(0, len(bundle.items), 100)]
        pack = make_session_pack(checkpoint, sent, group=None, bundle=None).pack
        contents = contents_of(bundle)
        fewer = (contents.floor_tiles + contents.table.tile_count) // 2
        budget = smallest_budget(contents, fewer)
        write_bundle(golden / "smaller.ofab", contents, tiles=resized_tiles(contents, budget), budget=budget)
    delta = make_delta(checked_bundle(golden / "smaller.ofab"), checked_bundle(bundles["litert"]))
    for name, made in (("session.ofas", pack), ("larger.ofad", delta)):
        with (golden / name).open("wb") as file:
            write_archive(file, made.entries())
    for name, path in bundles.items():
        (golden / f"{name}.json").write_text(json.dumps(expected(path, pack)))
        (golden / f"{name}.ofab").write_bytes(path.read_bytes())
    for name, data in hostile(bundles["litert"].read_bytes()).items():
        (golden / f"{name}.ofab").write_bytes(data)


def problems(folder: Path, bundles: Path, *options: str) -> str:
    """Compile the app and run its tests: what went wrong, nothing if all of them passed."""
    litert, executorch = (
        installation(PHONE_LIBRARIES[name], default_cache_root()) for name in ("litert", "executorch")
    )
    golden, assets, made = folder / "golden", folder / "assets", folder / "target"
    golden.mkdir()
    shutil.copytree(bundles, assets / "bundles", ignore=shutil.ignore_patterns("*.yaml"))
    prepare(golden, {name: next(bundles.glob(f"*-{name}.ofab")) for name in ("litert", "executorch")})
    properties = {
        "ofa.litert": litert,
        "ofa.executorch": executorch,
        "ofa.assets": assets,
        "ofa.golden": golden,
        "build.folder": made,
    }
    # With the core; each class of the core's tests is a test of test_core.py.
    done = run_maven("app", "-am", "-Dcore.tests.skip=true", *options, properties=properties)
    if done.returncode or len(list(made.rglob(REPORTS))) < len(list((DEMO / "app/src/test").rglob("*Test.kt"))):
        return failures(made) or f"Maven ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    return ""


def failures(made: Path) -> str:
    """The tests that failed, each with what it said."""
    cases = [
        case for report in sorted(made.rglob(REPORTS)) for case in ElementTree.parse(report).getroot().iter("testcase")
    ]
    return "\n\n".join(
        f"{case.get('classname')}: {case.get('name')}\n{(failure.text or '').strip()[:2000]}"
        for case in cases
        for failure in [*case.findall("failure"), *case.findall("error")]
    )


def test_the_app_adapts_ranks_refuses_and_survives_on_both_native_runtimes(tmp_path: Path) -> None:
    assert not (found := problems(tmp_path, GOLDEN)), found


@pytest.mark.skipif("OFA_SCREENSHOTS" not in os.environ, reason="draws pictures only when it is asked to")
def test_screenshots(tmp_path: Path) -> None:
    bundles = Path(os.environ["OFA_SCREENSHOTS"])
    assert not (found := problems(tmp_path, bundles, f"-Dscreenshots={DEMO / 'screenshots'}")), found
