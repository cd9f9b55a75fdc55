"""The arm64 Linux builds of the host runtimes, on processors that qemu emulates: the kernels that phones run."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence

from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import runtime_of
from ofa_export.errors import ConfigError
from ofa_export.precision import ActivationRounding
from ofa_export.support.content_cache import default_cache_root
from ofa_export.targets.arm64.builds import BUILDS, QEMU, Build
from ofa_export.targets.arm64.cpus import CPUS, Cpu
from ofa_export.targets.arm64.root_folder import ENVIRONMENT, command, root_folder
from ofa_export.targets.process.child_process import ChildProcess, last_lines, memory_file
from ofa_export.targets.process.child_runner import ChildRunner

TIME_LIMIT_SECONDS = 300.0
"""For one answer: a graph takes milliseconds, starting LiteRT seconds, PyTorch under ExecuTorch half a minute."""

IDLE_TALK = ("INFO:", "WARNING:")
"""First words of lines that say nothing about an end."""


class Arm64Target:
    """A bundle's runtime for arm64 on one processor.

    Args:
        cpu: which.
        time_limit_s: seconds for loading a file, and for running a graph.
    """

    def __init__(self, cpu: Cpu, *, time_limit_s: float = TIME_LIMIT_SECONDS) -> None:
        self._cpu, self._time_limit_s = cpu, time_limit_s

    @property
    def name(self) -> str:
        """Name that a user gives."""
        return f"arm64-{self._cpu.name}"

    def load(self, converter: Converter, graphs: memoryview | bytes, contract: Sequence[GraphSpec]) -> GraphRunner:
        """Load a file in a new process; see `Target.load`."""
        build = _build(converter)
        folder = root_folder(build, default_cache_root())
        with memory_file(graphs) as descriptor:
            child = ChildProcess(
                command(build, folder, self._cpu, f"/proc/self/fd/{descriptor}"),
                folder=folder,
                environment=ENVIRONMENT,
                runtime=f"{build.title} {build.versions[build.distribution]} for arm64 on {self._cpu.model}",
                time_limit_s=self._time_limit_s,
                last_words=what_it_said,
                pass_fds=[descriptor],
            )
        return ChildRunner(child, contract, entry=converter.entry_name)

    def activations(self, converter: Converter) -> ActivationRounding:
        """As on the host: the same release, XNNPACK in both."""
        return "range"

    def versions(self, converter: Converter) -> dict[str, str]:
        """Return versions of the wheels, and of qemu, which has its own bugs."""
        return {
            **{f"{name} (arm64)": found for name, found in _build(converter).versions.items()},
            QEMU: qemu_version(),
        }


def arm64_neon() -> Arm64Target:
    """Return the oldest processors: 8-bit multiplications of NEON."""
    return Arm64Target(CPUS[0])


def arm64_dotprod() -> Arm64Target:
    """Return processors since about 2018: dot products of four 8-bit values (`sdot`)."""
    return Arm64Target(CPUS[1])


def arm64_i8mm() -> Arm64Target:
    """Return processors since about 2021: products of 8-bit matrices (`smmla`)."""
    return Arm64Target(CPUS[2])


def _build(converter: Converter) -> Build:
    runtime = runtime_of(converter.name)
    if runtime not in BUILDS:
        raise ConfigError(
            f"The target arm64 runs files of {' and '.join(BUILDS)}, not those of {converter.name}: "
            "use --target host for them."
        )
    return BUILDS[runtime]


def qemu_version() -> str:
    """Version of qemu on this computer; "not installed" where it has none."""
    if shutil.which(QEMU) is None:
        return "not installed"
    done = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", done.stdout)
    return found[1] if found else "unknown"


def what_it_said(log: str) -> str:
    """Return the last lines of the process's log that say anything about its end."""
    return last_lines("\n".join(line for line in log.splitlines() if not line.startswith(IDLE_TALK)))
