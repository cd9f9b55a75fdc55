"""`--target android` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest


@pytest.mark.integration
@pytest.mark.parametrize("command", ["validate", "benchmark"])
def test_on_a_machine_without_the_tools_the_command_that_installs_them_is_named(
    invoke, toy_checkpoint: Path, litert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("OFA_EXPORT_CACHE", str(cache))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = invoke(command, litert, "--checkpoint", toy_checkpoint, "--target", "android")
    assert result.exit_code == 6
    said = " ".join(result.stderr.split())
    assert "run apt-get install --no-install-recommends openjdk-17-jdk-headless gcc libc6-dev maven, or use" in said
    assert not cache.exists()


@pytest.mark.android
def test_both_bundles_pass_and_every_report_names_the_target(
    ofa, bundles: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    options = ["--checkpoint", toy_checkpoint, "--target", "android"]
    junit = tmp_path / "report.xml"
    done = ofa("validate", *sorted(bundles.iterdir()), *options, "--json", "--junit", junit)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    for report in json.loads(done.stdout)["reports"]:
        assert report["target"] == "android"
        assert report["environment"].keys() & {"tensorflow-lite (android)", "react-native-executorch (android)"}
    root = ElementTree.parse(junit)
    assert [each.get("value") for each in root.iterfind(".//property[@name='target']")] == ["android"] * 2
    cases = [case.get("name") for case in root.iterfind(".//testcase")]
    assert cases.count("runtime.loads") == cases.count("runtime.runs") == 2


@pytest.mark.android
def test_the_report_for_people_names_the_target(ofa, litert: Path, toy_checkpoint: Path) -> None:
    done = ofa("validate", litert, "--checkpoint", toy_checkpoint, "--target", "android")
    assert done.returncode == 0, done.stderr
    heading, *rest = done.stdout.splitlines()
    assert "litert int8 on android, group 0" in heading
    assert any(line.startswith("runtime") and "2/2" in line for line in rest)
