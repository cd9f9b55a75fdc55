"""Writes corpus/cases.json: of all mutants, the smallest change for every kind of refusal, and some that are taken.

`python keep.py --count 50000`. What it writes is looked at before it is committed: a case states what is right.
"""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from edits import edits_between
from files import CORPUS, Base
from judge import Verdict, judge

from fuzz import made
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.errors import BundleError

LONGEST_CASE = 8000
"""Characters of the JSON of a case; what takes more is not worth its place."""


def main() -> None:
    """Look for cases and write them, ordered by name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", default="corpus")
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    kept: dict[str, dict[str, Any]] = {}
    for number in range(arguments.count):
        base, name, data = made(arguments.seed, number)
        verdict = judge(data, base)
        key = kind_of_refusal(verdict) if verdict.error else f"taken: {name}"
        if key in kept and len(kept[key]["edits"]) == 1 and kept[key]["edits"][0]["remove"] < 2:
            continue
        found = case(key, base, name, data, verdict)
        if size(found) < min(LONGEST_CASE, size(kept[key]) if key in kept else LONGEST_CASE):
            kept[key] = found
    cases = [kept[key] for key in sorted(kept)]
    text = ",\n".join(json.dumps(each, ensure_ascii=True, sort_keys=True) for each in cases)
    (CORPUS / "cases.json").write_text(f"[\n{text}\n]\n")
    print(f"{len(cases)} cases, {len(text):,} bytes")


def kind_of_refusal(verdict: Verdict) -> str:
    """Its sentence, or the field that it names, without values: one case stands for all entries and numbers."""
    if "Extra inputs" in verdict.reason:
        return "a field that the format does not have"
    text = re.sub(r"b?'[^']*'|[0-9a-f]{64}|(?<=user group )[^,]*", "'…'", own_words(verdict.reason))
    text = re.sub(r"(delta|manifest|session)\.json", "document", text)
    return re.sub(r"\d[\d,]*", "0", text)


def case(key: str, base: Base, name: str, data: bytes, verdict: Verdict) -> dict[str, Any]:
    """One case of the corpus."""
    try:
        entries = [(name, bytes(content)) for name, content in read_archive(memoryview(data)).items()]
    except BundleError:
        entries = None
    if verdict.error:
        expected = {"error": verdict.error, "entry": verdict.entry, "code": verdict.code}
    else:
        expected = {"error": None, **verdict.facts}
    return {
        "name": key,
        "base": base.name,
        "made_by": name.partition(" ")[2],
        "edits": edits_between(base.data, data, base.entries, entries),
        "expected": expected,
    }


def own_words(reason: str) -> str:
    """The start of a reason, before what another library words or what lists values."""
    if ": Value error, " in reason:
        return reason.partition(", not ")[0].partition(" (")[0]
    return reason.partition(" (")[0].partition(": ")[0]


def size(found: dict[str, Any]) -> int:
    """Characters of a case."""
    return len(json.dumps(found))


if __name__ == "__main__":
    main()
