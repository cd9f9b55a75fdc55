"""The index of a fleet: every bundle as it was planned, with the digest of its manifest.

It is `plan.json` while the fleet is being made, and `fleet.json` when it is whole. A manifest names the digests of its
entries, so the index vouches for every byte.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from ofa_export.bundle.document import Bytes, Digest, Name, first_problem
from ofa_export.bundle.manifest import Count, Score
from ofa_export.errors import FleetError
from ofa_export.support.frozen_model import FiniteModel
from ofa_export.support.plain_values import TextError, read_json

VERSION: Literal["2.0"] = "2.0"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("must not hold characters that cannot be seen")
    return name


BundleName = Annotated[str, Field(pattern=r"^[^/\\]{1,200}\.ofab$"), AfterValidator(_printable)]


class FleetBundle(FiniteModel):
    """One bundle of a fleet, as planned.

    Args:
        name: of the file.
        runtime: whose graphs it holds.
        group: user group.
        budget_bytes: what it may have.
        bytes: what it has.
        manifest_sha256: digest of its manifest.
        tiles: embedding tiles that it keeps.
        tiles_total: embedding tiles of the table.
        ndcg_at_10: expected; None where the checkpoint has no validation histories.
    """

    name: BundleName
    runtime: Name
    group: Bytes
    budget_bytes: Count
    bytes: Count
    manifest_sha256: Digest
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

    @field_validator("bundles")
    @classmethod
    def _have_names_of_their_own(cls, bundles: tuple[FleetBundle, ...]) -> tuple[FleetBundle, ...]:
        # Some file systems take 4MB and 4mb for one name.
        if len({one.name.lower() for one in bundles}) != len(bundles):
            raise ValueError("two bundles have one name")
        return bundles

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
        except (TextError, ValidationError) as error:
            problem = first_problem(error) if isinstance(error, ValidationError) else f"{error}."
            raise FleetError(
                f"fleet.json is damaged or of another version: {problem} Have it made again: the same `fleet` command "
                "with --force replaces it."
            ) from error

    def names(self) -> tuple[str, ...]:
        """Return names of all bundles, in order."""
        return tuple(bundle.name for bundle in self.bundles)
