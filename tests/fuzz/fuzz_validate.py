"""Fuzzes `validate`: `python fuzz_validate.py CHECKPOINT --count 200` prints a summary as JSON.

Bundles of a checkpoint for the runtime of tests/validation are forged and validated: a mutant is refused by the reader
(one failed finding), fails an assertion, or passes, and then everything that a device computes with is the sound
bundle's. Graphs stay as they are: with another digest they are another model.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import random
import tempfile
import time
import traceback
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from files import Base
from mutations import mutant

from fuzz import limit_memory
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import fit_tiles, smallest_budget, write_bundle
from ofa_export.converters.registry import get_converter
from ofa_export.errors import OfaExportError
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.complete_bundle import measured_complete_bundle
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import peak_bytes
from ofa_export.support.recipes import load_recipe
from ofa_export.validation.reports.json import reports_to_json
from ofa_export.validation.reports.junit import reports_to_junit
from ofa_export.validation.reports.report import Report, exit_code
from ofa_export.validation.tolerance import TolerancePolicy
from ofa_export.validation.validate import validate

BUDGET = 60_000_000
FORGERIES = (
    *("change_document", "change_shapes", "change_layout", "change_embeddings", "change_items"),
    *("change_selftest", "change_card", "flip_bits", "change_list_of_entries"),
)
TABLE_ERROR = 1e-3
"""How far a table may be from the sound one in a bundle that passes: below every tolerance recipe."""


def main() -> None:
    """Make a bundle of the checkpoint, validate mutants of it, print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--hang", type=float, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(load_checkpoint(arguments.checkpoint), Path(folder))
        assert fuzzer.failed(fuzzer.base.data) == [], fuzzer.failed(fuzzer.base.data)
        limit_memory(512)
        print(json.dumps(fuzzer.fuzz(arguments.seed, arguments.count, hang=arguments.hang), indent=1))


class Fuzzer:
    """Validates mutants of one bundle.

    Args:
        checkpoint: what the bundle is made from.
        folder: where files are written.
    """

    def __init__(self, checkpoint: Checkpoint, folder: Path) -> None:
        self.checkpoint, self.path = checkpoint, folder / "toy.ofab"
        self.tolerance = load_recipe("tolerance", "default", TolerancePolicy)
        self.store = ContentCache(folder)
        recipe = BundleRecipe(
            description="toy", precision="int8", candidates=25, selftest=SelfTestRecipe(min_snr_db=20.0)
        )
        contents = measured_complete_bundle(
            checkpoint, converter=get_converter("torch-program"), group=0, recipe=recipe, store=self.store
        )
        budget = smallest_budget(contents, fit_tiles(contents, BUDGET) * 2 // 3)
        write_bundle(self.path, contents, tiles=fit_tiles(contents, budget), budget=budget)
        data = self.path.read_bytes()
        self.base, self.sound = Base(name="toy.ofab", data=data, bundle=data), Bundle(memoryview(data))

    def fuzz(self, seed: str, count: int, *, hang: float) -> dict[str, object]:
        """Validate mutants 0 … count - 1."""
        before, slowest = peak_bytes(), 0.0
        outcomes: collections.Counter[str] = collections.Counter()
        assertions: set[str] = set()
        defects: list[str] = []
        for number in range(count):
            rng = random.Random(f"{seed}/{number}")
            name, data = mutant(rng, self.base, only=FORGERIES)
            faulthandler.dump_traceback_later(hang, exit=True)
            start = time.perf_counter()
            try:
                failed = self.failed(data)
                assertions |= set(failed)
                outcomes["rejected" if failed == ["bundle.accepted"] else "failed" if failed else "passed"] += 1
                if not failed and (difference := self.difference(data)):
                    defects.append(f"--seed {seed}, mutant {number} ({name}) passed with another {difference}")
            except OfaExportError as error:
                outcomes[type(error).__name__] += 1
            except Exception:
                defects.append(f"--seed {seed}, mutant {number} ({name}): {traceback.format_exc(limit=-5)}")
            slowest = max(slowest, time.perf_counter() - start)
            faulthandler.cancel_dump_traceback_later()
        return {
            "count": count,
            "slowest_seconds": round(slowest, 3),
            "peak_growth_bytes": peak_bytes() - before,
            "outcomes": dict(outcomes),
            "assertions": sorted(assertions),
            "defects": defects,
        }

    def failed(self, data: bytes) -> list[str]:
        """Assertions that fail, of a report that can be written in every form."""
        self.path.write_bytes(data)
        report = validate(self.path, self.checkpoint, tolerance=self.tolerance, store=self.store)
        check_forms(report)
        return [finding.assertion for finding in report.findings if finding.status == "fail"]

    def difference(self, data: bytes) -> str | None:
        """What a device would compute with that is not the sound bundle's."""
        bundle, sound = Bundle(memoryview(data)), self.sound
        kept = min(bundle.table.tile_count, sound.table.tile_count)
        tables = [each.table.with_tiles(kept).all_rows() for each in (bundle, sound)]
        if bytes(bundle.graphs) != bytes(sound.graphs):
            return "graph"
        if (bundle.items.keys, bundle.items.titles) != (sound.items.keys, sound.items.titles):
            return "catalogue"
        # How many candidates a call takes is fixed in the graphs of real runtimes, which refuse another number.
        shapes = [each.manifest.shapes.model_copy(update={"candidates": 1}) for each in (bundle, sound)]
        if shapes[0] != shapes[1] or bundle.manifest.ranking != sound.manifest.ranking:
            return "shape or ranking"
        return None if np.allclose(*tables, atol=TABLE_ERROR) else "table"


def check_forms(report: Report) -> None:
    """Write a report as JSON and JUnit, and read both."""
    code = exit_code([report])
    assert json.loads(reports_to_json([report], code=code))["exit_code"] == code
    ET.fromstring(reports_to_junit([report]))


if __name__ == "__main__":
    main()
