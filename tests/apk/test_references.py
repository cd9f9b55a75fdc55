"""What is missing on the phone is found before it gets there: classes by R8, members by the check after it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ofa_export.apk.app_code import build_packages
from ofa_export.apk.packages import ANDROID, R8
from ofa_export.apk.platform import platform_jars
from ofa_export.apk.references import check_references
from ofa_export.apk.shrinking import shrink
from ofa_export.errors import AppBuildError
from ofa_export.support.content_cache import ContentCache

pytestmark = pytest.mark.android(target="apk")

KEPT = "-keep class a.User { *; }\n"
USER = """
package a;
class User extends android.app.Activity {
    Object of(Library library) { return library.answer(); }
    int count(Library library) { return library.count; }
    String[] copied(String[] texts) { return texts.clone(); }
    int size(java.util.List<String> list) { return list.hashCode() + getTaskId(); }
}
"""
NEWER_THAN_PHONES = """
package a;
class User { Object of(java.util.regex.Pattern pattern) { return pattern.asMatchPredicate(); } }
"""
LIBRARY = "package a; class Library { %s }"
COUNT = "int count = hashCode();"
ANSWER = "Object answer() { return this.toString(); }"


@pytest.fixture(scope="module")
def packages(cache: ContentCache) -> dict:
    return build_packages(cache.root)


@pytest.fixture(scope="module")
def platform(packages: dict, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    return platform_jars(packages[ANDROID], tmp_path_factory.mktemp("platform"))


def compiled(folder: Path, android: Path, name: str, source: str, *path: Path, release: int = 8) -> Path:
    """A folder with the class files of a source."""
    classes = folder / name
    (folder / f"{name}.java").write_text(source)
    class_path = ":".join(map(str, (android, *path)))
    command = ["javac", "-nowarn", "-Xlint:-options", "--release", str(release), "-cp", class_path, "-d", classes]
    subprocess.run([*command, folder / f"{name}.java"], check=True, capture_output=True)
    return classes


def dex(folder: Path, platform: Sequence[Path], packages: dict, *program: Path) -> dict[str, bytes]:
    rules = folder / "rules.pro"
    rules.write_text(KEPT)
    return shrink(program, platform=platform, r8=packages[R8], rules=rules, folder=folder)


def check(folder: Path, platform: Sequence[Path], packages: dict, *program: Path) -> None:
    check_references(dex(folder, platform, packages, *program), platform=platform, r8=packages[R8], folder=folder)


def test_a_program_that_has_all_it_needs(tmp_path: Path, platform: Sequence[Path], packages: dict) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % (COUNT + ANSWER))
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    check(tmp_path, platform, packages, user, library)


def test_a_missing_class_ends_the_build(tmp_path: Path, platform: Sequence[Path], packages: dict) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % (COUNT + ANSWER))
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    with pytest.raises(AppBuildError, match=r"Missing class a\.Library \(referenced from: .*a\.User\.(of|count)"):
        dex(tmp_path, platform, packages, user)


def test_missing_members_are_named_with_what_refers_to_them(
    tmp_path: Path, platform: Sequence[Path], packages: dict
) -> None:
    library = compiled(tmp_path, packages[ANDROID], "Library", LIBRARY % (COUNT + ANSWER))
    user = compiled(tmp_path, packages[ANDROID], "User", USER, library)
    other = compiled(tmp_path, packages[ANDROID], "Other", LIBRARY % ANSWER.replace("answer", "reply"))
    # R8 is content: it does not ask whether a class has the method that is called.
    with pytest.raises(AppBuildError) as caught:
        check(tmp_path, platform, packages, user, other)
    said = [line.strip() for line in str(caught.value).splitlines()]
    assert "Could not find in the app and on the phone all that the app refers to." in said[0]
    assert said[1:] == [
        "Error: Missing field int a.Library.count (referenced from: int a.User.count(a.Library))",
        "Missing method java.lang.Object a.Library.answer() (referenced from: java.lang.Object a.User.of(a.Library))",
        "Compilation failed",
    ]


def test_a_method_that_is_newer_than_the_oldest_phone_is_named(
    tmp_path: Path, platform: Sequence[Path], packages: dict
) -> None:
    user = compiled(tmp_path, packages[ANDROID], "User", NEWER_THAN_PHONES, release=11)
    with pytest.raises(AppBuildError, match=r"Missing method .*Pattern\.asMatchPredicate\(\)"):
        check(tmp_path, platform, packages, user)
