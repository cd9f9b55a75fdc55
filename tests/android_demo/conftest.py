"""Lets the tests here import what writes the files that the Kotlin tests read, and the fuzzer that it needs."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "fuzz")]
