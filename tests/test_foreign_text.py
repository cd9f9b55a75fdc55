from __future__ import annotations

import pytest
from hostile import ENDLESS, HOSTILE, NAME, assert_harmless
from hypothesis import given
from hypothesis import strategies as st

from ofa_export.foreign_text import MAX_SHOWN, markdown, markdown_lines, shown

ANY = st.text(st.one_of(st.characters(), st.sampled_from("\u200d\u200c\u0301\u202e\n\ud800👩क")), max_size=60)


@pytest.mark.parametrize("text", [HOSTILE, NAME, ENDLESS, "\x1b" * 5000, "e" + "\u0301" * 5000])
def test_no_text_can_do_anything(text: str) -> None:
    assert_harmless(shown(text), longest=MAX_SHOWN)
    assert "\n" not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "WHITE HANGING HEART T-LIGHT HOLDER",
        r"C:\temp [red] 100 % of $x$",
        "Käse, Šport, Đà Nẵng, 商品名、テスト",
        "e\u0301a\u0323\u0302",
        "عربي مع می\u200cخواهم",
        "שָׁלוֹם",
        "क्\u200dष",
        "👩\u200d👩\u200d👧 🏳️\u200d🌈 👍🏽",
    ],
)
def test_titles_of_every_script_stay_as_they_are(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\rc\nd\u00a0e\u3000f", r"a\tb\rc d e f"),
        ("\x7f\x85\x9b", r"\x7f\x85\x9b"),
        ("\u202etxt\u2069", r"\u202etxt\u2069"),
        ("م\u200d\u3164ی a\u200d", "م\\u200d\\u3164ی a\\u200d"),
        ("PA\u200dSS PA\u200bSS \u200d", r"PA\u200dSS PA\u200bSS \u200d"),
        ("x\u2028y\udcffz\U000e0041", r"x\u2028y\udcffz\U000e0041"),
        ("a\u0301\u0301\u0301\u0301\u0301", "a\u0301\u0301\u0301\u0301\\u0301"),
        ("\u3164\u2800", r"\u3164\u2800"),
    ],
)
def test_what_nobody_sees_is_written_out(text: str, seen: str) -> None:
    assert shown(text) == seen


def test_the_ends_of_a_long_text_are_kept_and_its_length_is_said() -> None:
    text = shown(f"The name '{'x' * 10_000_000}' is too long. Choose a shorter one.")
    assert text.startswith("The name 'xxx")
    assert " … [cut: 10,000,046 characters] … xxx" in text
    assert text.endswith("is too long. Choose a shorter one.")
    assert len(text) == MAX_SHOWN
    assert len(shown("x" * 99, at_most=80)) == 80


@given(ANY, st.integers(60, 200))
def test_shown_twice_is_shown_once(text: str, at_most: int) -> None:
    once = shown(text, at_most=at_most)
    assert shown(once, at_most=at_most) == once
    assert len(once) <= at_most
    assert_harmless(once.replace("\u3164", ""))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<b>&amp;", r"\<b\>\&amp;"),
        ("[a](http://b) ![p](q)", r"\[a\](http://b) !\[p\](q)"),
        ("`c` | *d*", r"\`c\` \| \*d\*"),
        (" # Quality", r"\# Quality"),
        ("1. x", r"1\. x"),
        ("- x", r"\- x"),
        ("CC-BY-4.0, see https://x.org/a_b", "CC-BY-4.0, see https://x.org/a_b"),
        ("a\n# b", "a # b"),
    ],
)
def test_a_line_of_markdown_stays_plain_text(text: str, seen: str) -> None:
    assert markdown(text) == seen


def test_a_document_in_markdown_keeps_its_shape_and_loses_links_and_html() -> None:
    text = "# Data\n\n- `x`, see https://x.org\n[a](http://b) [c][d]\n[d]: http://e\n<img src=x>\n\x1b[2J"
    assert markdown_lines(text).split("\n") == [
        "# Data",
        "",
        "- `x`, see https://x.org",
        r"[a\](http://b) [c\][d]",
        r"[d\]: http://e",
        r"\<img src=x>",
        r"\x1b[2J",
    ]
