from __future__ import annotations

import re
import subprocess
import sys
import warnings
from html import unescape
from typing import TYPE_CHECKING

import pytest

from ofa_export.errors import MissingToolError
from ofa_export.reporting.figures import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def line(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], gid="line")
    axes.set(xlabel="bytes", ylabel="NDCG@10")


def test_the_picture_has_its_size_what_it_shows_in_words_and_the_ink_of_the_page() -> None:
    picture = draw(line, label="a line", width=340, height=250)
    head = picture[: picture.index(">")]
    assert 'aria-label="a line"' in head and 'viewBox="0 0 340 250"' in head
    assert ">bytes</text>" in picture and ">NDCG@10</text>" in picture
    assert 'fill="currentColor"' in head and "stroke: currentColor" in picture and "#000000" not in picture


def test_the_same_plot_is_the_same_text_in_every_process() -> None:
    code = (
        "from ofa_export.reporting.figures import draw\n"
        "print(draw(lambda axes: axes.plot([0, 1], 'o-') and None, label='x', width=300, height=200))"
    )
    drawn = {subprocess.check_output([sys.executable, "-c", code], text=True) for _ in range(2)}
    assert len(drawn) == 1
    assert "dc:date" not in drawn.pop()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("$\\frac{", "$\\frac{"),
        ('a & b "c"', 'a & b "c"'),
        ("茶", "茶"),
        ("\u202ex\x1b[2J", r"\u202ex\x1b[2J"),
    ],
)
def test_any_text_is_shown_as_it_is_but_for_what_nobody_sees(text: str, seen: str) -> None:
    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], gid="line")
        axes.text(0, 0, text)
        axes.set_yticks([0, 1], [text, "other"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = draw(paint, label=text, width=340, height=250, tooltips={"line": text})
    assert "<script" not in picture
    words = [unescape(found) for found in re.findall(r"<text[^>]*>([^<]*)</text>", picture)]
    assert words.count(seen) == 2
    assert unescape(re.findall(r"<title>(.*?)</title>", picture)[0]) == seen
    assert unescape(re.findall(r'aria-label="(.*?)"', picture)[0]) == seen


def test_plots_of_the_application_around_are_left_as_they_are() -> None:
    import matplotlib

    # Looking at the backend is what chooses one.
    names = set(matplotlib.rcParams) - {"backend"}
    before = {name: matplotlib.rcParams[name] for name in names}
    draw(line, label="a line", width=340, height=250)
    assert {name: matplotlib.rcParams[name] for name in names} == before


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingToolError, match=r'pip install "ofa-export\[report\]"'):
        draw(line, label="a line", width=340, height=250)


def test_importing_the_plots_does_not_import_matplotlib() -> None:
    code = (
        "import sys, ofa_export.evaluation.plots, ofa_export.reporting.byte_map, ofa_export.validation.reports.plots\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
