"""Turns trained recommenders into per-budget device bundles that adapt to their user in one forward pass.

    plan = ofa_export.plan(ofa_export.Checkpoint.sample(), budget=4_000_000)
    bundle = plan.write("sample.ofab")
    print(ofa_export.open_device(bundle).rank(["22423"], k=10).titles)

Every name is imported when it is first used: importing the package loads neither PyTorch nor a runtime.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python can still meet these files on its path
    raise ImportError(
        f"ofa-export needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
        "Make an environment with a newer one: python3.12 -m venv .venv"
    )

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ofa_export import errors
    from ofa_export.api import evaluate, import_checkpoint, plan, train, validate
    from ofa_export.bundle.reader import Bundle
    from ofa_export.device.loop import Device, Ranking
    from ofa_export.evaluation.evaluate import Evaluation
    from ofa_export.model.checkpoint import Checkpoint
    from ofa_export.planning.plan import Plan
    from ofa_export.precision import Precision
    from ofa_export.targets.open_device import open_device
    from ofa_export.validation.reports.report import Report

__version__ = "0.1.0"

__all__ = [
    "Bundle",
    "Checkpoint",
    "Device",
    "Evaluation",
    "Plan",
    "Precision",
    "Ranking",
    "Report",
    "errors",
    "evaluate",
    "import_checkpoint",
    "open_device",
    "plan",
    "train",
    "validate",
]

_HOMES = {
    "Bundle": "bundle.reader",
    "Checkpoint": "model.checkpoint",
    "Device": "device.loop",
    "Evaluation": "evaluation.evaluate",
    "Plan": "planning.plan",
    "Precision": "precision",
    "Ranking": "device.loop",
    "Report": "validation.reports.report",
    "evaluate": "api",
    "import_checkpoint": "api",
    "open_device": "targets.open_device",
    "plan": "api",
    "train": "api",
    "validate": "api",
}
_NEED_TORCH = {"Checkpoint", "Evaluation", "Report"}


def __getattr__(name: str) -> Any:
    """Import a name of the package when it is first used (PEP 562)."""
    if name == "errors":
        return import_module("ofa_export.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _NEED_TORCH:
        from ofa_export.support.extras import CHECKPOINT, require

        require("train", by=f"ofa_export.{name}", only=CHECKPOINT)
    value = getattr(import_module(f"ofa_export.{_HOMES[name]}"), name)
    # Shown, documented and pickled as part of the door, wherever it lives.
    value.__module__ = __name__
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "__version__"])
