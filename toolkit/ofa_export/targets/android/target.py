"""The phone's own libraries, as apps carry them, in a Java process on this computer."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import runtime_of
from ofa_export.errors import ConfigError
from ofa_export.precision import ActivationRounding
from ofa_export.support.content_cache import default_cache_root
from ofa_export.targets.android.installation import SHIM, installation
from ofa_export.targets.android.libraries import PHONE_LIBRARIES, PhoneLibrary
from ofa_export.targets.process.child_process import ChildProcess, last_lines, memory_file
from ofa_export.targets.process.measuring_runner import MeasuringRunner

TIME_LIMIT_SECONDS = 60.0
"""For one answer: a graph of a bundle takes milliseconds, loading one and starting Java a second."""

OPTIONS = (
    # It lives for seconds: what starts soonest.
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    # A crash leaves its report in the log, and no file.
    "-XX:+ErrorFileToStdout",
    "-XX:-CreateCoredumpOnCrash",
    # Relative to the installation, so that no character of its path is taken for a separator.
    "-Djava.library.path=.",
    "-classpath",
    ".:*",
)

FATAL = re.compile(
    r"^#\s+(?P<signal>SIG\w+) .*?^# Problematic frame:\n#\s+(?:C\s+)?(?P<frame>.*?)$", re.DOTALL | re.MULTILINE
)
"""Pattern of Java's report on a crash of native code."""

IDLE_TALK = ("#", "INFO:", "VERBOSE:")
"""First words of lines that say nothing about an end."""


class AndroidTarget:
    """LiteRT and ExecuTorch built for Android on x86-64.

    Args:
        time_limit_s: seconds for loading a file, and for running a graph.
    """

    name = "android"

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_SECONDS) -> None:
        self._time_limit_s = time_limit_s

    def load(self, converter: Converter, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file in a new process; see `Target.load`."""
        library = phone_library(converter)
        folder = installation(library, default_cache_root())
        with memory_file(graphs) as descriptor:
            child = ChildProcess(
                ["java", *OPTIONS, library.program, f"/proc/self/fd/{descriptor}"],
                folder=folder,
                environment=os.environ | {"LD_LIBRARY_PATH": ".", "LD_PRELOAD": f"./{SHIM}"},
                runtime=library.title,
                time_limit_s=self._time_limit_s,
                last_words=crash_or_last_lines,
                pass_fds=[descriptor],
            )
        return MeasuringRunner(child, contract, entry=converter.entry_name, file_bytes=len(graphs))

    def activations(self, converter: Converter) -> ActivationRounding:
        """As the phone's library does."""
        return phone_library(converter).activations

    def versions(self, converter: Converter) -> dict[str, str]:
        """Return versions of the packages that hold the phone's library."""
        return {f"{artifact.name} (android)": artifact.version for artifact in phone_library(converter).artifacts}


def phone_library(converter: Converter) -> PhoneLibrary:
    """Return the phone's library for the files of a converter.

    Args:
        converter: what converts them.

    Raises:
        ConfigError: none is known.
    """
    name = runtime_of(converter.name)
    if name not in PHONE_LIBRARIES:
        known = ", ".join(sorted(PHONE_LIBRARIES))
        raise ConfigError(
            f"The target android has no library for {converter.name}, only for {known}: use --target host."
        )
    return PHONE_LIBRARIES[name]


def crash_or_last_lines(log: str) -> str:
    """Return what the log of the process says about its end: signal and place of a crash, else its last lines."""
    crash = FATAL.search(log)
    message = [line for line in log[: crash.start() if crash else None].splitlines() if not line.startswith(IDLE_TALK)]
    place = [f"{crash['signal']} in {crash['frame']}"] if crash else []
    return "\n".join([*place, last_lines("\n".join(message))])
