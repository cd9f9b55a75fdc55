"""The documentation site needs nobody but the server that it lies on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ofa_export.support.resources import shipped

ROOT = shipped("mkdocs.yml").parent
# What a browser fetches by itself; a link is followed by a person.
FETCHED = re.compile(r"""(?:\bsrc=|<link[^>]*\bhref=|\burl\(|@import )["']?(?:https?:)?//[^"'> )]+""")

pytestmark = pytest.mark.integration


def build(site: Path, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "-d", str(site)],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(folder, ROOT / "mkdocs.yml")
    assert done.returncode == 0, done.stderr
    return folder


def test_a_page_fetches_nothing_from_another_host(site: Path) -> None:
    pages = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    assert len(pages) > 25
    foreign = {found for page in pages for found in FETCHED.findall(page.read_text(encoding="utf-8"))}
    assert not foreign


def test_links_of_the_readme_lead_to_pages_of_the_site(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    for page in ("docs/planning.html", "android_demo/index.html", "CONTRIBUTING.html"):
        assert f'href="{page}"' in start
        assert (site / page).is_file()


def test_the_api_page_shows_the_errors_with_their_docstrings(site: Path) -> None:
    page = (site / "docs" / "api.html").read_text(encoding="utf-8")
    assert 'id="ofa_export.errors.BudgetError"' in page
    assert "bytes of the smallest bundle that works" in page


@pytest.mark.parametrize("link", ["nowhere.md", "planning.md#nothing"])
def test_a_broken_link_stops_the_build(tmp_path: Path, link: str) -> None:
    for name in ("mkdocs.yml", "README.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "docs").mkdir()
    for path in (ROOT / "docs").iterdir():
        if path.suffix in {".md", ".py", ".css"}:
            (tmp_path / "docs" / path.name).write_bytes(path.read_bytes())
    for name in (
        "toolkit",
        "android_demo",
        "artifacts",
        "tests",
        "export_recipes",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ):
        (tmp_path / name).symlink_to(ROOT / name)
    page = tmp_path / "docs" / "planning.md"
    page.write_text(page.read_text(encoding="utf-8") + f"\n[broken]({link})\n", encoding="utf-8")
    done = build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert done.returncode == 1
    assert link in done.stderr


def test_every_file_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {path for path in re.findall(r"`([\w./-]+/[\w./-]*)`", text) if "ROOM" not in path}
    assert len(named) > 30
    package = ROOT / "toolkit" / "ofa_export"
    assert not [
        path for path in named if not any((folder / path).exists() for folder in (ROOT, package, package / "model"))
    ]
