"""Published packages, fetched by name with the tool of their registry and checked against a digest that stands here."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ofa_export.errors import MissingToolError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.system_tools import require_tools

FETCH_SECONDS = 900

FOLDER, LOCK = "android-packages", "android.lock"
"""Folder of fetched packages in the cache, and the lock that one process at a time holds while it fetches."""

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ofa-export</groupId>
  <artifactId>android-runtimes</artifactId>
  <version>1</version>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId>
    <artifactId>maven-dependency-plugin</artifactId>
    <version>3.6.1</version>
    <configuration>
      <outputDirectory>.</outputDirectory>
      <artifactItems>{items}</artifactItems>
    </configuration>
  </plugin></plugins></build>
</project>
"""
ITEM = (
    "<artifactItem><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
    "<type>{kind}</type></artifactItem>"
)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A file that a registry publishes.

    Args:
        group: for Maven; "" for npm.
        name: of the package.
        version: the one that the digest is of.
        kind: "aar" or "jar" from Maven, "tgz" from npm.
        sha256: of the file, in hexadecimal.
    """

    group: str = ""
    name: str
    version: str
    kind: Literal["aar", "jar", "tgz"]
    sha256: str

    @property
    def file_name(self) -> str:
        """Name that the registry's tool gives the file."""
        return f"{self.name}-{self.version}.{self.kind}"


def fetch(artifacts: Sequence[Artifact], folder: Path, *, purpose: str = "android") -> dict[Artifact, Path]:
    """Return the files of artifacts; each is fetched once, and checked each time.

    Args:
        artifacts: what to fetch.
        folder: keeps them; one process at a time.
        purpose: what needs them, of `system_tools.PACKAGES`.

    Raises:
        MissingToolError: mvn or npm is not installed, could not fetch one, or fetched something else.
        OutputError: the folder cannot be written.
    """
    missing = _missing(artifacts, folder)
    require_tools(purpose, *_tools(missing))
    for tool, command in (("mvn", _maven), ("npm", _npm)):
        wanted = [artifact for artifact in missing if _tool(artifact) == tool]
        if wanted:
            with tempfile.TemporaryDirectory(prefix="ofa-export-") as scratch:
                _run(command(wanted, Path(scratch)), wanted, Path(scratch))
                for artifact in wanted:
                    content = _checked(artifact, Path(scratch))
                    with atomic_write(folder / artifact.file_name) as file:
                        file.write(content)
    return {artifact: folder / artifact.file_name for artifact in artifacts}


def fetching_tools(artifacts: Sequence[Artifact], folder: Path) -> list[str]:
    """Return the tools that `fetch` would run now, sorted, if no file is damaged; arguments as there."""
    return _tools(artifact for artifact in artifacts if not (folder / artifact.file_name).is_file())


def _tools(artifacts: Iterable[Artifact]) -> list[str]:
    return sorted({_tool(artifact) for artifact in artifacts})


def _tool(artifact: Artifact) -> str:
    return "npm" if artifact.kind == "tgz" else "mvn"


def _missing(artifacts: Sequence[Artifact], folder: Path) -> list[Artifact]:
    return [artifact for artifact in artifacts if not _kept(artifact, folder)]


def _kept(artifact: Artifact, folder: Path) -> bool:
    path = folder / artifact.file_name
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == artifact.sha256


def _maven(artifacts: Iterable[Artifact], scratch: Path) -> list[str]:
    # One run for all: most of its time goes into starting.
    items = "".join(ITEM.format(**vars(artifact)) for artifact in artifacts)
    (scratch / "pom.xml").write_text(POM.format(items=items), encoding="utf-8")
    return ["mvn", "--batch-mode", "--no-transfer-progress", COPY]


def _npm(artifacts: Iterable[Artifact], scratch: Path) -> list[str]:
    return ["npm", "pack", "--loglevel=error", *(f"{artifact.name}@{artifact.version}" for artifact in artifacts)]


def _run(command: list[str], artifacts: Iterable[Artifact], scratch: Path) -> None:
    try:
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _unfetched(artifacts, f"{command[0]} took more than {FETCH_SECONDS} seconds") from None
    if done.returncode:
        output = (done.stdout + done.stderr).splitlines()
        message = [line for line in output if "ERR" in line.upper()] or output[-1:] or ["nothing"]
        raise _unfetched(artifacts, f"{command[0]} says: {message[0].strip().rstrip('.')}")


def _checked(artifact: Artifact, scratch: Path) -> bytes:
    path = scratch / artifact.file_name
    if not path.is_file():
        raise _unfetched([artifact], f"{_tool(artifact)} left no file {artifact.file_name}")
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != artifact.sha256:
        raise _unfetched([artifact], f"what came has SHA-256 {found} instead of {artifact.sha256}, and is not used")
    return content


def _unfetched(artifacts: Iterable[Artifact], reason: str) -> MissingToolError:
    names = ", ".join(f"{artifact.name} {artifact.version}" for artifact in artifacts)
    return MissingToolError(
        f"Published packages could not be fetched ({names}): {reason}. The first run that uses them needs the "
        "network, later ones do not."
    )
