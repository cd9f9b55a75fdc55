"""A small arm64 Linux: Debian packages from this computer's own package sources, unpacked into a folder.

apt-get works on lists and a cache of its own, as if for another computer, and checks signatures as it always does.
Nothing is installed, and nobody needs to be root.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ofa_export.targets.arm64.fetching import run_fetching

PACKAGES = ("python3", "libstdc++6")
"""With what they depend on: some forty packages, 17 MB."""


def unpack_packages(folder: Path) -> None:
    """Fill a folder with an arm64 Python and the libraries under it.

    Args:
        folder: an existing, empty one.

    Raises:
        MissingToolError: apt-get found no such packages, or could not fetch them.
    """
    with tempfile.TemporaryDirectory(prefix="ofa-export-") as name:
        scratch = Path(name)
        apt = ["apt-get", *_options(scratch)]
        run_fetching([*apt, "update"], what="read the lists of arm64 packages")
        download = ["install", "--yes", "--download-only", "--no-install-recommends"]
        run_fetching([*apt, *download, *PACKAGES], what="fetch arm64 packages")
        for package in sorted((scratch / "cache" / "archives").glob("*.deb")):
            run_fetching(["dpkg", "--extract", str(package), str(folder)], what=f"unpack {package.name}")
    if not (folder / "lib").exists():
        # Newer releases have everything under usr, and this link comes from a package that nothing here depends on.
        (folder / "lib").symlink_to("usr/lib")


def _options(scratch: Path) -> list[str]:
    for part in ("state/lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    (scratch / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Dir::Cache": str(scratch / "cache"),
        "Dir::State": str(scratch / "state"),
        "Dir::State::status": str(scratch / "status"),
    }
    return [f"--option={name}={value}" for name, value in settings.items()]
