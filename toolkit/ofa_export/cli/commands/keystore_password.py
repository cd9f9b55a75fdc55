"""The password of a keystore: from the environment, or asked for at a terminal."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from ofa_export.apk.signing_key import PASSWORD_VARIABLE
from ofa_export.errors import ConfigError


def keystore_password(keystore: Path) -> str:
    """Read the password for a keystore.

    Args:
        keystore: that it opens.

    Raises:
        ConfigError: it is not in the environment, and there is nobody to ask.
    """
    if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
        return given
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"The keystore {keystore} needs its password: put it into the environment variable {PASSWORD_VARIABLE}, or "
            "run this at a terminal, which asks for it."
        )
    return getpass.getpass(f"Password of {keystore}: ", stream=sys.stderr)
