"""A report with hostile text wherever it holds text, in everything that shows it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from xml.etree import ElementTree

import pytest
from hostile import FAKE, HOSTILE, assert_harmless, tags, with_hostile_texts
from rich.console import Console

from ofa_export.ranking.metrics import Interval
from ofa_export.validation.layers.attribution import Attribution, LayerGain, Loss
from ofa_export.validation.reports.html import validation_html
from ofa_export.validation.reports.json import reports_to_json
from ofa_export.validation.reports.junit import reports_to_junit
from ofa_export.validation.reports.report import Report
from ofa_export.validation.reports.terminal import print_report

COST = Interval(mean=0.01, half_width=0.001, users=9)
ATTRIBUTION = Attribution(
    trained_ndcg_at_10=0.2,
    losses=(Loss(step="cut", ndcg_at_10=0.1, cost=COST),),
    gains=(LayerGain(layer="adapt.x", layers=1, scheme="int8", ndcg_at_10=0.1, gain=COST, extra_bytes=9),),
    verdict="Nothing is lost.",
    recipe=None,
)


@pytest.fixture
def whole(full: Report, bad: Report) -> Report:
    return replace(full, findings=bad.findings, attribution=ATTRIBUTION)


@pytest.fixture
def hostile(whole: Report) -> Report:
    made = replace(with_hostile_texts(whole), latency=whole.latency)
    assert made.bundle == made.subject.group == made.layers[0].layer == made.parts[0].inside[0].name == HOSTILE
    return made


@pytest.mark.parametrize("width", [40, 100, 300])
def test_the_terminal(hostile: Report, width: int) -> None:
    stream = StringIO()
    print_report(hostile, Console(file=stream, width=width, markup=False, emoji=False))
    assert_harmless(stream.getvalue())
    assert "[red]x[/red]" in stream.getvalue().replace("\n", "").replace("  ", "")


def test_a_name_cannot_be_long_enough_to_start_a_line(good: Report) -> None:
    for width in range(40, 120):
        stream = StringIO()
        print_report(replace(good, bundle=f"{'a ' * 60}{FAKE}"), Console(file=stream, width=width))
        assert_harmless(stream.getvalue())


def test_a_terminal_with_colours(hostile: Report) -> None:
    stream = StringIO()
    print_report(hostile, Console(file=stream, width=100, force_terminal=True, markup=False, emoji=False))
    written = stream.getvalue()
    assert "\x1b[1m" in written
    for attack in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\u200b", "\x85"):
        assert attack not in written


def test_json(hostile: Report) -> None:
    text = reports_to_json([hostile], code=4)
    assert text.isascii()
    assert_harmless(text)


def test_junit(hostile: Report, whole: Report) -> None:
    text = reports_to_junit([hostile]).decode()
    assert_harmless(text)
    elements = [element.tag for element in ElementTree.fromstring(text).iter()]
    assert elements == [element.tag for element in ElementTree.fromstring(reports_to_junit([whole])).iter()]
    assert "[red]x[/red]" in text


def test_the_page(hostile: Report, whole: Report) -> None:
    page = validation_html([hostile])
    assert_harmless(page, longest=600_000)
    assert tags(page) == tags(validation_html([whole]))
    assert r"\x1b[2J" in page
