"""Recipes by name or path: YAML that is checked against a data class, with every mistake reported at once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.support.input import read_regular
from ofa_export.support.plain_values import TextError, read_yaml
from ofa_export.support.resources import shipped

Kind = Literal["train", "bundle", "tolerance", "fleet"]
MAX_BYTES = 2**20
"""Of a recipe; the longest that is shipped has six thousand."""

RENAMED = {"backend": "runtime", "faint_snr_db": "small_inputs_snr_db"}
"""Fields of recipes that had another name before 1.0, for the error message only."""

RecipeT = TypeVar("RecipeT", bound=BaseModel)


def recipe_names(kind: Kind) -> tuple[str, ...]:
    """Return names of the shipped recipes of a kind, sorted."""
    return tuple(sorted(path.stem for path in shipped("export_recipes", kind).glob("*.yaml")))


def load_recipe(kind: Kind, name_or_path: str, recipe_class: type[RecipeT]) -> RecipeT:
    """Read a recipe.

    Args:
        kind: which folder of export_recipes a name is looked up in.
        name_or_path: a shipped recipe's name, or a path that ends in .yaml.
        recipe_class: the data class of this kind.

    Returns:
        The checked recipe.

    Raises:
        UnknownNameError: no shipped recipe has this name.
        ConfigError: the file cannot be read (see `read_yaml`), or has fields that are unknown, missing or wrong.
    """
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"}:
        path = shipped("export_recipes", kind, f"{name_or_path}.yaml")
        if name_or_path not in recipe_names(kind):
            raise UnknownNameError(f"{kind} recipe", name_or_path, recipe_names(kind))
    try:
        content = read_yaml(read_regular(path, most=MAX_BYTES))
    except OSError as error:
        raise ConfigError(f"Recipe '{path}' cannot be read: {error.strerror}.") from error
    except TextError as error:
        raise ConfigError(f"Recipe '{path}' cannot be read: {error}.") from error
    try:
        return recipe_class.model_validate(content)
    except ValidationError as error:
        lines = [f"{_place(item['loc'])}: {_problem(item)}" for item in error.errors()]
        count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
        raise ConfigError(f"Recipe '{path}' has {count}:", *lines) from error


def _problem(item: ErrorDetails) -> str:
    name = str(item["loc"][-1]) if item["loc"] else ""
    renamed = item["type"] == "extra_forbidden" and name in RENAMED
    return f"is called {RENAMED[name]} now" if renamed else item["msg"]


def _place(loc: tuple[int | str, ...]) -> str:
    """Tell where a mistake is, in the names of the file; `fixed` only tells a value from `auto`."""
    return ".".join(str(part) for part in loc if part != "fixed") or "recipe"
