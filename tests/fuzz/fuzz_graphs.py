"""Fuzzes graphs whose digests fit: `python fuzz_graphs.py graphs-litert.ofab --count 100` prints a summary as JSON.

The bytes of a graph are native code's to read, and what it does with hostile ones is its own: every mutant is loaded
and self-tested in a child of this process, which may end as it likes within its limits of memory and time. What must
not happen is that our own code lets another exception than a typed refusal out, or that a hang goes unnoticed.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
import os
import random
import signal
import sys
import traceback
import warnings

from edits import apply_edits
from files import CORPUS, Base, archive, read_base, repaired
from mutations import flip_bits, overwrite

from fuzz import limit_memory
from ofa_export.benchmark.protocol import LIBRARIES
from ofa_export.bundle.reader import Bundle
from ofa_export.device.selftest import run_selftest
from ofa_export.errors import OfaExportError
from ofa_export.targets.host import HOST
from ofa_export.targets.open_device import open_device

REFUSED, PASSED, FAILED, DEFECT = 10, 11, 12, 13
ENDINGS = {REFUSED: "refused", PASSED: "self-test passed", FAILED: "self-test failed", DEFECT: "defect"}


def main() -> None:
    """Try mutants and print how they ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--limit", type=int, default=30, help="seconds of one mutant")
    arguments = parser.parse_args()
    base = read_base(arguments.bundle)
    with Bundle.open(CORPUS / arguments.bundle) as bundle:
        for library in LIBRARIES[HOST, bundle.manifest.runtime.name]:
            importlib.import_module(library)
    endings = [ending(base.data, limit=arguments.limit)]
    assert endings == ["self-test passed"], endings
    kept = [case for case in json.loads((CORPUS / "graph_cases.json").read_text()) if case["base"] == arguments.bundle]
    mutants = [forged(base, random.Random(f"{arguments.seed}/{number}")) for number in range(arguments.count)]
    endings = [ending(data, limit=arguments.limit) for data in mutants]
    kept_endings = [ending(apply_edits(base.data, case["edits"]), limit=arguments.limit) for case in kept]
    found = {
        "outcomes": collections.Counter(endings),
        "kept": collections.Counter(kept_endings),
        "defects": [number for number, each in enumerate(endings + kept_endings) if each in ("defect", "hang")],
    }
    print(json.dumps(found, indent=1))


def forged(base: Base, rng: random.Random) -> bytes:
    """The bundle with some bytes of its graphs changed, and digests that fit."""
    name, graphs = base.entries[1]
    only = Base(name="g.ofab", data=archive([(name, graphs)]), bundle=b"")
    while True:
        start = only.data.index(graphs)
        changed = rng.choice((flip_bits, overwrite))(rng, only)[start : start + len(graphs)]
        if changed != graphs:
            entries = [(each, changed if each == name else data) for each, data in base.entries]
            return archive(repaired(base, entries))


def ending(data: bytes, *, limit: int) -> str:
    """How a child process ends that loads the bundle and tests itself."""
    child = os.fork()
    if not child:
        signal.alarm(limit)
        os._exit(tried(data))
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        return ENDINGS.get(os.WEXITSTATUS(status), f"exit {os.WEXITSTATUS(status)}")
    number = os.WTERMSIG(status)
    return "hang" if number == signal.SIGALRM else signal.Signals(number).name


def tried(data: bytes) -> int:
    """What our own code makes of it."""
    limit_memory(512)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        bundle = Bundle(memoryview(data))
        with open_device(bundle) as device:
            return PASSED if run_selftest(device).passed else FAILED
    except OfaExportError:
        return REFUSED
    except Exception:
        traceback.print_exc()
        return DEFECT


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main())
