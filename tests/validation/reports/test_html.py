from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from ofa_export.validation.reports.html import validation_html
from ofa_export.validation.reports.report import Report


def test_the_page_stands_alone(full: Report, rejected: Report) -> None:
    page = validation_html([full, rejected])
    assert page.lstrip().startswith("<!doctype html>")
    assert not re.search(r"<(script|link|img|image|iframe)|@import|url\((?!#)|(src|href)=.?https?:", page)


def test_the_verdict_comes_before_everything_else(bad: Report) -> None:
    body = validation_html([bad]).partition("<body>")[2]
    first = re.search(r"<h1>(.*?)</h1>", body)
    assert first is not None and body.strip().startswith("<section")
    assert re.sub("<[^>]+>", "", first[1]) == "FAIL toy.ofab"
    # What failed stands above every picture, the worst first, with its number and its sentence.
    heads = re.findall(r'class="unsettled (\w+)"><strong>([^<]+)</strong> ([^<]+)<p>', body)
    assert [(status, name) for status, name, _ in heads] == [
        ("fail", "finite.adapt.nonfinite_count"),
        ("fail", "quantisation.block_0.hidden.snr_db"),
        ("warn", "gates.undecided_flipped_count"),
    ]
    assert "12.0 dB (≥ 30.0 dB)" in heads[1][2]
    assert body.index("unsettled fail") < body.index("<h3>")


def test_everything_that_was_measured_is_shown(full: Report) -> None:
    text = unescape(validation_html([full]))
    for part in (
        "990,000 bytes of a budget of",
        "40 of 160 tiles",
        "NDCG@10 0.1000 expected",
        "3,100 of 3,145 items in histories",
        "adapt.layer_0",
        "All 20 layers as a table",
        "4 scores of 214 sessions",
        "sessions whose gates differ: 1.",
        "160 tiles, 1,200,000 bytes: 0.2000",
        "unquantised table, 0.2100",
        "Not a phone's: Linux x86_64, target host, 214 sessions",
        "adapt.mapper.generators.0",
        "bit plane 0",
        "2.13.0",
        "ab" * 32,
        "For tests.",
    ):
        assert part in text, part
    for finding in full.findings:
        assert finding.assertion.partition(".")[2] in text


def test_what_was_not_measured_says_how_to_get_it_or_why(good: Report, rejected: Report) -> None:
    text = unescape(validation_html([good]))
    assert "ofa-export validate --layers" in text
    assert "No session ran to its end" in text
    assert "<svg" not in text
    alone = unescape(validation_html([rejected]))
    assert "REJECTED" in alone and "it is empty" in alone
    assert "Error per layer" not in alone


def test_several_bundles_have_an_index_with_links_to_each(full: Report, bad: Report, rejected: Report) -> None:
    page = validation_html([full, bad, rejected])
    heading = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    assert re.sub("<[^>]+>", "", heading[1]) == "3 reports: 1 REJECTED, 1 FAIL, 1 PASS"
    for number in (1, 2, 3):
        assert f'href="#bundle-{number}"' in page and f'<section id="bundle-{number}"' in page
    assert page.index('href="#bundle-3"') < page.index('id="bundle-1"')


def test_names_and_sentences_are_escaped(full: Report) -> None:
    odd = replace(
        full,
        bundle="<script>alert(1)</script>.ofab",
        findings=tuple(replace(finding, sentence="<img src=x>") for finding in full.findings),
    )
    assert not re.search(r"<(script|img)", validation_html([odd, full]))


def test_the_same_reports_give_the_same_page(full: Report) -> None:
    assert validation_html([full]) == validation_html([full])
