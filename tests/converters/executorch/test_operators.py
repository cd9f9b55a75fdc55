from __future__ import annotations

import struct

import pytest

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.executorch.operators import OPERATORS, unloadable
from ofa_export.converters.operators import unloadable_operators
from ofa_export.support.resources import shipped


@pytest.fixture(scope="module")
def graphs() -> bytes:
    with Bundle.open(shipped("artifacts", "golden") / "sample-420KB-executorch.ofab") as bundle:
        return bytes(bundle.graphs)


def text(name: bytes) -> bytes:
    """As a flatbuffer holds it."""
    return struct.pack("<I", len(name)) + name + b"\0"


def test_a_bundle_of_ours_has_operators_that_the_phone_has(graphs: bytes) -> None:
    assert b"aten::native_layer_norm" in graphs and "aten::native_layer_norm" in OPERATORS
    assert unloadable_operators("executorch", graphs) == ()


def test_an_operator_that_only_the_host_has_is_named(graphs: bytes) -> None:
    # The host's ExecuTorch 1.5.1 has it, the library of the demo app does not.
    newer = graphs.replace(text(b"aten::expand_copy"), text(b"aten::cbrt___copy"))
    assert newer != graphs
    (said,) = unloadable(newer)
    assert said == "aten::cbrt___copy (not in ExecuTorch as in react-native-executorch 0.8.5)"


def test_weights_that_look_like_a_name_are_none(graphs: bytes) -> None:
    assert unloadable(graphs + b"\3\1aten::var_mean\0") == ()
    assert unloadable(graphs + text(b"aten::var_mean")) != ()
