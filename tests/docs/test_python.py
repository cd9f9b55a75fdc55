"""docs/python.md: its code runs from top to bottom and prints what is shown; the README shows a part of it."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from ofa_export.support.resources import shipped

BLOCKS = re.compile(r"^```(python|text)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and content of every block of a page, in order."""
    return BLOCKS.findall(shipped(*page.split("/")).read_text(encoding="utf-8"))


def without_numbers(text: str) -> list[str]:
    """The words of each line: what is measured may differ in the last digit on another processor."""
    return [" ".join(re.sub(r"[0-9][0-9.,]*", "#", line).split()) for line in text.splitlines()]


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_the_code_of_a_page_prints_what_is_shown(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": page}
    printed, ran = "", 0
    for language, content in blocks(page):
        if language == "python":
            with redirect_stdout(io.StringIO()) as out:
                exec(compile(content, page, "exec"), names)
            printed, ran = out.getvalue(), ran + 1
        else:
            assert without_numbers(printed) == without_numbers(content)
    assert ran


def test_every_block_of_the_page_that_prints_is_followed_by_what_it_prints() -> None:
    found = blocks("docs/python.md")
    for (language, content), following in zip(found, [*found[1:], ("", "")], strict=True):
        if language == "python" and "print(" in content:
            assert following[0] == "text"


def test_the_readme_shows_about_eight_lines() -> None:
    (only,) = [content for language, content in blocks("README.md") if language == "python"]
    assert 6 <= len([line for line in only.splitlines() if line]) <= 10
