"""Files of ours as a forger takes them apart and puts them together again, with digests and CRCs made to fit."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ofa_export.bundle.archive import CENTRAL, END, LOCAL, end_record, place
from ofa_export.bundle.archive_reader import read_archive

CORPUS = Path(__file__).parent / "corpus"
DOCUMENTS = {"ofab": "manifest.json", "ofas": "session.json", "ofad": "delta.json"}

Entries = list[tuple[str, bytes]]


@dataclass(frozen=True, kw_only=True)
class Base:
    """A sound file that mutants are made of.

    Args:
        name: file name; its ending is the kind of file.
        data: its bytes.
        bundle: bytes of the bundle that a delta is applied to, or that a session pack serves.
    """

    name: str
    data: bytes
    bundle: bytes

    @property
    def kind(self) -> str:
        """ofab, ofas or ofad."""
        return self.name.rpartition(".")[2]

    @property
    def document(self) -> str:
        """Name of the JSON entry."""
        return DOCUMENTS[self.kind]

    @property
    def scales(self) -> int:
        """Item groups x blocks of a row, of a bundle."""
        layout = json.loads(dict(self.entries)[self.document])["embeddings"]
        return len(layout["group_sizes"]) * layout["width"] // 8

    @property
    def entries(self) -> Entries:
        """Names and contents in file order."""
        return [(name, bytes(data)) for name, data in read_archive(memoryview(self.data)).items()]


def read_base(name: str) -> Base:
    """A base file of the corpus."""
    return Base(name=name, data=(CORPUS / name).read_bytes(), bundle=(CORPUS / "toy.ofab").read_bytes())


def archive(entries: Sequence[tuple[str, bytes]]) -> bytes:
    """An archive of any entries, with correct headers and CRCs: unlike the writer, this refuses nothing."""
    file, directory = bytearray(), b""
    for name, data in entries:
        placement, crc = place(name, len(data), header_start=len(file)), zlib.crc32(data)
        file += placement.local_header(crc) + data
        directory += placement.central_record(crc)
    return bytes(
        file + directory + end_record(entries=len(entries), directory_start=len(file), directory_bytes=len(directory))
    )


def to_json(fields: Any) -> bytes:
    """JSON as our writers write it."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode(errors="surrogatepass")


def repaired(base: Base, entries: Entries) -> Entries:
    """The entries with sizes and digests in the document made to fit them, if there still is a document."""
    contents = dict(entries)
    try:
        fields = json.loads(contents.get(base.document, b""))
    except ValueError:
        return entries
    for listed in fields["entries"]:
        if listed["name"] in contents:
            described = {"bytes": len(contents[listed["name"]]), "sha256": digest(contents[listed["name"]])}
            if base.kind != "ofad":
                listed.update(described)
            elif listed["part"]:
                listed["part"] = described
    if base.kind == "ofad":
        held = dict(read_archive(memoryview(base.bundle)))
        result = archive(
            [
                (each["name"], bytes(held.get(each["name"], b"")[: each["kept"]]) + contents.get(each["name"], b""))
                for each in fields["entries"]
            ]
        )
        fields["result"] = {"bytes": len(result), "sha256": digest(result)}
    return [(name, to_json(fields) if name == base.document else data) for name, data in entries]


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def segments(entries: Sequence[tuple[str, bytes]]) -> list[tuple[str, int, int]]:
    """Kind, start and stop of every part of an archive in file order: `local`, `data`, `central`, `end`."""
    found: list[tuple[str, int, int]] = []
    end = 0
    for name, data in entries:
        placement = place(name, len(data), header_start=end)
        found.append(("local", end, placement.data_start))
        end = placement.data_start + len(data)
        found.append(("data", placement.data_start, end))
    for name, _ in entries:
        found.append(("central", end, end + CENTRAL.size + len(name)))
        end = found[-1][2]
    return [*found, ("end", end, end + END.size)]


FORMATS = {"local": LOCAL.format, "central": CENTRAL.format, "end": END.format}
