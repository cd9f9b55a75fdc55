from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.precision import INT8, SCHEMES, Precision, check_layers, parse_precision

LAYERS = ("adapt.controller.head_in", "adapt.mapper.generators.0.out", "block_0.block.linears.key.static")

names = st.text("abc_01", min_size=1, max_size=4)
precisions = st.builds(
    lambda default, layers: Precision(default=default, layers=tuple(layers.items())),
    st.sampled_from(SCHEMES),
    st.dictionaries(st.lists(names, min_size=1, max_size=3).map(".".join), st.sampled_from(SCHEMES), max_size=4),
)


def test_the_longest_name_that_fits_a_layer_wins() -> None:
    precision = Precision(
        default="fp32", layers=(("adapt", "int4"), ("adapt.mapper.generators.0", "fp32"), ("adapt.mapper", "int8"))
    )
    assert precision.scheme_of("adapt.controller.head_in") == "int4"
    assert precision.scheme_of("adapt.mapper.query") == "int8"
    assert precision.scheme_of("adapt.mapper.generators.0.out") == "fp32"
    assert precision.scheme_of("block_0.block.linears.key.static") == "fp32"


def test_a_name_is_whole_steps_of_a_path() -> None:
    precision = Precision(default="int8", layers=(("block_1", "int4"), ("adapt.mapper.generators.1", "int4")))
    assert precision.scheme_of("block_10.block.linears.key.static") == "int8"
    assert precision.scheme_of("adapt.mapper.generators.10.out") == "int8"


def test_names_are_the_schemes_finest_first() -> None:
    assert Precision(default="int8").name == "int8"
    assert Precision(default="int4", layers=(("adapt", "fp32"), ("block_0", "int8"))).name == "fp32+int8+int4"


def test_the_order_in_which_layers_are_given_does_not_matter() -> None:
    one = Precision(default="int8", layers=(("block_0", "int4"), ("adapt", "fp32")))
    other = Precision(default="int8", layers=(("adapt", "fp32"), ("block_0", "int4")))
    assert one == other
    assert (one.text, hash(one)) == (other.text, hash(other))


@given(precisions)
def test_text_and_yaml_are_read_back_as_they_were(precision: Precision) -> None:
    assert parse_precision(precision.text) == precision
    assert Precision.model_validate(precision.model_dump(mode="json")) == precision


def test_what_has_no_exceptions_is_a_plain_word_in_yaml() -> None:
    assert INT8.model_dump(mode="json") == "int8"
    assert parse_precision("int8") == Precision.model_validate("int8") == INT8


def test_int4_leaves_what_is_no_layer_at_int8() -> None:
    assert [Precision(default=scheme).base for scheme in SCHEMES] == ["fp32", "int8", "int8"]


@pytest.mark.parametrize("text", ["int2", "", "INT8", "int8,adapt", "int8,adapt=int3", "int8,adapt=int4,adapt=int8"])
def test_what_is_no_precision_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_precision(text)


def test_an_unknown_scheme_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'int4'"):
        parse_precision("int8,adapt=int44")


def test_a_layer_cannot_be_named_twice() -> None:
    with pytest.raises(ValidationError, match="adapt named twice"):
        Precision(default="int8", layers=(("adapt", "int4"), ("adapt", "int8")))


@pytest.mark.parametrize("name", ["adapt", "adapt.mapper", "block_0", LAYERS[0]])
def test_graphs_parts_and_layers_are_names(name: str) -> None:
    check_layers(Precision(default="int8", layers=((name, "int4"),)), LAYERS)


@pytest.mark.parametrize(
    ("name", "near"),
    [("adapt.maper", "adapt.mapper"), ("block_1", "block_0"), (f"{LAYERS[1]}.weight", LAYERS[1]), ("adap", "adapt")],
)
def test_a_name_that_fits_no_layer_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_layers(Precision(default="int8", layers=((name, "int4"),)), LAYERS)
    assert f"'{name}'. Did you mean '{near}'?" in str(caught.value)
    assert "adapt, block_0" in str(caught.value)
