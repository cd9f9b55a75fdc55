"""Everything wrong that a person can ask for: a sentence, an exit code, and no file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ofa_export.support.resources import shipped

GOLDEN = shipped("artifacts", "golden")
LITERT, EXECUTORCH = (GOLDEN / f"sample-420KB-{runtime}.ofab" for runtime in ("litert", "executorch"))


def fails(result: Any, code: int, *parts: str) -> None:
    assert result.exit_code == code, result.output
    assert not result.stdout
    said = " ".join(result.stderr.split())
    for part in parts:
        assert part in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (["--runtime", "executorch"], ["--runtime names executorch, and no bundle is for it"]),
        (["--runtime", "litert,executorch"], ["--runtime names executorch, and no bundle is for it"]),
        (["--runtime", "litrt"], ["There is no runtime for phones 'litrt'.", "Did you mean 'litert'?"]),
        (["--runtime", ""], ["needs litert, which --runtime leaves out"]),
        (["--abi", "arm64"], ["There is no ABI 'arm64'.", "Did you mean 'arm64-v8a'?"]),
        (["--abi", ","], ["--abi is empty; name some of arm64-v8a, armeabi-v7a, x86, x86_64"]),
        (["--keystore", "nowhere.p12"], ["There is no keystore nowhere.p12", "keytool -genkeypair"]),
    ],
)
def test_options_that_cannot_be(
    apk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_programs: Any, options: list[str], parts: list[str]
) -> None:
    only_programs(**dict.fromkeys(("java", "javac", "keytool", "aapt2", "apksigner", "mvn", "npm"), "exit 1"))
    monkeypatch.setenv("OFA_EXPORT_KEYSTORE_PASSWORD", "secret")
    fails(apk(LITERT, "-o", tmp_path / "demo.apk", *options), 2, *parts)
    assert not (tmp_path / "demo.apk").exists()


def test_an_abi_that_one_of_the_runtimes_lacks(apk, tmp_path: Path) -> None:
    result = apk(LITERT, EXECUTORCH, "--abi", "x86_64,armeabi-v7a", "-o", tmp_path / "demo.apk")
    fails(result, 2, "There is no library of executorch for armeabi-v7a, only for arm64-v8a, x86_64")


def test_a_bundle_whose_runtime_is_left_out(apk, tmp_path: Path) -> None:
    result = apk(LITERT, EXECUTORCH, "--runtime", "litert", "-o", tmp_path / "demo.apk")
    fails(result, 2, "sample-420KB-executorch.ofab needs executorch, which --runtime leaves out")


def test_no_bundle_at_all(apk, tmp_path: Path) -> None:
    fails(apk("-o", tmp_path / "demo.apk"), 2, "Missing argument 'BUNDLE")
    fails(apk(f"{tmp_path}/*.ofab", "-o", tmp_path / "demo.apk"), 2, "No file matches the pattern")
    fails(apk(tmp_path / "no.ofab", "-o", tmp_path / "demo.apk"), 2, "cannot be read")


def test_a_bundle_that_the_reader_rejects(apk, litert: Path, tmp_path: Path) -> None:
    litert.write_bytes(litert.read_bytes()[:-1])
    fails(apk(EXECUTORCH, litert, "-o", tmp_path / "demo.apk"), 5, "Bundle rejected", f"The file is {litert}")
    result = apk(EXECUTORCH, litert, "-o", tmp_path / "demo.apk", "--json")
    error = json.loads(result.stdout)["error"]
    assert (error["exit_code"], error["code"], error["entry"]) == (5, "archive", None)


def test_a_file_that_is_no_bundle(apk, tmp_path: Path) -> None:
    pack = tmp_path / "notes.ofab"
    pack.write_text("mine")
    fails(apk(pack, "-o", tmp_path / "demo.apk"), 5, "Bundle rejected")


def test_two_bundles_of_one_file_name(apk, litert: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = shutil.copy(EXECUTORCH, tmp_path / "other" / litert.name)
    fails(apk(litert, other, "-o", tmp_path / "demo.apk"), 2, "have the same file name; rename one of them")


def test_a_bundle_of_another_name(apk, litert: Path, tmp_path: Path) -> None:
    odd = litert.rename(tmp_path / "bundle.bin")
    fails(apk(odd, "-o", tmp_path / "demo.apk"), 2, "looks for files named NAME.ofab; rename")


def test_an_output_that_exists_stays(apk, tmp_path: Path) -> None:
    output = tmp_path / "demo.apk"
    output.write_text("precious")
    fails(apk(LITERT, "-o", output), 2, "exists already; add --force")
    assert output.read_text() == "precious"
    fails(apk(LITERT, "-o", tmp_path / "nowhere" / "demo.apk"), 2, "is not an existing folder")
    fails(apk(LITERT, "-o", tmp_path), 2, "is a folder")


def test_a_keystore_without_its_password(
    apk, litert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, only_programs: Any
) -> None:
    only_programs(**dict.fromkeys(("java", "javac", "keytool", "aapt2", "apksigner", "mvn", "npm"), "exit 1"))
    monkeypatch.delenv("OFA_EXPORT_KEYSTORE_PASSWORD", raising=False)
    (tmp_path / "my.p12").touch()
    fails(
        apk(litert, "-o", tmp_path / "demo.apk", "--keystore", tmp_path / "my.p12"),
        2,
        "needs its password: put it into the environment variable OFA_EXPORT_KEYSTORE_PASSWORD",
    )


@pytest.mark.parametrize(
    ("there", "missing", "packages"),
    [
        (
            (),
            "java, javac, keytool, aapt2, apksigner, mvn, npm, which are",
            "openjdk-17-jdk-headless aapt apksigner maven npm.",
        ),
        (("java", "javac", "keytool", "mvn", "npm", "aapt2"), "apksigner, which is", "apksigner."),
    ],
)
def test_missing_tools_are_named_together_with_the_command_that_installs_them(
    apk,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    only_programs: Any,
    there: tuple[str, ...],
    missing: str,
    packages: str,
) -> None:
    monkeypatch.setenv("OFA_EXPORT_CACHE", str(tmp_path / "cache"))
    only_programs(**dict.fromkeys(there, "exit 0"))
    sentence = f"The command apk needs {missing} not installed: run apt-get install --no-install-recommends {packages}"
    fails(apk(LITERT, "-o", tmp_path / "demo.apk"), 6, sentence)
    assert not (tmp_path / "demo.apk").exists()
