"""A process that answers requests: whatever happens to it is an error with its text here, never the end of this one.

Requests and replies are frames, a big-endian uint32 of their length first. Both travel over one socket, which is the
child's standard input; what it prints goes to a log, so that a library that prints disturbs nothing. The first byte of
a reply is 0 and its content follows, or 1 and the reason why there is none follows, in UTF-8. The child ends when the
socket is closed.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ofa_export.errors import RuntimeFailedError

END_SECONDS = 10.0
"""Time to end in, for a process whose socket is closed."""

LAST_LINES = 5

MEMORY_FILE = "graphs"
MAPPED_MEMORY_FILE = f"/memfd:{MEMORY_FILE} (deleted)"
"""Name that the system gives a file in memory among the maps of a process."""


class ChildProcess:
    """One process, one request at a time.

    Args:
        command: what to start.
        folder: where it runs.
        environment: of the process, all of it.
        runtime: what runs in it, for a person: the subject of every sentence about it.
        time_limit_s: seconds for one answer.
        last_words: what its log says about its end.
        pass_fds: file descriptors that it inherits under the same numbers.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        runtime: str,
        time_limit_s: float,
        last_words: Callable[[str], str],
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._runtime, self._last_words = runtime, last_words
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(time_limit_s)
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=self._log,
                stderr=self._log,
                cwd=folder,
                env=environment,
                pass_fds=pass_fds,
            )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ask(self, request: bytes, *, doing: str) -> bytes:
        """Send a request and wait for its answer.

        Args:
            request: its content.
            doing: what the process does to answer it, for a person: "it ran graph adapt".

        Raises:
            RuntimeFailedError: the process refused, ended or did not answer in time; in the last two cases it is gone.
        """
        if self._log.closed:
            raise RuntimeFailedError(f"{self._runtime} could not go on: its process is gone.")
        try:
            self._socket.sendall(struct.pack(">I", len(request)) + request)
            reply = self._receive(*struct.unpack(">I", self._receive(4)))
        except TimeoutError:
            limit = self._socket.gettimeout()
            self.close(wait_s=0)
            raise RuntimeFailedError(
                f"{self._runtime} did not answer within {limit:g} seconds while {doing}; its process was stopped."
            ) from None
        except OSError:
            raise self._ended(doing) from None
        if reply[:1] == b"\x00":
            return reply[1:]
        whole = f"{self._runtime} failed while {doing}: {reply[1:].decode(errors='replace').strip()}"
        raise RuntimeFailedError(*whole.splitlines())

    def close(self, *, wait_s: float = END_SECONDS) -> int:
        """End the process; done once, it stays done.

        Args:
            wait_s: seconds that it may take to end by itself.

        Returns:
            Its exit code, or minus the number of the signal that ended it.
        """
        self._socket.close()
        try:
            code = self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._log.close()
        return code

    def _receive(self, count: int) -> bytes:
        received = bytearray()
        while len(received) < count:
            chunk = self._socket.recv(min(count - len(received), 1 << 20))
            if not chunk:
                raise ConnectionResetError
            received += chunk
        return bytes(received)

    def _ended(self, doing: str) -> RuntimeFailedError:
        try:
            # Before its log is read: some go on writing their last words while they end.
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._log.seek(0)
        message = self._last_words(self._log.read().decode(errors="replace")).strip()
        how = _how_it_ended(self.close())
        whole = f"{self._runtime} ended its process while {doing} ({how}){f': {message}' if message else '.'}"
        return RuntimeFailedError(*whole.splitlines())


@contextmanager
def memory_file(content: memoryview | bytes) -> Iterator[int]:
    """Return a file that lies on no disk and needs no removing; Linux only.

    Args:
        content: its bytes.

    Yields:
        Its descriptor N; a process that inherits it can open and map /proc/self/fd/N, also after the block.
    """
    descriptor = os.memfd_create(MEMORY_FILE, 0)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield descriptor
    finally:
        os.close(descriptor)


def last_lines(log: str) -> str:
    """Return the last lines of a log that say anything."""
    return "\n".join([line for line in log.splitlines() if line.strip()][-LAST_LINES:])


def _how_it_ended(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
