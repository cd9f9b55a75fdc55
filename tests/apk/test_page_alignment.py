from __future__ import annotations

import struct

import pytest

from ofa_export.apk.page_alignment import page_alignment

PT_LOAD, PT_DYNAMIC = 1, 2


def elf(*parts: tuple[int, int], wide: bool) -> bytes:
    """A library of nothing but its table: kind and alignment of each part."""
    size = 64 if wide else 52
    start = b"\x7fELF" + bytes([2 if wide else 1, 1]) + bytes(10)
    if wide:
        head = struct.pack("<HHIQQQIHHH", 3, 62, 1, 0, size, 0, 0, size, 56, len(parts))
        rows = [struct.pack("<IIQQQQQQ", kind, 0, 0, 0, 0, 0, 0, alignment) for kind, alignment in parts]
    else:
        head = struct.pack("<HHIIIIIHHH", 3, 40, 1, 0, size, 0, 0, size, 32, len(parts))
        rows = [struct.pack("<IIIIIIII", kind, 0, 0, 0, 0, 0, 0, alignment) for kind, alignment in parts]
    return (start + head).ljust(size, b"\0") + b"".join(rows)


@pytest.mark.parametrize("wide", [True, False])
def test_the_least_aligned_part_that_is_loaded_decides(wide: bool) -> None:
    assert page_alignment(elf((PT_LOAD, 0x4000), (PT_LOAD, 0x1000), (PT_DYNAMIC, 8), wide=wide)) == 0x1000
    assert page_alignment(elf((PT_LOAD, 0x4000), (PT_DYNAMIC, 8), wide=wide)) == 0x4000


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" * 20, b"\x7fELF\x02\x02" + bytes(100)])
def test_what_is_no_such_library_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a little-endian ELF file"):
        page_alignment(content)
