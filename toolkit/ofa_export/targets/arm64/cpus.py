"""The processors that programs are run on: one for each kind of instructions that kernels are chosen by."""

from __future__ import annotations

from dataclasses import dataclass

BASE_FEATURES = "fp asimd aes pmull sha1 sha2 crc32 cpuid"
A76_FEATURES = f"{BASE_FEATURES} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs"


@dataclass(frozen=True, kw_only=True)
class Cpu:
    """A processor, as qemu emulates it and as a library that asks Linux is told.

    Args:
        name: of the newest instructions that its int8 kernels use.
        model: what qemu calls it.
        part: number of its kind among Arm's own, as Linux shows it.
        features: what it can do, as Linux names it.
    """

    name: str
    model: str
    part: str
    features: str

    @property
    def cpuinfo(self) -> str:
        """Text that Linux on it would give as /proc/cpuinfo.

        LiteRT chooses kernels by it, and not only by what the processor says of itself: where the two differ, it
        runs instructions that are not there.
        """
        return (
            "processor\t: 0\n"
            "BogoMIPS\t: 100.00\n"
            f"Features\t: {self.features}\n"
            f"CPU implementer\t: 0x41\n"
            "CPU architecture: 8\n"
            "CPU variant\t: 0x0\n"
            f"CPU part\t: {self.part}\n"
            "CPU revision\t: 0\n\n"
        )


CPUS = (
    Cpu(name="neon", model="cortex-a53", part="0xd03", features=BASE_FEATURES),
    Cpu(name="dotprod", model="cortex-a76", part="0xd0b", features=A76_FEATURES),
    Cpu(
        name="i8mm",
        # Never plain max: with SME, qemu 7.2 computes int8 wrongly.
        model="max,sve=off,sme=off",
        # Of Neoverse V1, which has these instructions: what max says of itself, 0x00 and 0x051, crashes LiteRT.
        part="0xd40",
        features=f"{A76_FEATURES} jscvt fcma dcpodp i8mm bf16",
    ),
)
"""From old to new."""
