"""Ways to damage or forge a file: a function of a random generator and a base each, by name.

The damaged ones know nothing of the format but where its headers are; the forged ones have digests and CRCs that fit,
so that they come as far as the checks of the entry that they change. All of the randomness is the generator's.
"""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from files import FORMATS, Base, archive, repaired, segments, to_json
from json_mutations import INTEGERS, change_text, change_values

from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.manifest import Shapes, contract_graphs

MOST_TILES, MOST_BYTES = 4096, 2**16
"""Of embeddings that are made to fit another layout."""

Mutation = Callable[[random.Random, Base], bytes]


def mutant(rng: random.Random, base: Base, only: Sequence[str] = ()) -> tuple[str, bytes]:
    """A file that differs from the base, and the name of the mutation that made it.

    Args:
        rng: draws everything.
        base: the sound file.
        only: names of mutations to draw from; all of this kind of file when empty.
    """
    # The document has more to forge than anything else.
    names = (*(only or sorted(MUTATIONS[base.kind])), "change_document", "change_document")
    while True:
        name = rng.choice(names)
        data = MUTATIONS[base.kind][name](rng, base)
        if data != base.data:
            return name, data


# Damage: what happens to files, without a thought.


def flip_bits(rng: random.Random, base: Base) -> bytes:
    data = bytearray(base.data)
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def overwrite(rng: random.Random, base: Base) -> bytes:
    at, size = rng.randrange(len(base.data)), rng.choice((1, 4, 16, 64, 512))
    filling = rng.choice((b"\0" * size, b"\xff" * size, rng.randbytes(size)))
    return base.data[:at] + filling + base.data[at + size :]


def cut_short(rng: random.Random, base: Base) -> bytes:
    edges = [stop for _, _, stop in segments(base.entries)[:-1]]
    return base.data[: rng.choice((rng.randrange(len(base.data)), rng.choice(edges) + rng.choice((-1, 0, 1))))]


def cut_out(rng: random.Random, base: Base) -> bytes:
    _, start, stop = rng.choice(segments(base.entries))
    at = rng.choice((start, rng.randrange(len(base.data))))
    return base.data[:at] + base.data[at + rng.choice((1, 64, stop - start)) :]


def put_in(rng: random.Random, base: Base) -> bytes:
    _, start, stop = rng.choice(segments(base.entries))
    at = rng.choice((0, start, stop, len(base.data), rng.randrange(len(base.data))))
    return (
        base.data[:at] + rng.choice((b"\0" * 64, rng.randbytes(64), base.data[start:stop], base.data)) + base.data[at:]
    )


def exchange_parts(rng: random.Random, base: Base) -> bytes:
    (a, b), (c, d) = sorted(rng.sample([part[1:] for part in segments(base.entries)], 2))
    return base.data[:a] + base.data[c:d] + base.data[b:c] + base.data[a:b] + base.data[d:]


def change_header_field(rng: random.Random, base: Base) -> bytes:
    data = bytearray(base.data)
    for _ in range(rng.choice((1, 1, 2))):
        kind, start, _ = rng.choice([part for part in segments(base.entries) if part[0] in FORMATS])
        codes = FORMATS[kind][1:]
        field = rng.randrange(len(codes))
        at, size = start + struct.calcsize("<" + codes[:field]), struct.calcsize("<" + codes[field])
        old = int.from_bytes(data[at : at + size], "little")
        new = rng.choice((old + 1, old - 1, old ^ 1 << rng.randrange(8 * size), old + 64, old - 64, *INTEGERS))
        data[at : at + size] = (new % 256**size).to_bytes(size, "little")
    return bytes(data)


# Archives: every header is right, the entries are not.


def change_list_of_entries(rng: random.Random, base: Base) -> bytes:
    entries = base.entries
    at, other = rng.randrange(len(entries)), rng.randrange(len(entries))
    match rng.randrange(8):
        case 0:
            del entries[at]
        case 1:
            entries.insert(other, entries[at])
        case 2:
            entries[at], entries[other] = entries[other], entries[at]
        case 3:
            names = ("../x", "a/b", ".x", "", "x" * 65, "x", "\x1b[2J", entries[other][0], entries[at][0].upper())
            entries[at] = (rng.choice(names), entries[at][1])
        case 4:
            entries.insert(at, (rng.choice(("extra", "manifest.sig", "A")), rng.randbytes(9)))
        case 5:
            entries[at] = (entries[at][0], rng.choice((b"", b"\0", entries[other][1])))
        case 6:
            entries = [(f"e{number}", b"") for number in range(rng.choice((63, 64, 65, 3000)))]
        case 7:
            entries = entries[:1] * rng.choice((1, 2))
    return archive(repaired(base, entries) if rng.random() < 0.5 else entries)


def write_with_another_tool(rng: random.Random, base: Base) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as file:
        for name, data in base.entries:
            file.writestr(zipfile.ZipInfo(name), data)
    return stream.getvalue()


def change_content_only(rng: random.Random, base: Base) -> bytes:
    """CRCs fit, digests do not."""
    entries = base.entries
    at = rng.randrange(len(entries))
    return archive([(name, _bytes_changed(rng, data) if n == at else data) for n, (name, data) in enumerate(entries)])


# Forgeries: one entry is changed, and everything that vouches for it is changed with it.


def forge(entry: str, change: Callable[[random.Random, bytes, Base], bytes]) -> Mutation:
    """A mutation of the entry whose name starts like this; digests fit."""

    def mutation(rng: random.Random, base: Base) -> bytes:
        changed = [(name, change(rng, data, base) if name.startswith(entry) else data) for name, data in base.entries]
        return archive(repaired(base, changed))

    return mutation


def change_document(rng: random.Random, base: Base) -> bytes:
    entries = dict(base.entries)
    entries[base.document] = change_values(rng, json.loads(entries[base.document]))
    return archive(list(entries.items()))


def change_document_text(rng: random.Random, base: Base) -> bytes:
    entries = dict(base.entries)
    entries[base.document] = change_text(rng, entries[base.document])
    return archive(list(entries.items()))


def change_shapes(rng: random.Random, base: Base) -> bytes:
    """Other sizes with the tensor contract that belongs to them."""
    entries = dict(base.entries)
    fields = json.loads(entries[base.document])
    name = rng.choice(sorted(fields["shapes"]))
    fields["shapes"][name] = rng.choice((1, 2, 8, 16, 24, 64, 256, 4096, 65536, 2**24, fields["shapes"][name] + 1))
    if name == "width" and rng.random() < 0.7:
        fields["embeddings"]["width"] = fields["shapes"]["width"]
        fields["embeddings"]["tiles_total"] = len(fields["embeddings"]["group_sizes"]) * fields["shapes"]["width"]
    try:
        graphs = contract_graphs(Shapes(**fields["shapes"]))
    except ValueError:
        graphs = ()
    fields["graphs"] = [graph.model_dump(mode="json") for graph in graphs]
    entries[base.document] = to_json(fields)
    return archive(list(entries.items()))


def change_layout(rng: random.Random, base: Base) -> bytes:
    """Other numbers of items, groups and tiles that fit together, with embeddings cut or filled up to fit some."""
    entries = dict(base.entries)
    fields = json.loads(entries[base.document])
    layout = fields["embeddings"]
    match rng.randrange(6):
        case 0:
            sizes = layout["group_sizes"]
            take = rng.randrange(1, max(sizes))
            sizes[0], sizes[-1] = sizes[0] + take, sizes[-1] - take
        case 1:
            rng.shuffle(layout["group_sizes"])
        case 2:
            layout["group_sizes"] = [rng.choice((1, 5, 2**20, 2**39, 2**40 - 1)) for _ in layout["group_sizes"]]
            layout["items"] = sum(layout["group_sizes"])
        case 3:
            count = rng.choice((1, 2, 4, 100, 4096, 8192))
            layout["group_sizes"] = [rng.choice((1, 2, 2**30))] * count
            layout["items"], layout["tiles_total"] = sum(layout["group_sizes"]), count * layout["width"]
        case 4:
            layout["tiles_kept"] = rng.randrange(1, layout["tiles_total"] + 1)
            layout["floor_tiles"] = rng.choice((layout["floor_tiles"], layout["tiles_kept"], 1))
        case 5:
            layout["width"] = rng.choice((8, 24, 64, 4096))
            layout["tiles_total"] = len(layout["group_sizes"]) * layout["width"]
    if rng.random() < 0.6:
        entries["embeddings.bin"] = _fitted(rng, base, layout)
    entries[base.document] = to_json(fields)
    return archive(repaired(base, list(entries.items())))


def _fitted(rng: random.Random, base: Base, layout: dict[str, Any]) -> bytes:
    """Embeddings of a layout, with the decoding tables that there were, unless that takes many bytes."""
    embeddings = dict(base.entries)["embeddings.bin"]
    groups, blocks = len(layout["group_sizes"]), layout["width"] // 8
    if groups * blocks * 8 > MOST_TILES:
        return embeddings
    order = np.arange(groups * blocks * 8).reshape(groups, blocks, 8).transpose(2, 1, 0).ravel()
    tables = embeddings[4 * base.scales : 4 * (base.scales + 510)]
    layout["tiles_kept"] = min(layout["tiles_kept"], len(order))
    layout["floor_tiles"] = rng.choice((layout["floor_tiles"], groups, groups))
    needed = sum(layout["group_sizes"][tile // (8 * blocks)] for tile in order[: layout["tiles_kept"]].tolist())
    scales = np.linspace(0.5, 1.5, groups * blocks, dtype="<f4").tobytes()
    tiles = rng.randbytes(min(needed, MOST_BYTES))
    return scales + tables + order.astype("<u2").tobytes() + tiles


def change_embeddings(rng: random.Random, data: bytes, base: Base) -> bytes:
    """Scales, decoding tables, the order, or tiles."""
    floats, tiles = base.scales + 510, 8 * base.scales
    at, order_at = 4 * rng.randrange(floats), 4 * floats
    first, second = (order_at + 2 * rng.randrange(tiles) for _ in range(2))
    special = rng.choice((float("nan"), float("inf"), -float("inf"), -1.0, 3.4e38, 1e-45, -0.0, 0.0, 2.0))
    changed = bytearray(data)
    match rng.randrange(6):
        case 0:
            struct.pack_into("<f", changed, at, special)
        case 1:
            struct.pack_into("<f", changed, 0, 3e38)
            struct.pack_into("<f", changed, 4 * rng.randrange(base.scales, floats), rng.choice((2.0, 3e38)))
        case 2:
            changed[first : first + 2], changed[second : second + 2] = (
                data[second : second + 2],
                data[first : first + 2],
            )
        case 3:
            struct.pack_into("<H", changed, first, rng.choice((0, tiles - 1, tiles, 65535)))
        case 4:
            changed[rng.randrange(order_at + 2 * tiles, len(data))] ^= 1 << rng.randrange(8)
        case 5:
            return _bytes_changed(rng, data)
    return bytes(changed)


def change_items(rng: random.Random, data: bytes, base: Base) -> bytes:
    """The header, the stream, or the text that it holds."""
    header, text = data[:16], zlib.decompress(data[16:])
    lines = text.split(b"\n")
    items = len(lines) // 2
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(10):
        case 0:
            changed = bytearray(data)
            struct.pack_into("<I", changed, 4 * rng.randrange(4), rng.choice(INTEGERS) % 2**32)
            return bytes(changed)
        case 1:
            return header + _bytes_changed(rng, data[16:])
        case 2:
            lines[at] = lines[other]
        case 3:
            lines[at] = rng.choice(
                (b"", b"\xff", b"\xed\xa0\x80", b"a\nb", b"a\0b", b"\x1b[2J", b"x" * 1022, b"x" * 1023)
            )
        case 4:
            del lines[at]
        case 5:
            lines.append(b"")
        case 6:
            bomb = zeros_deflated(rng.choice((10**5, 10**7, 10**8)))
            return (
                struct.pack("<4sIII", b"OFAI", 1, len(lines) // 2, rng.choice((len(text), 1024 * items, 10**8))) + bomb
            )
        case 7:
            return header + zlib.compress(text, rng.randrange(10))
        case 8:
            return header + zlib.compress(text, 9) + rng.choice((b"\0", data[16:]))
        case 9:
            packer = zlib.compressobj(wbits=rng.choice((-15, 9, 31)))
            return header + packer.compress(text) + packer.flush()
    text = b"\n".join(lines)
    return struct.pack(
        "<4sIII", b"OFAI", 1, items if rng.random() < 0.8 else len(lines) // 2, len(text)
    ) + zlib.compress(text)


@functools.cache
def zeros_deflated(count: int) -> bytes:
    """A zlib stream of many zeros, made without holding them."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(10**5)) for _ in range(count // 10**5)) + packer.flush()


def change_selftest(rng: random.Random, data: bytes, base: Base) -> bytes:
    """The length of the header, the header, or the tensors."""
    length = int.from_bytes(data[:8], "little")
    header, tensors = data[8 : 8 + length], data[8 + length :]
    match rng.randrange(6):
        case 0:
            return (rng.choice((*INTEGERS, length + 1, length - 1)) % 2**64).to_bytes(8, "little") + data[8:]
        case 1 | 2:
            fields = json.loads(header)
            if rng.random() < 0.3:
                name = rng.choice(sorted(fields))
                fields[name]["dtype"] = rng.choice(("F64", "BF16", "F8_E4M3", "F4", "BOOL", "C64", "U8", "I32", "F32"))
                changed = to_json(fields)
            else:
                changed = change_values(rng, fields)
        case 3:
            changed = change_text(rng, header)
        case _:
            fields = json.loads(header)
            where = fields[rng.choice(sorted(fields))]
            start, stop = where["data_offsets"]
            size = {"U8": 1, "F16": 2}.get(where["dtype"], 4)
            at = start + size * rng.randrange((stop - start) // size)
            values = (
                b"\0\0\0\0",
                b"\xff" * 4,
                b"\x00\x00\xc0\x7f",
                b"\x00\x00\x00\x3f",
                b"\xff\xff\x7f\x7f",
                b"\x00\x7c\0\0",
            )
            return data[: 8 + length + at] + rng.choice(values)[:size] + data[8 + length + at + size :]
    changed += b" " * (-len(changed) % 8)
    return len(changed).to_bytes(8, "little") + changed + tensors


def change_manifest_of_result(rng: random.Random, base: Base) -> bytes:
    """A delta to a bundle whose manifest is another; nothing of it is kept from the base."""
    entries = dict(base.entries)
    fields = json.loads(entries["delta.json"])
    first = fields["entries"][0]
    whole = dict(read_archive(memoryview(base.bundle)))["manifest.json"][: first["kept"]].tobytes()
    first["kept"] = 0
    changed = change_values(rng, json.loads(whole + entries["manifest.json"]))
    return archive(repaired(base, list({**entries, "delta.json": to_json(fields), "manifest.json": changed}.items())))


def change_candidates(rng: random.Random, data: bytes, base: Base) -> bytes:
    """Scales, the decoding table, or codes of a session pack."""
    changed = bytearray(data)
    if rng.random() < 0.6:
        special = rng.choice((float("nan"), float("inf"), -1.0, 3e38, 1e-45, -0.0))
        struct.pack_into("<f", changed, 4 * rng.randrange(min(260, len(data) // 4)), special)
        if rng.random() < 0.3:
            struct.pack_into("<f", changed, 0, 3e38)
        return bytes(changed)
    return _bytes_changed(rng, data)


def _bytes_changed(rng: random.Random, data: bytes, base: Base | None = None) -> bytes:
    if not data:
        return b"x"
    at, size = rng.randrange(len(data)), rng.choice((1, 2, 7, 64))
    return rng.choice(
        (
            data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :],
            data[:at] + rng.randbytes(size) + data[at + size :],
            data[:at],
            data[:at] + data[at + size :],
            data[:at] + rng.choice((b"\0" * size, rng.randbytes(size))) + data[at:],
            data + data[at:],
            b"",
        )
    )


DAMAGE: dict[str, Mutation] = {
    "flip_bits": flip_bits,
    "overwrite": overwrite,
    "cut_short": cut_short,
    "cut_out": cut_out,
    "put_in": put_in,
    "exchange_parts": exchange_parts,
    "change_header_field": change_header_field,
    "change_list_of_entries": change_list_of_entries,
    "write_with_another_tool": write_with_another_tool,
    "change_content_only": change_content_only,
}
ANY_FORGERY: dict[str, Mutation] = {
    "change_document": change_document,
    "change_document_text": change_document_text,
    "change_items": forge("items.bin", change_items),
}
MUTATIONS: dict[str, dict[str, Mutation]] = {
    "ofab": {
        **DAMAGE,
        **ANY_FORGERY,
        "change_shapes": change_shapes,
        "change_layout": change_layout,
        "change_embeddings": forge("embeddings.bin", change_embeddings),
        "change_selftest": forge("selftest.bin", change_selftest),
        "change_graphs": forge("graphs.", _bytes_changed),
        "change_card": forge("MODEL_CARD.md", _bytes_changed),
    },
    "ofas": {**DAMAGE, **ANY_FORGERY, "change_candidates": forge("candidates.bin", change_candidates)},
    "ofad": {
        **DAMAGE,
        "change_document": change_document,
        "change_document_text": change_document_text,
        "change_tail": forge("embeddings.bin", _bytes_changed),
        "change_manifest_of_result": change_manifest_of_result,
        "change_manifest_bytes": forge("manifest.json", _bytes_changed),
    },
}
"""By kind of file, then by name."""
