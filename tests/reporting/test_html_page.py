from __future__ import annotations

import re
from pathlib import Path

import pytest
from hostile import ENDLESS, HOSTILE, NAME, assert_harmless, tags

import ofa_export
from ofa_export.reporting.html_page import LONGEST, render_page

TEMPLATES = sorted(Path(ofa_export.__file__).parent.rglob("*.html.j2"))
SHOWN = """{% macro name(x) %}<b title="{{ x }}">{{ x }}</b>{% endmacro %}<p>{{ text }} {{ name(text) }}
{{ "%s" | format(text) }} {{ [text, text] | join(", ") }}
{% for key, value in pairs.items() %}<i>{{ key }}{{ value }}</i>{% endfor %}</p>"""


@pytest.mark.parametrize("text", [HOSTILE, NAME, ENDLESS], ids=["hostile", "name", "endless"])
def test_whatever_a_template_shows_can_do_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "page.html.j2").write_text(SHOWN)
    page = render_page(tmp_path / "page.html.j2", text=text, pairs={text: text})
    assert_harmless(page)
    assert tags(page) == {"p", "b", "i"}
    assert len(page) < 10 * LONGEST


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(path.parents[2]).as_posix())
def test_only_pictures_and_line_feeds_of_our_own_are_taken_for_html(template: Path) -> None:
    taken = re.findall(r"\{\{ *([^}|]+?) *\|[^}]*safe", template.read_text())
    drawn = {"map", "section.scatter", "section.quality", "section.layers", "section.times"}
    drawn |= {"section.maps[0]", "section.maps[1]", "ranking_plot", "segments_plot", "bytes_plot", "orders_plot"}
    assert set(taken) <= drawn | {r'"\n"'}
    assert "autoescape" not in template.read_text()
