from __future__ import annotations

import pytest

from ofa_export.errors import UnknownNameError
from ofa_export.runtimes.registry import RUNTIMES, get_runtime


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_of_the_list_can_be_had_and_knows_its_name(name: str) -> None:
    assert get_runtime(name).name == name


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'android'\?"):
        get_runtime("androit")
