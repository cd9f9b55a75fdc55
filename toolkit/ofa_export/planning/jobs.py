"""The bundles that one command asks for: backends x groups of a checkpoint, checked before any work starts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ofa_export.backends.converters import runtime_names
from ofa_export.backends.protocol import Backend
from ofa_export.backends.registry import backend_names, get_backend
from ofa_export.content_cache import ContentCache
from ofa_export.errors import CheckpointError, ConfigError, UnknownNameError
from ofa_export.planning.budget import parse_budget
from ofa_export.planning.master_cache import load_master
from ofa_export.planning.plan import Plan, make_plan
from ofa_export.planning.recipe import BundleRecipe
from ofa_export.recipes import load_recipe


@dataclass(frozen=True, kw_only=True)
class Job:
    """One bundle to be made.

    Args:
        checkpoint: folder.
        backend: the runtime.
        group: user group.
        recipe: how the checkpoint becomes a bundle.
        budget: bytes of the file.
        budget_text: the budget as it was written, for the file's name.
    """

    checkpoint: Path
    backend: Backend
    group: int
    recipe: BundleRecipe
    budget: int
    budget_text: str

    def plan(self) -> Plan:
        """Convert what is not cached, and spend the budget; see `load_master` and `make_plan`."""
        master = load_master(
            self.checkpoint, backend=self.backend, group=self.group, recipe=self.recipe, store=ContentCache()
        )
        return make_plan(master, recipe=self.recipe, budget=self.budget)

    @property
    def file_name(self) -> str:
        """Name of the bundle when the user gives none."""
        group = f"-g{self.group}" if self.group else ""
        return f"{self.checkpoint.resolve().name}-{self.budget_text}-{self.backend.name}{group}.ofab"


def make_jobs(checkpoint: Path, *, budget: str, backend: str, group: str, recipe: str) -> tuple[Job, ...]:
    """Resolve what the user wrote.

    Args:
        checkpoint: folder.
        budget: such as "4MB".
        backend: a backend's name, or "both" for one of each installed runtime.
        group: a user group counted from 0, or "all".
        recipe: a shipped bundle recipe's name, or a YAML file.

    Returns:
        The jobs, backends first.

    Raises:
        ConfigError: any of them is wrong.
    """
    size = parse_budget(budget)
    if backend not in {"both", *backend_names()}:
        raise UnknownNameError("backend", backend, {"both", *backend_names()})
    backends = [get_backend(name) for name in (runtime_names() if backend == "both" else (backend,))]
    resolved = load_recipe("bundle", recipe, BundleRecipe)
    groups = range(_user_groups(checkpoint)) if group == "all" else [_group(group)]
    return tuple(
        Job(
            checkpoint=checkpoint,
            backend=chosen,
            group=number,
            recipe=resolved,
            budget=size,
            budget_text=budget,
        )
        for chosen in backends
        for number in groups
    )


def _group(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"The group '{text}' is neither all nor a number from 0.")
    return int(text)


def _user_groups(checkpoint: Path) -> int:
    try:
        return int(json.loads((checkpoint / "config.json").read_bytes())["model"]["user_groups"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"'{checkpoint}' has no config.json that names its user groups. Give the folder of a checkpoint."
        ) from error
