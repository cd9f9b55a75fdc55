"""The bundles that go into an APK."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa_export.bundle.reader import Bundle
from ofa_export.errors import ConfigError, UnknownNameError
from ofa_export.targets.android.libraries import PHONE_LIBRARIES

SUFFIX = ".ofab"


@dataclass(frozen=True, kw_only=True)
class AppBundle:
    """A bundle that has been checked.

    Args:
        name: its file's.
        content: all of it.
        runtime: that runs its graphs.
    """

    name: str
    content: memoryview
    runtime: str

    @property
    def entry(self) -> str:
        """Path inside the APK, where the app looks for it."""
        return f"assets/bundles/{self.name}"


def app_bundles(files: Sequence[tuple[Path, memoryview]]) -> tuple[AppBundle, ...]:
    """Return the bundles of an app, by name.

    Args:
        files: path and content of each, checked.

    Raises:
        ConfigError: there is none, two have one file name, a name does not end in .ofab, or no phone has the runtime.
    """
    if not files:
        raise ConfigError("An app without a bundle has nothing to show: name at least one file NAME.ofab.")
    found: dict[str, Path] = {}
    for path, _ in files:
        if path.suffix != SUFFIX:
            raise ConfigError(f"The app looks for files named NAME{SUFFIX}; rename {path}.")
        if path.name in found:
            raise ConfigError(f"{found[path.name]} and {path} have the same file name; rename one of them.")
        found[path.name] = path
    bundles = [AppBundle(name=path.name, content=data, runtime=_runtime(path, data)) for path, data in files]
    return tuple(sorted(bundles, key=lambda bundle: bundle.name))


def app_runtimes(bundles: Iterable[AppBundle], wanted: Sequence[str] | None) -> tuple[str, ...]:
    """Return the runtimes whose native libraries go in.

    Args:
        bundles: of the app.
        wanted: names that the user gave; None for those of the bundles.

    Raises:
        UnknownNameError: there is no such runtime.
        ConfigError: a runtime without a bundle for it, or a bundle without its runtime.
    """
    needed = {bundle.runtime: bundle.name for bundle in bundles}
    if wanted is None:
        return tuple(sorted(needed))
    for name in wanted:
        if name not in PHONE_LIBRARIES:
            raise UnknownNameError("runtime for phones", name, PHONE_LIBRARIES)
        if name not in needed:
            raise ConfigError(f"--runtime names {name}, and no bundle is for it: add such a bundle, or leave it out.")
    for name, bundle in needed.items():
        if name not in wanted:
            raise ConfigError(
                f"{bundle} needs {name}, which --runtime leaves out: add it there, or leave --runtime out."
            )
    return tuple(sorted(set(wanted)))


def _runtime(path: Path, data: memoryview) -> str:
    name = Bundle(data).manifest.runtime.name
    if name not in PHONE_LIBRARIES:
        raise ConfigError(f"{path} is for {name}; the app has {' and '.join(PHONE_LIBRARIES)}.")
    return name
