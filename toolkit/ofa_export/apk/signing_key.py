"""The key that an app is signed with: one that is made here once, for trying things out, or the user's own."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ofa_export.apk.run_tool import Words
from ofa_export.errors import ConfigError, OutputError
from ofa_export.support.atomic import atomic_write
from ofa_export.support.system_tools import require_tools

PASSWORD_VARIABLE = "OFA_EXPORT_KEYSTORE_PASSWORD"
"""A password on the command line could be read by every user of the computer."""

DEBUG_FILE, DEBUG_ALIAS, DEBUG_PASSWORD = "apk-debug.p12", "androiddebugkey", "android"
"""As Android's own tools name them: it protects nothing."""

ENGLISH = ("-J-Duser.language=en", "-J-Duser.country=US")
KEY_ENTRY = re.compile(r"^(?P<alias>.+?), .*\bPrivateKeyEntry", re.M)


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A key in a keystore.

    Args:
        keystore: the file.
        password: of the file and of the key.
        alias: name of the key.
        debug: whether it was made here, for trying things out.
    """

    keystore: Path
    password: str
    alias: str
    debug: bool

    def __repr__(self) -> str:
        return f"SigningKey({str(self.keystore)!r}, {self.alias!r})"


def debug_key(root: Path) -> SigningKey:
    """Return the key of this computer; made by the first call.

    Args:
        root: the cache's folder. A new key cannot update an app that was signed with an old one.

    Raises:
        MissingToolError: keytool is not installed.
        ConfigError: the file is damaged.
        OutputError: the folder cannot be written.
    """
    path = root / DEBUG_FILE
    require_tools("apk", "keytool")
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            _generate(path)
    try:
        return _opened(path, DEBUG_PASSWORD, DEBUG_ALIAS, debug=True)
    except ConfigError as error:
        raise ConfigError(
            f"{error} It is this computer's own debug key: delete the file, and another is made."
        ) from error


def check_keystore(keystore: Path) -> None:
    """Refuse a keystore that is not there, before anybody is asked for its password.

    Raises:
        ConfigError: there is no such file.
    """
    if not keystore.is_file():
        raise ConfigError(
            f"There is no keystore {keystore}. Make one with keytool -genkeypair, or leave --keystore out."
        )


def given_key(keystore: Path, password: str, alias: str | None) -> SigningKey:
    """Return a key of the user's.

    Args:
        keystore: PKCS #12 or JKS.
        password: of the file and of the key.
        alias: name of the key; None takes the only one.

    Raises:
        MissingToolError: keytool is not installed.
        ConfigError: no such file, no keystore, another password, no such key, or several and no alias.
    """
    require_tools("apk", "keytool")
    check_keystore(keystore)
    return _opened(keystore, password, alias, debug=False)


def _opened(path: Path, password: str, alias: str | None, *, debug: bool) -> SigningKey:
    listed = _keytool(["-list", "-keystore", path], password)
    if listed.returncode:
        message = listed.stdout.strip().splitlines() or ["nothing"]
        raise ConfigError(
            f"The keystore {path} cannot be opened with this password. keytool says: {message[0].strip()}"
        )
    found = KEY_ENTRY.findall(listed.stdout)
    if not found:
        raise ConfigError(f"The keystore {path} has no private key to sign with.")
    if alias is None and len(found) > 1:
        raise ConfigError(f"The keystore {path} has several keys: choose one of {', '.join(found)} with --key-alias.")
    # Keystores do not tell capital letters apart.
    if alias is not None and alias.lower() not in {name.lower() for name in found}:
        raise ConfigError(f"The keystore {path} has no key '{alias}'. Valid: {', '.join(found)}.")
    return SigningKey(keystore=path, password=password, alias=alias or found[0], debug=debug)


def _generate(path: Path) -> None:
    key: Words = [
        "-genkeypair",
        "-alias",
        DEBUG_ALIAS,
        "-keyalg",
        "RSA",
        "-keysize",
        "2048",
        "-validity",
        "10950",
    ]
    with tempfile.TemporaryDirectory(prefix="ofa-export-apk-") as name:
        store = Path(name) / DEBUG_FILE
        owner: Words = ["-dname", "CN=Android Debug, O=Android, C=US", "-storetype", "PKCS12", "-keystore", store]
        made = _keytool([*key, *owner], DEBUG_PASSWORD)
        if made.returncode:
            raise OutputError(f"The debug key {path} could not be made. keytool says: {made.stdout.strip()}")
        with atomic_write(path) as file:
            file.write(store.read_bytes())


def _keytool(arguments: Words, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["keytool", *ENGLISH, *(str(part) for part in arguments), "-storepass:env", PASSWORD_VARIABLE],
        env=os.environ | {PASSWORD_VARIABLE: password},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
