"""The app that the command builds, looked at with other tools than those that made it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from ofa_export.apk.app_code import build_packages
from ofa_export.apk.contents import ARCHIVE, SIGNATURE
from ofa_export.apk.packages import ANDROID, KOTLIN_STDLIB, R8
from ofa_export.apk.platform import platform_jars
from ofa_export.apk.references import check_references
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.resources import shipped

pytestmark = pytest.mark.android(target="apk")

GOLDEN = shipped("artifacts", "golden")
LITERT, EXECUTORCH = (GOLDEN / f"sample-420KB-{runtime}.ofab" for runtime in ("litert", "executorch"))
PAGE, LARGE_PAGE = 4096, 16_384
NAMED = re.compile(rb"L([\w$/-]+);\0")
"""How a dex file names a class: a text that ends with a zero."""
FOUND_BY_NAME = re.compile(rb"(?:org/pytorch/executorch|org/tensorflow/lite|com/facebook/jni)/[\w/$]+")


def printed(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout


def data_starts(path: Path) -> dict[str, int]:
    """Where the data of each entry starts."""
    content, starts = path.read_bytes(), {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            at = entry.header_offset
            name, extra = (int.from_bytes(content[at + field : at + field + 2], "little") for field in (26, 28))
            starts[entry.filename] = at + 30 + name + extra
    return starts


def test_it_is_signed_by_the_schemes_of_android_8_and_later(built) -> None:
    said = printed("apksigner", "verify", "--verbose", "--min-sdk-version", "26", built.path)
    assert re.findall(r"using (v\d) scheme .*: true", said) == ["v2", "v3"]
    assert built.said["signature"]["schemes"] == ["v2", "v3"]
    assert built.said["signature"]["debug_key"] is True


def test_one_changed_byte_breaks_the_signature(built, tmp_path: Path) -> None:
    content = bytearray(built.path.read_bytes())
    content[data_starts(built.path)["assets/bundles/sample-420KB-litert.ofab"] + 1000] ^= 1
    (tmp_path / "changed.apk").write_bytes(content)
    done = subprocess.run(["apksigner", "verify", tmp_path / "changed.apk"], capture_output=True, check=False)
    assert done.returncode != 0


def test_a_phone_is_told_what_it_is_and_asked_for_nothing(built) -> None:
    said = built.said
    assert (said["package"], said["activity"]) == ("ofa.demo", "ofa.demo.MainActivity")
    assert (said["min_sdk"], said["target_sdk"], said["permissions"]) == (26, 35, [])
    assert said["abis"] == ["arm64-v8a", "x86_64"]
    tree = printed("aapt2", "dump", "xmltree", "--file", "AndroidManifest.xml", built.path)
    assert "permission" not in tree
    assert re.search(r"extractNativeLibs\(0x[0-9a-f]+\)=false", tree)
    assert "debuggable" not in tree


def test_bundles_are_stored_where_they_can_be_mapped(built) -> None:
    starts = data_starts(built.path)
    with zipfile.ZipFile(built.path) as archive:
        for bundle in (LITERT, EXECUTORCH):
            entry = archive.getinfo(f"assets/bundles/{bundle.name}")
            assert entry.compress_type == zipfile.ZIP_STORED
            assert archive.read(entry) == bundle.read_bytes()
            assert starts[entry.filename] % 64 == 0


def test_native_libraries_are_stored_at_pages_and_say_which_pages_they_bear(built) -> None:
    starts, libraries = data_starts(built.path), built.said["libraries"]
    with zipfile.ZipFile(built.path) as archive:
        inside = {name for name in archive.namelist() if name.startswith("lib/")}
        assert inside == {library["entry"] for library in libraries}
        for library in libraries:
            assert archive.getinfo(library["entry"]).compress_type == zipfile.ZIP_STORED
            assert starts[library["entry"]] % LARGE_PAGE == 0
    names = {"libexecutorch.so", "libfbjni.so", "libc++_shared.so", "libtensorflowlite_jni.so"}
    assert inside == {f"lib/{abi}/{name}" for abi in ("arm64-v8a", "x86_64") for name in names}
    found = {(Path(each["entry"]).name, each["runtime"], each["page_alignment"]) for each in libraries}
    assert found == {
        *((name, "executorch", LARGE_PAGE) for name in names - {"libtensorflowlite_jni.so"}),
        ("libtensorflowlite_jni.so", "litert", PAGE),
    }


def test_androids_own_tool_finds_it_aligned(built) -> None:
    if shutil.which("zipalign") is None:
        pytest.skip("needs zipalign")
    printed("zipalign", "-c", "-p", "4", built.path)


def test_every_byte_belongs_to_a_part(built) -> None:
    parts = {part["name"]: part["bytes"] for part in built.said["parts"]}
    assert sum(parts.values()) == built.said["bytes"] == built.path.stat().st_size
    assert parts["bundle sample-420KB-litert.ofab"] == LITERT.stat().st_size
    assert parts["executorch for arm64-v8a"] == sum(
        each["bytes"]
        for each in built.said["libraries"]
        if (each["runtime"], each["abi"]) == ("executorch", "arm64-v8a")
    )
    assert 0 < parts[SIGNATURE] < 20_000
    assert 0 < parts[ARCHIVE] < LARGE_PAGE * len(built.said["libraries"]) + 20_000


def dex_files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".dex")}


def named_classes(path: Path) -> set[str]:
    """Classes that the code names; what is not the phone's is in it, for every reference was looked up."""
    return {name.decode() for dex in dex_files(path).values() for name in NAMED.findall(dex)}


def test_everything_that_the_code_refers_to_is_in_it_or_on_the_phone(
    built, cache: ContentCache, tmp_path: Path
) -> None:
    packages = build_packages(cache.root)
    platform = platform_jars(packages[ANDROID], tmp_path)
    check_references(dex_files(built.path), platform=platform, r8=packages[R8], folder=tmp_path)


def test_what_native_code_looks_for_by_name_has_not_been_shrunk_away(built) -> None:
    classes = named_classes(built.path)
    with zipfile.ZipFile(built.path) as archive:
        names = {
            match.decode()
            for entry in archive.namelist()
            if entry.startswith("lib/")
            for match in FOUND_BY_NAME.findall(archive.read(entry))
        }
    assert {"org/pytorch/executorch/training/SGD", "org/pytorch/executorch/Module"} <= names
    assert names <= classes


def test_what_is_used_stays_and_most_of_the_rest_is_gone(built, cache: ContentCache) -> None:
    classes = named_classes(built.path)
    assert {"ofa/demo/MainActivity", "org/tensorflow/lite/Interpreter"} <= classes
    with zipfile.ZipFile(cache.root / "android-packages" / KOTLIN_STDLIB.file_name) as archive:
        before = {name.removesuffix(".class") for name in archive.namelist() if name.startswith("kotlin/")}
    assert len(classes & before) < len(before) / 3


def test_the_same_bundles_and_key_make_the_same_file(built, build) -> None:
    assert build(LITERT, EXECUTORCH).path.read_bytes() == built.path.read_bytes()


def test_one_runtime_for_old_phones(build) -> None:
    made = build(LITERT, "--abi", "armeabi-v7a,x86,arm64-v8a", "--runtime", "litert")
    assert {each["entry"] for each in made.said["libraries"]} == {
        f"lib/{abi}/libtensorflowlite_jni.so" for abi in ("arm64-v8a", "armeabi-v7a", "x86")
    }
    assert made.said["abis"] == ["arm64-v8a", "armeabi-v7a", "x86"]
    assert [each["entry"] for each in made.said["bundles"]] == ["assets/bundles/sample-420KB-litert.ofab"]


def test_a_key_of_ones_own(apk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFA_EXPORT_KEYSTORE_PASSWORD", "correct horse")
    owner = ["-keyalg", "RSA", "-dname", "CN=Tester", "-keystore", tmp_path / "my.p12", "-alias", "release"]
    printed("keytool", "-genkeypair", *owner, "-storepass:env", "OFA_EXPORT_KEYSTORE_PASSWORD")
    made = apk(LITERT, "--keystore", tmp_path / "my.p12", "--abi", "x86_64", "-o", tmp_path / "demo.apk")
    assert made.exit_code == 0, made.stderr
    assert re.search(r"^signature +v2, v3; key release of .*my\.p12$", made.stdout, re.M)
    assert re.search(r"^permissions +none$", made.stdout, re.M)
    assert "pages of 16 KB (some with Android 15 and later) do not load it" in made.stdout
    assert "CN=Tester" in printed("apksigner", "verify", "--print-certs", tmp_path / "demo.apk")

    before = (tmp_path / "demo.apk").read_bytes()
    monkeypatch.setenv("OFA_EXPORT_KEYSTORE_PASSWORD", "wrong")
    options = ["--keystore", tmp_path / "my.p12", "--force", "--json"]
    refused = apk(LITERT, *options, "-o", tmp_path / "demo.apk")
    assert refused.exit_code == 2
    assert "cannot be opened with this password" in json.loads(refused.stdout)["error"]["message"]
    assert (tmp_path / "demo.apk").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"demo.apk", "my.p12"}
