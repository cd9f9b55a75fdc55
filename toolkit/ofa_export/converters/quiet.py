"""Silence for converters and runtimes: their own messages stay away from the user's terminal and pipes."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

# Each silences one thing: absl's log lines, the oneDNN note of TensorFlow's libraries, litert_torch's progress.
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "LITERT_TORCH_SHOW_PROGRESS": "n"}


# Warnings that name nothing which a user can change: torchao registers an enum in a way that torch deprecated, and the
# export to ONNX misses the operations of torchvision.
LOGGERS = ("torch.utils._pytree", "torch.onnx._internal.exporter._registration")


@contextlib.contextmanager
def converter_chatter_silenced() -> Iterator[None]:
    """Silence known messages of the converters; whatever else they print to stdout goes to stderr."""
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            _ignore_known_warnings()
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Drop what native code writes to the process's stderr while a runtime starts, which takes milliseconds."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            try:
                yield
            finally:
                os.dup2(saved, 2)
    finally:
        os.close(saved)


def _ignore_known_warnings() -> None:
    # These address the developers of the converters; a user can change nothing about them.
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning):
        warnings.simplefilter("ignore", category)
