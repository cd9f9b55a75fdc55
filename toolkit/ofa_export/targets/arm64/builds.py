"""The host runtimes' builds for arm64 Linux, and what each needs to run on this computer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
QEMU = "qemu-aarch64-static"
TOOLS = (QEMU, "apt-get", "dpkg")
BINUTILS = tuple(f"aarch64-linux-gnu-{name}" for name in ("as", "ld", "nm", "readelf"))


@dataclass(frozen=True, kw_only=True)
class Build:
    """One runtime's build.

    Args:
        runtime: its name in a bundle.
        title: its name for a person.
        distribution: the wheel whose version is its version.
        tools: programs that make its folder, of `system_tools.PACKAGES`.
        stands_in: whether its wheels are linked to libraries that do not come with them.
    """

    runtime: str
    title: str
    distribution: str
    tools: tuple[str, ...] = TOOLS
    stands_in: bool = False

    @property
    def requirements(self) -> Path:
        """Its wheels, with versions and digests, as pip reads them."""
        return SOURCES / f"{self.runtime}_wheels.txt"

    @property
    def server(self) -> str:
        """The module, a file beside this one, that runs graphs with it."""
        return f"{self.runtime}_server"

    @property
    def versions(self) -> dict[str, str]:
        """Versions of its wheels, by distribution name."""
        text = self.requirements.read_text(encoding="utf-8")
        return dict(re.findall(r"^(\S+)==(\S+)", text, flags=re.MULTILINE))


LITERT = Build(runtime="litert", title="LiteRT", distribution="ai-edge-litert")

EXECUTORCH = Build(
    runtime="executorch",
    title="ExecuTorch",
    distribution="executorch",
    tools=(*TOOLS, *BINUTILS),
    # Its Python extension is linked to PyTorch, whose wheel is linked to CUDA's libraries.
    stands_in=True,
)

BUILDS = {build.runtime: build for build in (LITERT, EXECUTORCH)}
"""By the runtime's name in a bundle."""
