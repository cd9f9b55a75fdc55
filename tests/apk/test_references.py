"""What is missing on the phone is found before it gets there: classes by R8, members by the check after it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ofa_export.apk.app_code import build_packages
from ofa_export.apk.packages import ANDROID, R8
from ofa_export.apk.platform import PlatformClasses
from ofa_export.apk.references import unresolved
from ofa_export.apk.shrinking import shrink
from ofa_export.errors import AppBuildError
from ofa_export.support.content_cache import ContentCache

pytestmark = pytest.mark.android(target="apk")

KEPT = "-keep class a.User { *; }\n"
USER = """
package a;
class User extends android.app.Activity {
    Object of(Library library) { return library.answer(); }
    String[] copied(String[] texts) { return texts.clone(); }
    int size(java.util.List<String> list) { return list.hashCode() + getTaskId(); }
}
"""
LIBRARY = "package a; class Library { %s }"
ANSWER = "Object answer() { return this.toString(); }"


@pytest.fixture(scope="module")
def packages(cache: ContentCache) -> dict:
    return build_packages(cache.root)


@pytest.fixture(scope="module")
def platform(packages: dict) -> Iterator[PlatformClasses]:
    with PlatformClasses(packages[ANDROID]) as classes:
        yield classes


def compiled(folder: Path, android: Path, name: str, source: str, *path: Path) -> Path:
    """A folder with the class files of a source."""
    classes = folder / name
    (folder / f"{name}.java").write_text(source)
    class_path = ":".join(map(str, (android, *path)))
    command = ["javac", "-nowarn", "-Xlint:-options", "--release", "8", "-cp", class_path, "-d", classes]
    subprocess.run([*command, folder / f"{name}.java"], check=True, capture_output=True)
    return classes


def dex(folder: Path, platform: PlatformClasses, packages: dict, *program: Path) -> list[bytes]:
    rules = folder / "rules.pro"
    rules.write_text(KEPT)
    return list(shrink(program, platform=platform, r8=packages[R8], rules=rules, folder=folder).values())


def test_a_program_that_has_all_it_needs(tmp_path: Path, platform: PlatformClasses, packages: dict) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % ANSWER)
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    assert unresolved(dex(tmp_path, platform, packages, user, library), platform) == []


def test_a_missing_class_ends_the_build(tmp_path: Path, platform: PlatformClasses, packages: dict) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % ANSWER)
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    with pytest.raises(AppBuildError, match=r"Missing class a\.Library \(referenced from: .*a\.User\.of"):
        dex(tmp_path, platform, packages, user)


def test_a_missing_method_is_named(tmp_path: Path, platform: PlatformClasses, packages: dict) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % ANSWER)
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    other = compiled(tmp_path, packages[ANDROID], "Other", LIBRARY % ANSWER.replace("answer", "reply"))
    # R8 is content: it does not ask whether a class has the method that is called.
    found = unresolved(dex(tmp_path, platform, packages, user, other), platform)
    assert found == ["a.Library.answer()Ljava/lang/Object;"]
