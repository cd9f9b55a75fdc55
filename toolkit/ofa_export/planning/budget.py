"""Byte budgets as people write them."""

from __future__ import annotations

import re
from decimal import Decimal

from ofa_export.errors import ConfigError

UNITS = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
FORMS = "4MB (4,000,000 bytes), 4MiB (4,194,304 bytes), 512KB, 0.5MiB, 1GB or 1500000"
UNBOUNDED = 2**40 - 1
"""The largest budget that a manifest can name; none binds less."""


def parse_budget(text: str) -> int:
    """Bytes of a budget.

    Args:
        text: a positive number, alone or followed by KB, MB, GB, KiB, MiB or GiB, without blanks.

    Returns:
        Whole bytes, rounded down.

    Raises:
        ConfigError: the text has another form, or is not between one byte and `UNBOUNDED`.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", text)
    if match is None or match[2] not in UNITS:
        raise ConfigError(f"The budget '{text}' is not a size. Write it like {FORMS}.")
    # Not a float: 4.35MB would lose a byte.
    amount = Decimal(match[1]) * UNITS[match[2]]
    if not 1 <= amount <= UNBOUNDED:
        bound = "less than one byte" if amount < 1 else f"more than {UNBOUNDED:,} bytes"
        raise ConfigError(f"The budget '{text}' is {bound}. Write it like {FORMS}.")
    return int(amount)
