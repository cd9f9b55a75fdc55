"""`fleet.json`: the plan of a fleet, written before its first bundle."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from ofa_export.bundle.document import Bytes, Digest, Name, first_problem
from ofa_export.bundle.manifest import Count, Score
from ofa_export.errors import FleetError
from ofa_export.support.frozen_model import FiniteModel
from ofa_export.support.plain_values import TextError, read_json

VERSION: Literal["2.0"] = "2.0"

BundleName = Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f]{1,200}\.ofab$")]


class FleetBundle(FiniteModel):
    """One bundle of a fleet, as planned.

    Args:
        name: of the file.
        runtime: whose graphs it holds.
        group: user group.
        budget_bytes: what it may have.
        bytes: what it has.
        tiles: embedding tiles that it keeps.
        tiles_total: embedding tiles of the table.
        ndcg_at_10: expected; None where the checkpoint has no validation histories.
    """

    name: BundleName
    runtime: Name
    group: Bytes
    budget_bytes: Count
    bytes: Count
    tiles: Count
    tiles_total: Count
    ndcg_at_10: Score | None


class FleetIndex(FiniteModel):
    """The content of `fleet.json`.

    Args:
        version: of this format.
        checkpoint_sha256: digest of the checkpoint that all bundles are made from.
        bundles: in the order of the plan.
    """

    version: Literal["2.0"]
    checkpoint_sha256: Digest
    bundles: Annotated[tuple[FleetBundle, ...], Field(min_length=1, max_length=100_000)]

    def to_bytes(self) -> bytes:
        """JSON with an indent, for people too."""
        return self.model_dump_json(indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> FleetIndex:
        """Read `fleet.json`.

        Raises:
            FleetError: it is of another version, or damaged.
        """
        try:
            read_json(data)
            return cls.model_validate_json(data)
        except TextError as error:
            raise FleetError(f"fleet.json is damaged or of another version: {error}.") from error
        except ValidationError as error:
            raise FleetError(f"fleet.json is damaged or of another version: {first_problem(error)}") from error

    def names(self) -> tuple[str, ...]:
        """Return names of all bundles, in order."""
        return tuple(bundle.name for bundle in self.bundles)
