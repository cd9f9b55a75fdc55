from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ofa_export.errors import MissingToolError
from ofa_export.targets.android.artifacts import Artifact, fetch

CONTENT = b"published\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PACK = Artifact(name="pack", version="1.2", kind="tgz", sha256=DIGEST)
LIBRARY = Artifact(group="org.example", name="library", version="3.4", kind="aar", sha256=DIGEST)
PUBLISHED = {"npm": "echo published > pack-1.2.tgz", "mvn": "echo published > library-3.4.aar"}


def contents(artifacts: list[Artifact], folder: Path) -> dict[Artifact, bytes]:
    return {artifact: path.read_bytes() for artifact, path in fetch(artifacts, folder).items()}


def test_what_came_is_kept_and_not_fetched_again(only_programs: Any, tmp_path: Path) -> None:
    only_programs(**PUBLISHED)
    assert contents([PACK, LIBRARY], tmp_path) == {PACK: CONTENT, LIBRARY: CONTENT}
    only_programs(npm="exit 1", mvn="exit 1")
    assert contents([LIBRARY, PACK], tmp_path) == {PACK: CONTENT, LIBRARY: CONTENT}


def test_all_packages_of_maven_are_asked_for_at_once_by_name(only_programs: Any, tmp_path: Path) -> None:
    second = Artifact(group="org.example", name="other", version="5", kind="jar", sha256=DIGEST)
    only_programs(
        mvn=f"while read line; do echo $line; done < pom.xml >> {tmp_path}/seen; {PUBLISHED['mvn']}; "
        "echo published > other-5.jar"
    )
    fetch([LIBRARY, second], tmp_path)
    seen = (tmp_path / "seen").read_text()
    assert seen.count("<modelVersion>") == 1
    for name in (
        "<groupId>org.example</groupId><artifactId>library</artifactId><version>3.4</version><type>aar</type>",
        "<artifactId>other</artifactId><version>5</version><type>jar</type>",
    ):
        assert name in seen


def test_a_damaged_file_is_fetched_again(only_programs: Any, tmp_path: Path) -> None:
    (tmp_path / "pack-1.2.tgz").write_bytes(b"half")
    only_programs(**PUBLISHED)
    assert contents([PACK], tmp_path) == {PACK: CONTENT}


def test_another_file_under_the_same_name_is_not_used(only_programs: Any, tmp_path: Path) -> None:
    only_programs(npm="echo something else > pack-1.2.tgz")
    with pytest.raises(MissingToolError, match=rf"pack 1\.2.*instead of {DIGEST}, and is not used"):
        fetch([PACK], tmp_path)
    assert not (tmp_path / "pack-1.2.tgz").exists()


def test_without_the_network_the_tool_s_own_words_are_given(only_programs: Any, tmp_path: Path) -> None:
    only_programs(npm="echo 'npm warn old'; echo 'npm error code ENOTFOUND'; exit 1")
    with pytest.raises(MissingToolError, match=r"npm says: npm error code ENOTFOUND\. The first run .* needs the net"):
        fetch([PACK], tmp_path)


def test_a_tool_that_leaves_nothing_is_said(only_programs: Any, tmp_path: Path) -> None:
    only_programs(mvn="exit 0")
    with pytest.raises(MissingToolError, match=r"mvn left no file library-3\.4\.aar"):
        fetch([LIBRARY], tmp_path)


def test_missing_tools_are_named_together_with_the_command_that_installs_them(
    only_programs: Any, tmp_path: Path
) -> None:
    with pytest.raises(MissingToolError, match=r"mvn, npm, which are not installed: run apt-get install .* maven npm"):
        fetch([PACK, LIBRARY], tmp_path)
