"""What stands behind a URL refuses in words of its own; a user gets one sentence with what to do."""

from __future__ import annotations

import importlib
import resource
import socket
import sys
from pathlib import Path

import pytest

from ofa_export.errors import ConfigError, MissingToolError, OutputError, StoreError
from ofa_export.fleet import url_folder
from ofa_export.fleet.url_folder import UrlFolder, without_password

NOBODY = "Nobody answers: check the URL, the network, and the endpoint"


def refusal(url: str, *, write: bool = True) -> str:
    """What a store says to who first looks for a fleet, and then writes or reads."""
    with pytest.raises(StoreError) as caught:
        folder = UrlFolder(url)
        folder.size("fleet.json")
        folder.write("mark", b"") if write else folder.read("fleet.json", small=True)
    text = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in text
    assert len(text) < 700
    return text


@pytest.mark.integration
def test_s3_without_credentials(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert refusal("s3://fleets/one") == (
        "'s3://fleets/one' cannot be read: Unable to locate credentials. Give credentials as the package for this kind "
        "of URL takes them: for s3:// the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
    )


@pytest.mark.integration
def test_s3_with_half_of_the_credentials_or_an_unknown_profile(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "missing: AWS_SECRET_ACCESS_KEY. Give credentials" in refusal("s3://fleets/one")
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    assert "(nosuch) could not be found. Give credentials" in refusal("s3://fleets/two")


@pytest.mark.integration
def test_s3_with_credentials_that_it_does_not_accept(s3: str) -> None:
    import requests

    requests.post(f"{s3}/moto-api/reset-auth", data=b"0", timeout=10)
    try:
        assert "Check the credentials, and that they may list, read, write and delete" in refusal("s3://fleets/one")
    finally:
        requests.post(f"{s3}/moto-api/reset-auth", data=b"inf", timeout=10)


@pytest.mark.integration
def test_a_bucket_is_never_made(s3: str) -> None:
    import requests

    expected = "There must be a bucket 'fleetz', which ofa-export does not make: create it, or correct the URL."
    assert expected in refusal("s3://fleetz/one")
    assert expected in refusal("s3://fleetz/one", write=False)
    assert requests.head(f"{s3}/fleetz", timeout=10).status_code == 404
    assert "Invalid bucket name" in refusal("s3://Not_A_Bucket!/one")


@pytest.mark.integration
def test_s3_at_a_wrong_endpoint(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert NOBODY in refusal("s3://fleets/one")
    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1")
    assert "Invalid endpoint: 127.0.0.1" in refusal("s3://fleets/one")


@pytest.mark.integration
def test_s3_that_accepts_a_connection_and_says_nothing(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_folder, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert NOBODY in refusal("s3://fleets/one")


def test_http(http: str, tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_bytes(b"{}")
    assert UrlFolder(http).read("fleet.json") == b"{}"
    assert UrlFolder(f"{http}/nothing").read("fleet.json") is None
    assert "403" in (text := refusal(f"{http}/forbidden", write=False))
    assert "Check the credentials" in text
    assert "501" in refusal(http)
    assert NOBODY in refusal("http://127.0.0.1:9/x")
    assert NOBODY in refusal("ftp://127.0.0.1:9/x")


def test_http_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_folder, "ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert NOBODY in refusal(f"http://127.0.0.1:{server.getsockname()[1]}/fleet", write=False)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nosuch://x", "'nosuch://x' is neither a folder nor a URL that fsspec knows: Protocol not known: nosuch"),
        ("", "The name of the fleet's folder is empty"),
        pytest.param("s3://", "names no folder", marks=pytest.mark.integration),
        ("s3:/fleets/one", "a URL has two slashes, s3://fleets/one"),
    ],
)
def test_a_name_that_is_no_place(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        UrlFolder(url)


@pytest.mark.parametrize(
    ("url", "module", "package"),
    [("s3://b/x", "s3fs", "s3fs"), ("http://h/x", "aiohttp", "aiohttp"), ("smb://h/x", "smbclient", "smbprotocol")],
)
def test_a_package_that_is_missing_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, package: str
) -> None:
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.setattr(registry, "_registry", {})
    monkeypatch.setattr(registry, "registry", registry._registry)
    for name in [name for name in sys.modules if name.startswith((module, "fsspec.implementations.http"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingToolError) as caught:
        UrlFolder(url)
    assert (
        str(caught.value) == f"'{url}' needs the package {package}, which is not installed. Run: pip install {package}"
    )
    assert caught.value.exit_code == 6


def test_a_folder_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my::fleet", "s3", "a b", "[x]*"):
        UrlFolder(name).write("part/file", b"content")
        assert (tmp_path / name / "part" / "file").read_bytes() == b"content"
        assert UrlFolder(name).files("part") == {"file": 7}
        assert UrlFolder(UrlFolder(name).url).read("part/file") == b"content"


def test_passwords_and_signatures_are_not_shown() -> None:
    assert without_password("sftp://me:secret@host/x") == "sftp://me:***@host/x"
    assert without_password("see http://host/x?sig=secret, and more") == "see http://host/x?*** and more"
    assert without_password("s3://bucket/x") == "s3://bucket/x"
    assert "secret" not in refusal("ftp://me:secret@127.0.0.1:9/x")
    assert "secret" not in refusal("http://me:secret@127.0.0.1:9/x?sig=secret", write=False)


def test_a_disk_that_takes_no_more_leaves_no_parts_and_is_written_to_later(tmp_path: Path) -> None:
    folder = UrlFolder(str(tmp_path / "fleet"))
    folder.write("entries/small", b"x" * 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"could not be written: File too large\. Nothing was left behind"):
            folder.write("entries/large", b"x" * 8192)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert folder.files("entries") == {"small": 100}
    folder.write("entries/large", b"x" * 8192)
    assert folder.files("entries") == {"small": 100, "large": 8192}


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be read: Not a directory" in refusal(str(tmp_path / "file" / "fleet"))
