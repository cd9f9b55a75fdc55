"""The Kotlin core of the app, built by Maven, against what the Python side makes of the same files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from golden import CORPUS, write_golden
from maven import DEMO, run_maven

SUITES = sorted(path.stem for path in (DEMO / "core" / "src" / "test").rglob("*Test.kt"))

pytestmark = pytest.mark.android


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What surefire says of one class of tests."""

    tests: int
    skipped: int
    failures: tuple[str, ...]


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Suite]:
    """Every class of tests of the core, after one run of Maven."""
    golden, build = tmp_path_factory.mktemp("golden"), tmp_path_factory.mktemp("core")
    write_golden(golden)
    properties = {"build.folder": build, "ofa.golden": golden, "ofa.corpus": CORPUS}
    done = run_maven("core", properties=properties)
    reports = {path.stem.rpartition(".")[2]: _read(path) for path in (build / "core").rglob("TEST-*.xml")}
    if not reports:
        pytest.fail(f"Maven ran no test:\n{(done.stdout + done.stderr)[-6000:]}", pytrace=False)
    return reports


def _read(report: Path) -> Suite:
    suite = ElementTree.parse(report).getroot()
    failures = [
        f"{case.get('name')}: {(problem.get('message') or problem.text or '').strip()[:2000]}"
        for case in suite.iter("testcase")
        for problem in (*case.iter("failure"), *case.iter("error"))
    ]
    return Suite(tests=int(suite.get("tests", 0)), skipped=int(suite.get("skipped", 0)), failures=tuple(failures))


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_of_the_core_passes(suites: Mapping[str, Suite], name: str) -> None:
    suite = suites[name]
    assert not suite.failures, "\n".join(suite.failures)
    assert suite.tests > suite.skipped == 0
