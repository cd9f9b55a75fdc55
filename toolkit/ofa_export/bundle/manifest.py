"""`manifest.json`: everything a phone must know before it trusts a bundle, as compact JSON with sorted keys.

The JSON is canonical (RFC 8785), at most 1 MiB, and exactly what `Manifest.to_bytes` writes; its schema is in
`docs/bundle-manifest.schema.json`. It lists every other entry with size and SHA-256, in file order. Its only numbers
are integers: what is not whole is a decimal text, for which every language has the same characters. Digests and
qualities have a fixed width, so the manifest's length (and with it the size of the bundle) does not depend on them.
"""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ofa_export.bundle.document import MAX_TILES, Bytes, Digest, Entry, JsonDocument, Name, OrderName
from ofa_export.contract import DeviceShapes, DType, GraphSpec, TensorSpec, device_contract
from ofa_export.support.frozen_model import FiniteModel

ENTRY = "manifest.json"
MAX_MANIFEST_BYTES = 2**20

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Count = Annotated[int, Field(ge=1, lt=2**40)]
Score = Annotated[str, Field(pattern=r"^[01]\.[0-9]{4}$")]
DecimalText = Annotated[str, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,20}$")]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
RecipeText = Annotated[str, Field(min_length=2, max_length=2**16)]


class Runtime(FiniteModel):
    """The runtime whose graphs the bundle holds, by name, and the oldest version of it that can run them."""

    name: Name
    minimum_version: Name


class Shapes(FiniteModel):
    """The numbers that fix every tensor: T, d, L, C and P."""

    history_length: Annotated[int, Field(ge=1, le=4096)]
    width: Annotated[int, Field(ge=8, le=4096, multiple_of=8)]
    depth: Annotated[int, Field(ge=1, le=64)]
    candidates: Annotated[int, Field(ge=1, le=65536)]
    theta_size: Annotated[int, Field(ge=1, le=2**24)]

    @model_validator(mode="after")
    def _buffers_are_bounded(self) -> Shapes:
        if max(self.history_length, self.candidates) * self.width > 2**24:
            raise ValueError("history_length x width and candidates x width must not exceed 2^24 values")
        return self

    def contract(self) -> tuple[GraphSpec, ...]:
        """Return the graphs, inputs and outputs that these shapes imply."""
        return device_contract(DeviceShapes(**self.model_dump()))


class Tensor(FiniteModel):
    """One input or output of a graph."""

    name: Name
    shape: Annotated[tuple[int, ...], Field(max_length=8)]
    dtype: DType


class Graph(FiniteModel):
    """One named graph: inputs and outputs in binding order."""

    name: Name
    inputs: Annotated[tuple[Tensor, ...], Field(max_length=128)]
    outputs: Annotated[tuple[Tensor, ...], Field(max_length=128)]


class EmbeddingLayout(FiniteModel):
    """Layout of `embeddings.bin`: groups of items, blocks of 8 dimensions, 8 bit planes, and the tiles it kept."""

    items: Count
    width: Count
    block_width: Literal[8]
    group_sizes: Annotated[tuple[Count, ...], Field(min_length=1, max_length=MAX_TILES // 8)]
    planes: Literal[8]
    clip: DecimalText
    exponent: DecimalText
    order: OrderName
    tiles_total: Annotated[int, Field(ge=1, le=MAX_TILES)]
    tiles_kept: Annotated[int, Field(ge=1, le=MAX_TILES)]
    floor_tiles: Annotated[int, Field(ge=1, le=MAX_TILES)]

    @property
    def blocks(self) -> int:
        """N, blocks of a row."""
        return self.width // self.block_width

    @model_validator(mode="after")
    def _fits_together(self) -> EmbeddingLayout:
        if self.width % self.block_width:
            raise ValueError(f"width {self.width} is not a multiple of {self.block_width}")
        if sum(self.group_sizes) != self.items:
            raise ValueError(f"the group sizes add up to {sum(self.group_sizes):,} items, not to {self.items:,}")
        if self.tiles_total != len(self.group_sizes) * self.blocks * self.planes:
            raise ValueError(f"{self.tiles_total} tiles are not groups x blocks x planes")
        if not 0 < float(self.clip) <= 100:
            raise ValueError(f"clip {self.clip} is not above 0 and at most 100")
        if not 0.1 <= float(self.exponent) <= 1:
            raise ValueError(f"exponent {self.exponent} is not in 0.1..1")
        if not self.floor_tiles <= self.tiles_kept <= self.tiles_total:
            raise ValueError(f"{self.tiles_kept} kept tiles are not in {self.floor_tiles}..{self.tiles_total}")
        return self


MADE_HISTORIES = "made histories, which are nobody's: MODEL_CARD.md says what that means"


class TilesQuality(FiniteModel):
    """NDCG@10 with the first `tiles` tiles only."""

    tiles: Count
    ndcg_at_10: Score


class NdcgAt10(FiniteModel):
    """NDCG@10 of the PyTorch reference over all items, four decimals.

    `full_table` is measured with the unquantised item table, each element of `by_tiles` with the first so many tiles,
    ascending. They are the same at every budget: a phone that drops tiles reads there what that costs.
    """

    full_table: Score
    by_tiles: Annotated[tuple[TilesQuality, ...], Field(max_length=256)]

    @model_validator(mode="after")
    def _ascends(self) -> NdcgAt10:
        counts = [each.tiles for each in self.by_tiles]
        if counts != sorted(set(counts)):
            raise ValueError("by_tiles must name each number of tiles once, in ascending order")
        return self

    def expected(self, tiles: int) -> str | None:
        """Return what to expect at least of the first `tiles` tiles: the value of their largest measured prefix."""
        return next((each.ndcg_at_10 for each in reversed(self.by_tiles) if each.tiles <= tiles), None)


class Quality(FiniteModel):
    """Quality by tiles, measured on the validation histories of `users` users; 0 where those were nobody's."""

    ndcg_at_10: NdcgAt10
    users: Bytes

    @property
    def measured_on(self) -> str:
        """The histories that the quality was measured on, in words."""
        return f"{self.users:,} validation histories" if self.users else MADE_HISTORIES


class Ranking(FiniteModel):
    """Rules by which candidates become a ranking."""

    exclude_history: bool


class SelfTestFields(FiniteModel):
    """Contents of `selftest.bin`, and the distance that the phone may keep from it."""

    min_snr_db: DecimalText
    cases: Count

    @model_validator(mode="after")
    def _is_in_range(self) -> SelfTestFields:
        if float(self.min_snr_db) > 300:
            raise ValueError(f"min_snr_db {self.min_snr_db} is not in 0..300")
        return self


class DataSource(FiniteModel):
    """The data the model was trained on; the model card carries the attribution."""

    name: Name
    licence: Text


class ManifestFields(FiniteModel):
    """The fields that do not follow from the content of the bundle.

    Args:
        model_id: name of the model, the same for all of its bundles.
        group: user group that the bundle is made for.
        runtime: name and minimum version.
        precision: weight precision of the graphs, for example "int8".
        shapes: T, d, L, C and P.
        quality: expected quality; the same texts with other digits do not change the size of the bundle.
        ranking: how candidates become a ranking.
        recipe: the resolved recipe, as JSON text: a phone does not look into it.
        tools: version of each tool that took part.
        checkpoint_sha256: digest of the source checkpoint.
        data: what the model was trained on.
    """

    model_id: Name
    group: Name
    runtime: Runtime
    precision: Name
    shapes: Shapes
    quality: Quality
    ranking: Ranking
    recipe: RecipeText
    tools: Annotated[dict[ToolName, Name], Field(max_length=100)]
    checkpoint_sha256: Digest
    data: DataSource


class Manifest(JsonDocument, ManifestFields):
    """The content of `manifest.json`."""

    entry: ClassVar[str] = ENTRY
    max_bytes: ClassVar[int] = MAX_MANIFEST_BYTES

    budget_bytes: Count
    graphs: Annotated[tuple[Graph, ...], Field(max_length=66)]
    entries: Annotated[tuple[Entry, ...], Field(max_length=63)]
    embeddings: EmbeddingLayout
    selftest: SelfTestFields

    @model_validator(mode="after")
    def _fits_together(self) -> Manifest:
        if self.graphs != contract_graphs(self.shapes):
            raise ValueError("the graphs are not those of the tensor contract for these shapes")
        if self.embeddings.width != self.shapes.width:
            raise ValueError(f"embeddings of width {self.embeddings.width} do not fit graphs of {self.shapes.width}")
        names = [entry.name for entry in self.entries]
        if len(names) != 5 or not names[0].startswith("graphs.") or names[1:] != list(FOLLOWING_ENTRIES):
            raise ValueError(f"the entries must be graphs.*, {', '.join(FOLLOWING_ENTRIES)}, not {', '.join(names)}")
        return self

    @property
    def listed(self) -> tuple[Entry, ...]:
        """The entries after the manifest, in file order."""
        return self.entries

    def parts(self, size: int) -> list[tuple[str, int]]:
        """Return names and bytes of what a bundle file of `size` bytes consists of."""
        listed = [(entry.name, entry.bytes) for entry in self.entries]
        return [*listed, ("manifest and archive", size - sum(count for _, count in listed))]


FOLLOWING_ENTRIES = ("embeddings.bin", "items.bin", "selftest.bin", "MODEL_CARD.md")
"""The entries after the manifest and the graphs, in file order."""


def contract_graphs(shapes: Shapes) -> tuple[Graph, ...]:
    """Return the tensor contract as the manifest lists it."""

    def tensors(specs: tuple[TensorSpec, ...]) -> tuple[Tensor, ...]:
        return tuple(Tensor(name=spec.name, shape=spec.shape, dtype=spec.dtype) for spec in specs)

    return tuple(
        Graph(name=spec.name, inputs=tensors(spec.inputs), outputs=tensors(spec.outputs)) for spec in shapes.contract()
    )


def manifest_schema() -> str:
    """Return the JSON Schema of the manifest, as `docs/bundle-manifest.schema.json` holds it."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema()}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
