"""Extras of this distribution: what `pip install "ofa-export[NAME]"` brings, and a refusal where it is missing."""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterator, Sequence
from importlib import metadata

from ofa_export.errors import MissingToolError

DISTRIBUTION = "ofa-export"

REPORT = "report"
"""The extra of everything that writes HTML."""

REPORT_MODULES = ("jinja2", "matplotlib", "squarify")
"""What writing HTML imports in the end, when the work is done; all three are quick to import."""

CHECKPOINT = ("torch", "polars", "jaxtyping")
"""Packages that opening a checkpoint needs, which several extras bring."""


def require(*extras: str, by: str, only: Collection[str] | None = None) -> None:
    """Refuse to start without the packages of some extras; only those of `report` are imported to find out.

    Args:
        extras: names under `optional-dependencies` of pyproject.toml.
        by: what needs them, as the sentence begins, for example "The command plan".
        only: the distributions of the extras that are needed; None for all of them.

    Raises:
        MissingToolError: some are not installed; the sentence names them and the one command that installs them.
    """
    needed = {extra: [name for name in extra_packages(extra) if only is None or name in only] for extra in extras}
    missing = {extra: [name for name in names if not _installed(name)] for extra, names in needed.items()}
    names = list(dict.fromkeys(name for each in missing.values() for name in each))
    if names:
        wanted = ",".join(extra for extra, lacking in missing.items() if lacking)
        raise MissingToolError(
            f"{by} cannot run without {_listed(names)}, which {'is' if len(names) == 1 else 'are'} not installed. "
            f'Run: pip install "{DISTRIBUTION}[{wanted}]"'
        )
    if REPORT in extras:
        _import_report_modules(by)


def _import_report_modules(by: str) -> None:
    """Import what a page is written with: a broken installation must not cost the results of half an hour."""
    for name in REPORT_MODULES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingToolError(
                f"{by} cannot write HTML: {name} cannot be imported ({error}). "
                f'Run: pip install --force-reinstall "{DISTRIBUTION}[{REPORT}]"'
            ) from error


def extra_packages(extra: str) -> tuple[str, ...]:
    """List the distributions of an extra, as the metadata of this distribution name them.

    Args:
        extra: its name; one that does not exist has none, and so has every extra of a source tree that was never
            installed.
    """
    return tuple(dict.fromkeys(_packages(extra)))


def _packages(extra: str) -> Iterator[str]:
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for line in lines:
        requirement, _, marker = line.partition(";")
        # Without `packaging`, which is no dependency of ours: the markers of extras are all of this form.
        if not re.search(rf"""extra\s*==\s*["']{re.escape(extra)}["']""", marker):
            continue
        found = re.match(r"\s*([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", requirement)
        if found is None:
            continue
        if found[1].lower() != DISTRIBUTION:
            yield found[1]
        for other in (found[2] or "").split(",") if found[1].lower() == DISTRIBUTION else ():
            yield from _packages(other.strip())


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
