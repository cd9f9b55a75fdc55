"""The README of the core shows the class that its tests compile and run."""

from __future__ import annotations

from golden import ROOT

CORE = ROOT / "android_demo" / "core"


def test_the_example_is_the_one_that_is_tested() -> None:
    _, _, example = (CORE / "README.md").read_text().partition("```kotlin\n")
    source = (CORE / "src/test/kotlin/ofa/core/Recommendations.kt").read_text()
    assert example.partition("```")[0].strip() == source.partition("begins here.")[2].strip()
