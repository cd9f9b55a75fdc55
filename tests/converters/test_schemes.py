from __future__ import annotations

import pytest

from ofa_export.converters.registry import get_converter
from ofa_export.converters.schemes import check_schemes, minimum_runtime
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.precision import FP32, INT4, INT8, Precision

MIXED = Precision(default="int8", layers=(("adapt", "int4"),))


class Growing:
    """A runtime that learnt int8 and then int4; versions are numbers, not texts."""

    name = "growing"
    schemes = {"fp32": "2.0", "int8": "2.9", "int4": "2.16.1"}  # noqa: RUF012


def test_a_phone_needs_the_newest_of_the_versions_that_the_schemes_need() -> None:
    assert minimum_runtime(Growing(), FP32) == "2.0"
    assert minimum_runtime(Growing(), INT8) == "2.9"
    assert minimum_runtime(Growing(), MIXED) == "2.16.1"


def test_a_scheme_that_the_converter_does_not_have_is_refused() -> None:
    growing = Growing()
    growing.schemes = {"fp32": "2.0", "int8": "2.9"}
    with pytest.raises(UnknownNameError, match=r"precision of converter growing 'int4'.*Valid: fp32, int8"):
        check_schemes(growing, MIXED)


@pytest.mark.parametrize(("name", "version"), [("litert", "2.16.1"), ("executorch", "1.0")])
def test_bundles_so_far_keep_their_minimum_version_and_int4_needs_no_newer_one(name: str, version: str) -> None:
    assert {minimum_runtime(get_converter(name), precision) for precision in (FP32, INT8, INT4)} == {version}


@pytest.mark.integration
@pytest.mark.parametrize("name", ["litert", "executorch"])
def test_a_layer_that_no_graph_has_is_refused_before_anything_is_converted(name: str, graphs) -> None:
    precision = Precision(default="int8", layers=(("adapt.maper", "int4"),))
    with pytest.raises(ConfigError, match=r"Did you mean 'adapt\.mapper'"):
        get_converter(name).convert(graphs, precision=precision)
