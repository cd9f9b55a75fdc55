"""`validate --target arm64` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

PROCESSORS = ["arm64-neon", "arm64-dotprod", "arm64-i8mm"]


@pytest.mark.integration
def test_on_a_machine_without_qemu_the_command_that_installs_it_is_named(
    invoke, toy_checkpoint: Path, litert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFA_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = invoke("validate", litert, "--checkpoint", toy_checkpoint, "--target", "arm64")
    assert result.exit_code == 6
    assert "run apt-get install --no-install-recommends qemu-user-static" in " ".join(result.stderr.split())
    assert not (tmp_path / "cache").exists()


@pytest.mark.android(target="arm64")
def test_one_command_makes_a_report_for_each_processor(ofa, litert: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    junit, html = tmp_path / "report.xml", tmp_path / "report.html"
    options = ["--checkpoint", toy_checkpoint, "--target", "arm64", "--junit", junit, "--html", html]
    done = ofa("validate", litert, *options, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert [report["target"] for report in json.loads(done.stdout)["reports"]] == PROCESSORS
    titles = [f"{litert.name} on {processor}" for processor in PROCESSORS]
    assert [suite.get("name") for suite in ElementTree.parse(junit).iterfind("testsuite")] == titles
    page = html.read_text(encoding="utf-8")
    assert all(f"{title}</a>" in page for title in titles)
