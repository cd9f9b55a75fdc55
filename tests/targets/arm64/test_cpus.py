"""Mistakes here do not fail: they compute something else, or die of an instruction that is not there."""

from __future__ import annotations

import re

import pytest

from ofa_export.targets.arm64.cpus import CPUS, Cpu


@pytest.mark.parametrize(
    ("cpu", "present", "absent"),
    [
        (CPUS[0], {"asimd"}, {"asimddp", "i8mm", "sve"}),
        (CPUS[1], {"asimd", "asimddp"}, {"i8mm", "sve"}),
        (CPUS[2], {"asimd", "asimddp", "i8mm"}, {"sve", "sme"}),
    ],
    ids=lambda value: value.name if isinstance(value, Cpu) else "",
)
def test_each_processor_adds_one_kind_of_instructions(cpu: Cpu, present: set[str], absent: set[str]) -> None:
    (line,) = re.findall(r"^Features\t: (.*)$", cpu.cpuinfo, re.MULTILINE)
    assert present <= set(line.split())
    assert not absent & set(line.split())


def test_what_libraries_are_told_is_what_qemu_emulates() -> None:
    parts = {"cortex-a53": "0xd03", "cortex-a76": "0xd0b", "max,sve=off,sme=off": "0xd40"}
    assert {cpu.model: re.findall(r"CPU part\t: (\S+)", cpu.cpuinfo)[0] for cpu in CPUS} == parts


def test_sme_is_never_on() -> None:
    # qemu 7.2 computes int8 wrongly with it.
    assert all("sme=off" in cpu.model for cpu in CPUS if cpu.model.startswith("max"))
