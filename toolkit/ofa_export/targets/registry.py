"""The targets, by name; each is imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module

from ofa_export.errors import UnknownNameError
from ofa_export.targets.protocol import Target

TARGETS = {
    "host": "ofa_export.targets.host:HostTarget",
    "android": "ofa_export.targets.android.target:AndroidTarget",
    "arm64-neon": "ofa_export.targets.arm64.target:arm64_neon",
    "arm64-dotprod": "ofa_export.targets.arm64.target:arm64_dotprod",
    "arm64-i8mm": "ofa_export.targets.arm64.target:arm64_i8mm",
}
"""Name -> module and what in it makes one."""

SEVERAL = {"arm64": ("arm64-neon", "arm64-dotprod", "arm64-i8mm")}
"""Names that stand for several targets, which are used one after the other."""


def target_names(name: str) -> tuple[str, ...]:
    """Return the targets that a name stands for.

    Args:
        name: one of `TARGETS` or `SEVERAL`.

    Raises:
        UnknownNameError: there is no such name.
    """
    if name not in {*TARGETS, *SEVERAL}:
        raise UnknownNameError("target", name, [*TARGETS, *SEVERAL])
    return SEVERAL.get(name, (name,))


def get_target(name: str) -> Target:
    """Return the target of a name.

    Args:
        name: one of `TARGETS`.

    Raises:
        UnknownNameError: there is no such target.
    """
    if name not in TARGETS:
        raise UnknownNameError("target", name, TARGETS)
    module, _, maker = TARGETS[name].partition(":")
    target: Target = getattr(import_module(module), maker)()
    return target
