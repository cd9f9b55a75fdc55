"""Processes that answer as a phone's library would, each a few lines of Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ofa_export.runtimes.child_process import ChildProcess, last_lines

SPEAK = """
import os, signal, socket, struct, sys, time
connection = socket.socket(fileno=0)

def receive():
    def exactly(count):
        content = b""
        while len(content) < count:
            chunk = connection.recv(count - len(content))
            if not chunk:
                sys.exit()
            content += chunk
        return content
    return exactly(*struct.unpack(">I", exactly(4)))

def reply(content, status=0):
    connection.sendall(struct.pack(">IB", len(content) + 1, status) + content)
"""

Start = Callable[..., ChildProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process whose script can `receive()` a request and `reply(content, status)`."""
    with ExitStack() as stack:

        def start_process(script: str, *, time_limit_s: float = 20.0) -> ChildProcess:
            child = ChildProcess(
                [sys.executable, "-S", "-c", SPEAK + script],
                folder=tmp_path,
                environment=os.environ,
                runtime="The toy runtime",
                time_limit_s=time_limit_s,
                last_words=last_lines,
            )
            stack.callback(child.close)
            return child

        yield start_process
