from __future__ import annotations

import pytest

from ofa_export.errors import UnknownNameError
from ofa_export.targets.registry import TARGETS, get_target, target_names


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_of_the_list_can_be_had_and_knows_its_name(name: str) -> None:
    assert get_target(name).name == name


def test_the_nearest_name_is_suggested() -> None:
    for function in (get_target, target_names):
        with pytest.raises(UnknownNameError, match=r"Did you mean 'android'\?"):
            function("androit")


def test_arm64_stands_for_three_processors_and_every_other_name_for_itself() -> None:
    assert target_names("arm64") == ("arm64-neon", "arm64-dotprod", "arm64-i8mm")
    assert all(target_names(name) == (name,) for name in TARGETS)
