"""Signing an APK, and checking the signature as a phone would."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ofa_export.apk.signing_key import PASSWORD_VARIABLE, SigningKey
from ofa_export.errors import ConfigError, OfaExportError

SCHEMES = ("v2", "v3")
"""v1 is for phones before Android 7, v4 a file of its own for installing while it is sent."""

VERIFIED = re.compile(r"^Verified using (v\d+) scheme .*: true$", re.M)
CERTIFICATE = re.compile(r"^Signer #1 certificate SHA-256 digest: (\w+)$", re.M)


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The signature that apksigner found.

    Args:
        schemes: by which the APK is signed, from old to new.
        certificate_sha256: digest of the signer's certificate.
    """

    schemes: tuple[str, ...]
    certificate_sha256: str


def sign(unsigned: Path, signed: Path, key: SigningKey) -> None:
    """Sign an APK. The same key gives the same bytes if it is an RSA key; others draw random numbers.

    Args:
        unsigned: the APK.
        signed: the file to write.
        key: to sign with.

    Raises:
        ConfigError: the key cannot be used.
    """
    schemes = [part for each in ("v1", *SCHEMES, "v4") for part in (f"--{each}-signing-enabled", _on(each))]
    store = ["--ks", str(key.keystore), "--ks-key-alias", key.alias, "--ks-pass", f"env:{PASSWORD_VARIABLE}"]
    done = _apksigner(["sign", *store, *schemes, "--in", str(unsigned), "--out", str(signed)], key.password)
    if done.returncode:
        message = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise ConfigError(
            f"The key {key.alias} of {key.keystore} could not sign; it needs the keystore's own password. "
            f"apksigner says: {message[0]}"
        )


def verify(apk: Path) -> Signature:
    """Check the signatures of an APK.

    Args:
        apk: a signed one.

    Raises:
        OfaExportError: it is not what was signed, or a scheme is missing.
    """
    done = _apksigner(["verify", "--verbose", "--print-certs", str(apk)])
    schemes, certificate = VERIFIED.findall(done.stdout), CERTIFICATE.search(done.stdout)
    if done.returncode or certificate is None or not set(SCHEMES) <= set(schemes):
        raise OfaExportError(f"The APK that was made is not signed as it should be: {done.stdout}{done.stderr}")
    return Signature(schemes=tuple(schemes), certificate_sha256=certificate[1])


def _on(scheme: str) -> str:
    return "true" if scheme in SCHEMES else "false"


def _apksigner(arguments: Sequence[str], password: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {PASSWORD_VARIABLE: password}
    return subprocess.run(
        ["apksigner", *arguments], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
