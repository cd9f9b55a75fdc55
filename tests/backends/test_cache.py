from __future__ import annotations

import logging
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ofa_export.backends.cache import ConversionCache, default_cache_root
from ofa_export.backends.litert import LiteRtBackend
from ofa_export.errors import LoweringError
from ofa_export.graphs.device import DeviceGraph

CONTENT = b"converted graphs " * 1000


class QuickBackend(LiteRtBackend):
    """A backend with a converter of its own, which counts its calls."""

    def __init__(self) -> None:
        self.conversions = 0

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: str) -> bytes:
        self.conversions += 1
        return CONTENT


class RefusingBackend(LiteRtBackend):
    """A backend whose converter refuses everything."""

    def convert(self, graphs: Sequence[DeviceGraph], *, precision: str) -> bytes:
        raise LoweringError(backend="litert", stage="lower", graph="adapt", detail="no")


def convert(root: Path, backend: LiteRtBackend, precision: str = "fp32") -> bytes:
    return ConversionCache(root).get_or_convert((), backend=backend, precision=precision)


def test_the_second_call_does_not_convert(tmp_path: Path) -> None:
    backend = QuickBackend()
    assert convert(tmp_path, backend) == convert(tmp_path, backend) == CONTENT
    assert backend.conversions == 1


def test_another_precision_is_another_entry(tmp_path: Path) -> None:
    backend = QuickBackend()
    convert(tmp_path, backend, "fp32")
    convert(tmp_path, backend, "int8")
    assert backend.conversions == 2
    assert len(list(tmp_path.glob("*.graphs"))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored[:-1],
        lambda stored: stored[:-1] + b"?",
        lambda stored: b"",
        lambda stored: b"?" + stored[1:],
    ],
    ids=["truncated", "changed", "empty", "foreign"],
)
def test_a_damaged_entry_is_reported_and_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture, damage) -> None:
    backend = QuickBackend()
    convert(tmp_path, backend)
    (entry,) = tmp_path.glob("*.graphs")
    entry.write_bytes(damage(entry.read_bytes()))
    assert convert(tmp_path, backend) == CONTENT
    assert "damaged" in caplog.text
    assert convert(tmp_path, backend) == CONTENT
    assert backend.conversions == 2


def test_an_unusable_folder_means_converting_without_a_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = QuickBackend()
    (tmp_path / "file").write_bytes(b"")
    assert convert(tmp_path / "file" / "cache", backend) == CONTENT
    assert "converting without it" in caplog.text
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_a_refusal_is_passed_on_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(LoweringError, match="adapt"):
        convert(tmp_path, RefusingBackend())
    assert not list(tmp_path.glob("*.graphs"))
    assert convert(tmp_path, QuickBackend()) == CONTENT


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFA_EXPORT_CACHE", str(tmp_path))
    assert default_cache_root() == tmp_path
    monkeypatch.setenv("OFA_EXPORT_CACHE", "")
    assert default_cache_root().name == "ofa-export"


SCRIPT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from ofa_export.backends.cache import ConversionCache
    from ofa_export.backends.litert import LiteRtBackend

    class SlowBackend(LiteRtBackend):
        def convert(self, graphs, *, precision):
            print("converting", flush=True)
            time.sleep(float(sys.argv[2]))
            return {content!r} * 1000

    ConversionCache(Path(sys.argv[1])).get_or_convert((), backend=SlowBackend(), precision="fp32")
    print("done", flush=True)
    """
).format(content=CONTENT[:17])


def start(root: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(root), str(seconds)], stdout=subprocess.PIPE, text=True)


@pytest.mark.integration
def test_a_second_process_waits_and_reuses(tmp_path: Path) -> None:
    with start(tmp_path, 2) as first:
        assert first.stdout is not None and first.stdout.readline() == "converting\n"
        with start(tmp_path, 0) as second:
            assert second.communicate()[0] == "done\n"
        assert first.stdout.read() == "done\n"


@pytest.mark.integration
def test_a_process_killed_while_converting_leaves_a_cache_that_works(tmp_path: Path) -> None:
    with start(tmp_path, 60) as process:
        assert process.stdout is not None and process.stdout.readline() == "converting\n"
        process.send_signal(signal.SIGKILL)
    backend = QuickBackend()
    assert convert(tmp_path, backend) == CONTENT
    assert backend.conversions == 1


@pytest.mark.integration
def test_a_process_killed_while_writing_leaves_a_cache_that_works(tmp_path: Path) -> None:
    # Killing itself at each system call of the write is the only way to hit the few microseconds for sure.
    for call in ("fsync", "replace"):
        root = tmp_path / call
        script = f"import os, signal\nos.{call} = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)\n"
        process = subprocess.run([sys.executable, "-c", script + SCRIPT, str(root), "0"], check=False)
        assert process.returncode == -signal.SIGKILL
        assert not list(root.glob("*.graphs"))
        started = time.monotonic()
        assert convert(root, QuickBackend()) == CONTENT
        assert time.monotonic() - started < 5
