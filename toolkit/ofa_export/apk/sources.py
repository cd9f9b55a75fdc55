"""The sources of the demo app, in a checkout or in an installed package."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from ofa_export.errors import ConfigError
from ofa_export.support.resources import shipped


@dataclass(frozen=True, kw_only=True)
class AppSources:
    """A folder laid out as android_demo.

    Args:
        root: the folder.
    """

    root: Path

    @property
    def kotlin(self) -> tuple[Path, ...]:
        """Folders of Kotlin files: the core, which knows no Android, and the app on top of it."""
        return self.root / "core/src/main/kotlin", self.root / "app/src/main/kotlin"

    @property
    def resources(self) -> Path:
        """Layouts, texts, colours and pictures."""
        return self.root / "app/src/main/res"

    @property
    def manifest(self) -> Path:
        """The app's AndroidManifest.xml."""
        return self.root / "app/src/main/AndroidManifest.xml"

    def digest(self) -> bytes:
        """32 bytes that differ when any name or byte of the sources does.

        Raises:
            ConfigError: a part of the sources is missing.
        """
        self._check()
        digest = hashlib.sha256()
        roots = (*self.kotlin, self.resources, self.manifest)
        files = [file for root in roots for file in (root.rglob("*") if root.is_dir() else [root]) if file.is_file()]
        for file in sorted(files):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(self.root).as_posix()}\n{content}\n".encode())
        return digest.digest()

    def _check(self) -> None:
        missing = [path for path in (*self.kotlin, self.resources, self.manifest) if not path.exists()]
        if missing:
            names = ", ".join(path.relative_to(self.root).as_posix() for path in missing)
            raise ConfigError(
                f"The sources of the demo app are not complete: {self.root} has no {names}. Install ofa-export again, "
                "or take android_demo from its repository."
            )


def demo_sources() -> AppSources:
    """Return the demo app of this version of ofa-export."""
    return AppSources(root=shipped("android_demo"))
