from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import ENDLESS, HOSTILE, NAME, assert_harmless
from hypothesis import given
from hypothesis import strategies as st

from ofa_export import errors
from ofa_export.errors import BudgetError, BundleError, LoweringError, OfaExportError, RejectionCode, UnknownNameError
from ofa_export.foreign_text import shown

LINE = re.compile(r"^ +(?P<indent>[│├└─ ]*)(?P<name>\w+) +(?P<code>\d)  (?P<reason>.+)$", re.M)

ROOT = Path(__file__).parents[1]
CODE = re.compile(r"`(\w+)`")
ENUM_ENTRY = re.compile(r"(\w+)\(\"(\w+)\"\),")


def tree(root: type[OfaExportError], depth: int = 0) -> Iterator[tuple[int, str, int]]:
    """Every error class with its depth and exit code."""
    yield depth, root.__name__, root.exit_code
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child, depth + 1)


def test_the_docstring_draws_the_tree_of_classes_with_their_exit_codes() -> None:
    drawn = [
        (len(line["indent"]) // 4, line["name"], int(line["code"])) for line in LINE.finditer(errors.__doc__ or "")
    ]
    assert sorted(drawn) == sorted(tree(OfaExportError))
    assert len(drawn) == len({name for _, name, _ in drawn})


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("OfaExportError", 1),
        ("LoweringError", 1),
        ("ConfigError", 2),
        ("UnknownNameError", 2),
        ("InteractionsError", 2),
        ("HistoryError", 2),
        ("OutputError", 2),
        ("StoreError", 2),
        ("WorkerError", 2),
        ("AppBuildError", 2),
        ("BudgetError", 3),
        ("LimitsError", 3),
        ("NumericsError", 4),
        ("RuntimeFailedError", 4),
        ("CheckpointError", 5),
        ("BundleError", 5),
        ("DeltaError", 5),
        ("SessionPackError", 5),
        ("FleetError", 5),
        ("RefusedBundlesError", 3),
        ("MissingToolError", 6),
    ],
)
def test_exit_codes_are_those_of_the_documentation(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code


def test_the_nearest_name_is_suggested_and_all_are_listed() -> None:
    error = UnknownNameError("converter", "litrt", ["litert", "executorch"])
    assert str(error) == "There is no converter 'litrt'. Did you mean 'litert'? Valid: executorch, litert."


def test_nothing_is_suggested_for_a_name_like_no_other() -> None:
    assert str(UnknownNameError("recipe", "zzz", ["int8"])) == "There is no recipe 'zzz'. Valid: int8."


@given(st.text(max_size=20), st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=5))
def test_a_suggestion_is_always_one_of_the_choices(given_name: str, choices: list[str]) -> None:
    error = UnknownNameError("thing", given_name, choices)
    assert error.choices == tuple(sorted(choices))
    head, near, _ = str(error).partition("Did you mean ")
    assert head.startswith(shown(f"There is no thing '{given_name}'."))
    if near:
        assert any(shown(f"'{choice}'?") in str(error) for choice in choices)


def test_a_budget_error_counts_and_numbers_its_ways_out() -> None:
    error = BudgetError(needed=12_345, available=345, ways_out=["Pay more.", "Want less."])
    assert error.shortfall == 12_000
    assert str(error).splitlines() == [
        "The budget cannot be met: needed 12,345 bytes, available 345 bytes, shortfall 12,000 bytes.",
        "  1. Pay more.",
        "  2. Want less.",
    ]


def test_a_bundle_error_names_the_entry() -> None:
    assert (
        str(BundleError("it is empty.", code=RejectionCode.ITEMS_HEADER, entry="items.bin"))
        == "Bundle rejected at items.bin: it is empty."
    )
    assert str(BundleError("it is empty.", code=RejectionCode.EMPTY)) == "Bundle rejected: it is empty."


def test_what_a_refusal_quotes_of_a_hostile_file_can_be_shown() -> None:
    error = BundleError(
        f"the key '\x1b[2J\n{'x' * 5000}' appears twice.", code=RejectionCode.ITEMS_KEYS, entry="\x1b[2J"
    )
    assert str(error).isprintable()
    assert error.entry == r"\x1b[2J"
    assert error.reason.startswith(r"the key '\x1b[2J xxx")
    assert len(error.reason) < 1100


def test_a_lowering_error_names_converter_stage_and_graph() -> None:
    error = LoweringError(converter="litert", stage="export", graph="adapt", detail="no such operator")
    assert str(error) == "litert: export failed for graph adapt: no such operator"
    assert (
        str(LoweringError(converter="litert", stage="export", graph=None, detail="no")) == "litert: export failed: no"
    )


def test_every_code_of_a_refusal_is_on_the_page_of_the_format_and_in_the_app() -> None:
    _, _, page = (ROOT / "docs/bundle-format.md").read_text().partition("## Why a file is refused")
    source = (ROOT / "android_demo/core/src/main/kotlin/ofa/core/RejectionCode.kt").read_text()
    described = {
        code for line in page.splitlines() if line.startswith("| `") for code in CODE.findall(line.split("|")[1])
    }
    in_app = dict(ENUM_ENTRY.findall(source))
    assert all(in_app[each.name] == each for each in RejectionCode if each.name in in_app)
    assert set(RejectionCode) - set(in_app.values()) == {RejectionCode.GRAPHS}
    assert described == set(RejectionCode) | set(in_app.values())


def raised(kind: type[OfaExportError], text: str) -> OfaExportError:
    """An error of a class with the text in each place that takes one, whatever its arguments are called."""
    values: dict[str, object] = {
        "str": text,
        "str | None": text,
        "int": 7,
        "RejectionCode": RejectionCode.DAMAGED,
        "Sequence[str]": [text, text],
        "Iterable[str]": [text, text],
        "Sequence[tuple[str, str, int]]": [(text, text, 3)] * 5,
    }
    positional, named = [], {}
    for parameter in inspect.signature(kind).parameters.values():
        value = values[str(parameter.annotation)]
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional += [text] * 100
        elif parameter.kind is parameter.KEYWORD_ONLY:
            named[parameter.name] = value
        else:
            positional.append(value)
    return kind(*positional, **named)


@pytest.mark.parametrize("text", [HOSTILE, NAME, ENDLESS], ids=["hostile", "name", "endless"])
@pytest.mark.parametrize("kind", [getattr(errors, name) for _, name, _ in tree(OfaExportError)])
def test_whatever_an_error_quotes_it_can_be_shown(kind: type[OfaExportError], text: str) -> None:
    error = raised(kind, text)
    first, *more = str(error).split("\n")
    assert_harmless(str(error))
    assert first and all(line.startswith("  ") for line in more)
    assert len(more) <= errors.MAX_LINES + 1
