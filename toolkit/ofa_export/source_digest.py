"""A digest of this package's own source: another version of it may make other things from the same inputs."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path


@cache
def source_digest() -> bytes:
    """32 bytes that differ when any file of the package does."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for file in sorted(package.rglob("*.py")):
        digest.update(str(file.relative_to(package)).encode() + b"\n" + file.read_bytes())
    return digest.digest()
