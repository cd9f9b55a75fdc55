from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from ofa_export.errors import MissingToolError
from ofa_export.support.extras import CHECKPOINT, extra_packages, require

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
Without = Callable[..., None]


def written(extra: str) -> set[str]:
    """Names of an extra's packages in pyproject.toml, those of the extras that it names included."""
    names = set()
    for requirement in tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"][extra]:
        name = re.split(r"[<>=\[]", requirement)[0]
        inner = re.search(r"\[(.*)\]", requirement)
        names |= {name} if inner is None else set().union(*map(written, inner[1].split(",")))
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


@pytest.mark.parametrize("extra", ["litert", "executorch", "train", "report", "onnx2tf", "fleet", "all"])
def test_the_packages_of_an_extra_are_those_of_pyproject(extra: str) -> None:
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in extra_packages(extra)} == written(extra)


def test_all_is_every_extra_that_a_user_may_want() -> None:
    extras = set(tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]) - {"dev", "docs", "all"}
    assert written("all") == set().union(*map(written, extras))


@pytest.mark.parametrize("extra", ["litert", "executorch", "train"])
def test_whoever_can_train_or_convert_can_open_a_checkpoint(extra: str) -> None:
    assert set(CHECKPOINT) <= set(extra_packages(extra))


def test_what_is_installed_is_not_refused() -> None:
    require("litert", "executorch", "onnx2tf", "train", "report", "fleet", by="The command plan")
    require("of-another-distribution", by="The command plan")


def test_one_sentence_names_what_is_missing_and_one_command_that_brings_it(without: Without) -> None:
    without("litert-torch", "torchao", "ray")
    with pytest.raises(MissingToolError) as refused:
        require("litert", "executorch", "train", by="The command bundle")
    assert str(refused.value) == (
        "The command bundle cannot run without litert-torch and torchao, which are not installed. "
        'Run: pip install "ofa-export[litert,executorch]"'
    )
    with pytest.raises(MissingToolError, match=r'without ray, which is not installed. Run: pip install "ofa-export\['):
        require("fleet", by="The command fleet")


def test_what_is_not_needed_may_be_missing(without: Without) -> None:
    without("scikit-learn")
    require("train", by="The command session", only=CHECKPOINT)
    with pytest.raises(MissingToolError, match="scikit-learn"):
        require("train", by="The command train")


def test_what_writes_html_is_imported_before_the_work_and_not_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "squarify", None)
    require("train", by="The command evaluate")
    with pytest.raises(MissingToolError, match=r"evaluate cannot write HTML: squarify .*ofa-export\[report\]"):
        require("train", "report", by="The command evaluate")
