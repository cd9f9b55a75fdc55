"""Servers on loopback that a fleet can be stored at or collected from, as fixtures: S3 (moto) and HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BUCKET = "fleets"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """A real S3 server on loopback; it keeps buckets for the session."""
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The endpoint, with an empty bucket `fleets`, and credentials as a user gives them."""
    import s3fs

    # Nothing of the developer's own account.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    # Connections remember what the environment said.
    s3fs.S3FileSystem.clear_instance_cache()
    # One try, where the package has five with pauses in between.
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    files = s3fs.S3FileSystem()
    if files.exists(BUCKET):
        files.rm(BUCKET, recursive=True)
    files.call_s3("create_bucket", Bucket=BUCKET)
    s3fs.S3FileSystem.clear_instance_cache()
    return s3_endpoint


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        if "forbidden" in self.path:
            self.send_error(403)
        else:
            super().do_GET()


@pytest.fixture
def http(tmp_path: Path) -> Iterator[str]:
    """A server on loopback that gives out what lies in the test's folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()
