"""Fuzzes the readers: `python fuzz.py --seed 1 --count 10000` judges as many mutants and prints a summary as JSON.

A mutant is a function of seed and number alone: `--only 1234 -o FILE` writes one. The process ends itself with a stack
trace when one takes longer than `--hang` seconds, and may not take more memory than it has at the start and
`--memory-mib` more.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import functools
import json
import random
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path

from files import Base, read_base
from judge import Verdict, judge
from mutations import mutant

from ofa_export.support.processes import peak_bytes

BASES = ("toy.ofab", "toy.ofas", "toy.ofad")
SHARES = (8, 1, 1)
SHOWN = 20

cached_base = functools.cache(read_base)


def made(seed: str, number: int) -> tuple[Base, str, bytes]:
    """A mutant: its base, the name of the mutation, its bytes."""
    rng = random.Random(f"{seed}/{number}")
    base = cached_base(rng.choices(BASES, SHARES)[0])
    name, data = mutant(rng, base)
    return base, f"{base.kind} {name}", data


def main() -> None:
    """Judge mutants and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--hang", type=float, default=20)
    parser.add_argument("--memory-mib", type=int, default=256)
    parser.add_argument("--only", type=int)
    parser.add_argument("-o", dest="output", type=Path)
    arguments = parser.parse_args()
    warnings.simplefilter("error")
    if arguments.only is not None:
        base, name, data = made(arguments.seed, arguments.only)
        if arguments.output:
            arguments.output.write_bytes(data)
        print(name, judge(data, base))
        return
    for name in BASES:
        base = cached_base(name)
        assert judge(base.data, base).error is None
    limit_memory(arguments.memory_mib)
    print(json.dumps(fuzz(arguments.seed, arguments.count, hang=arguments.hang), indent=1))


def limit_memory(mib: int) -> None:
    """Let this process have so much more memory than it has."""
    held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + mib * 2**20,) * 2)


def fuzz(seed: str, count: int, *, hang: float) -> dict[str, object]:
    """Judge mutants 0 … count - 1."""
    before, slowest, began = peak_bytes(), (0.0, -1), time.perf_counter()
    outcomes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    reasons: set[tuple[str | None, str]] = set()
    defects: list[str] = []
    for number in range(count):
        base, name, data = made(seed, number)
        faulthandler.dump_traceback_later(hang, exit=True)
        start = time.perf_counter()
        try:
            verdict = judge(data, base)
        except Exception:
            outcomes[name]["defect"] += 1
            defects.append(f"--seed {seed} --only {number} ({name}): {traceback.format_exc(limit=-4)}")
        else:
            outcomes[name]["rejected" if verdict.error else "accepted"] += 1
            reasons.add((verdict.entry, sentence(verdict)))
        slowest = max(slowest, (time.perf_counter() - start, number))
        faulthandler.cancel_dump_traceback_later()
    return {
        "count": count,
        "seconds": round(time.perf_counter() - began, 1),
        "slowest_seconds": round(slowest[0], 3),
        "slowest": slowest[1],
        "peak_growth_bytes": peak_bytes() - before,
        "outcomes": {name: dict(found) for name, found in sorted(outcomes.items())},
        "reasons": len(reasons),
        "defects": len(defects),
        "first_defects": defects[:SHOWN],
    }


def sentence(verdict: Verdict) -> str:
    """The reason without what differs between mutants of a kind: numbers, and what is quoted or listed."""
    text = verdict.reason.partition(" (")[0].partition(": ")[0]
    return "".join("0" if letter.isdigit() else letter for letter in text)[:60]


if __name__ == "__main__":
    sys.exit(main())
