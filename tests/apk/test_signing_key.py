from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ofa_export.apk.signing_key import debug_key, given_key
from ofa_export.errors import ConfigError

pytestmark = pytest.mark.android(target="apk")

PASSWORD = "correct horse"


def keystore(path: Path, *aliases: str, kind: str = "PKCS12") -> Path:
    for alias in aliases:
        options = ["-keyalg", "EC", "-dname", "CN=Tester", "-storetype", kind, "-keystore", path, "-alias", alias]
        command = ["keytool", "-genkeypair", *options, "-storepass:env", "PASSWORD"]
        subprocess.run(command, env=os.environ | {"PASSWORD": PASSWORD}, capture_output=True, check=True)
    return path


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keystore(tmp_path_factory.mktemp("keys") / "my.p12", "Mine")


def test_the_debug_key_is_made_once(tmp_path: Path) -> None:
    key = debug_key(tmp_path / "cache")
    before = key.keystore.read_bytes()
    assert debug_key(tmp_path / "cache") == key
    assert key.keystore.read_bytes() == before
    assert key.debug and "android'" not in repr(key)


def test_a_damaged_debug_key_says_that_it_may_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "apk-debug.p12").write_bytes(b"half")
    with pytest.raises(ConfigError, match=r"own debug key: delete the file, and another is made"):
        debug_key(tmp_path)


def test_the_only_key_needs_no_name(single: Path) -> None:
    key = given_key(single, PASSWORD, None)
    assert (key.alias.lower(), key.debug) == ("mine", False)
    assert PASSWORD not in repr(key)
    assert given_key(single, PASSWORD, "MINE").alias == "MINE"


def test_another_password_and_another_name_are_sentences(single: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be opened with this password\. keytool says: .*password"):
        given_key(single, "wrong", None)
    with pytest.raises(ConfigError, match=r"has no key 'yours'\. Valid: mine\."):
        given_key(single, PASSWORD, "yours")


def test_one_of_several_keys_has_to_be_chosen(tmp_path: Path) -> None:
    path = keystore(tmp_path / "two.p12", "first", "second")
    with pytest.raises(ConfigError, match="choose one of first, second with --key-alias"):
        given_key(path, PASSWORD, None)
    assert given_key(path, PASSWORD, "second").alias == "second"


def test_a_file_that_is_no_keystore(tmp_path: Path) -> None:
    (tmp_path / "notes.p12").write_text("mine")
    with pytest.raises(ConfigError, match="cannot be opened"):
        given_key(tmp_path / "notes.p12", PASSWORD, None)
