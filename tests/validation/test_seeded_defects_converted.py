"""Defects of converted files are found on the real runtimes, and real files of other networks pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from file_defects import FILE_DEFECTS, Constants, FileDefect
from found import assert_found

from ofa_export.converters.registry import get_converter

pytestmark = pytest.mark.integration

CASES = [(converter, defect) for defect in FILE_DEFECTS for converter in defect.converters]


@pytest.mark.parametrize(("converter", "defect"), CASES, ids=[f"{name}-{each.name}" for name, each in CASES])
def test_a_broken_file_is_found(workshop: Any, converter: str, defect: FileDefect) -> None:
    sound = workshop.complete(converter=converter, precision=defect.precision)
    file = Constants(
        content=bytearray(sound.graphs), model=workshop.checkpoint.model, rules=get_converter(converter).rules
    )
    defect.change(file)
    assert_found(workshop.report(replace(sound, graphs=bytes(file.content))), defect)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
def test_real_files_of_other_networks_pass(workshop_of: Callable[..., Any], seed: int) -> None:
    workshop = workshop_of(seed=seed)
    assert workshop.failed(workshop.report(workshop.complete(converter="litert"))) == set()
