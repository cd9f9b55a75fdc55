"""Runs the tests of one module of android_demo."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ofa_export.support.resources import shipped

DEMO = shipped("android_demo")
SECONDS = 900
"""For the tests of a module; what Maven fetches before takes as long as the network does."""


def run_maven(module: str, *options: str, properties: dict[str, Path]) -> subprocess.CompletedProcess[str]:
    """Compile a module and run its tests.

    Args:
        module: its folder in android_demo.
        options: further options of mvn.
        properties: that its pom.xml asks for.
    """
    command = ["mvn", "--quiet", "--batch-mode", "--no-transfer-progress", "-f", DEMO / "pom.xml", "-pl", module]
    defined = [f"-D{name}={value}" for name, value in {"surefire.timeout": SECONDS, **properties}.items()]
    return subprocess.run([*command, *options, *defined, "test"], capture_output=True, text=True, check=False)
