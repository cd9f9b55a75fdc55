"""Byte budgets as people write them."""

from __future__ import annotations

import re

from ofa_export.errors import ConfigError

UNITS = {"": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
FORMS = "4MB (4,000,000 bytes), 4MiB (4,194,304 bytes), 512KB, 0.5MiB, 1GB or 1500000"


def parse_budget(text: str) -> int:
    """Bytes of a budget.

    Args:
        text: a positive number, alone or followed by KB, MB, GB, KiB, MiB or GiB.

    Returns:
        Whole bytes, rounded down.

    Raises:
        ConfigError: the text has another form, or is less than one byte.
    """
    match = re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})", text.strip(), flags=re.ASCII)
    if match is None or match[2] not in UNITS:
        raise ConfigError(f"The budget '{text}' is not a size. Write it like {FORMS}.")
    amount = int(float(match[1]) * UNITS[match[2]])
    if amount < 1:
        raise ConfigError(f"The budget '{text}' is less than one byte. Write it like {FORMS}.")
    return amount


def format_bytes(count: int) -> str:
    """Bytes for people: `1,024 bytes`, `3.5 KB`, `4.00 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:,.1f} KB" if count < 1_000_000 else f"{count / 1_000_000:,.2f} MB"
