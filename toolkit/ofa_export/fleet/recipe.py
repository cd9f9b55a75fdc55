"""Recipe of a fleet: the bundles that there shall be."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ofa_export.errors import ConfigError
from ofa_export.planning.budget import parse_budget


class FleetRecipe(BaseModel):
    """Groups x budgets x runtimes of one checkpoint.

    Args:
        description: for people.
        budgets: sizes such as "4MB"; one bundle each.
        groups: a user group counted from 0, or "all".
        runtime: a runtime's name, or "both".
        converter: in place of its runtime's first one.
        bundle: a bundle recipe's name or file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    budgets: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    groups: str = "all"
    runtime: str = "both"
    converter: str | None = None
    bundle: str = "int8"

    @field_validator("budgets", mode="before")
    @classmethod
    def _are_sizes(cls, budgets: object) -> object:
        if not isinstance(budgets, list | tuple):
            raise ValueError("must be a list of sizes such as [1MB, 4MB]")
        try:
            # Plain numbers are bytes in YAML too.
            return tuple(text for budget in budgets if parse_budget(text := str(budget)))
        except ConfigError as error:
            raise ValueError(str(error)) from error
