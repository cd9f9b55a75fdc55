"""Applying a delta: the result byte for byte, checked as a bundle before anyone sees it, or an error."""

from __future__ import annotations

import hashlib
from io import BytesIO

from ofa_export.bundle.archive import Buffer, write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.delta import Change, Delta
from ofa_export.bundle.reader import Bundle
from ofa_export.errors import BundleError, DeltaError, RejectionCode


def apply_delta(base: memoryview, delta: Delta) -> bytes:
    """Apply a delta to a bundle.

    Args:
        base: the whole file of the bundle at hand, checked.
        delta: a delta, from `Delta.from_bytes`.

    Returns:
        The whole file of the result, a bundle that `Bundle` accepts.

    Raises:
        DeltaError: it was made for another bundle, asks for bytes that the base does not have, or what it makes is not
            the result that it promises, or no bundle.
    """
    _check_base(base, delta)
    held = read_archive(base)
    stream = BytesIO()
    write_archive(stream, [(change.name, _content(change, held, delta.parts)) for change in delta.fields.entries])
    result = stream.getvalue()
    if hashlib.sha256(result).hexdigest() != delta.fields.result.sha256:
        reason = "what it makes does not have the SHA-256 that it promises for the result."
        raise DeltaError(reason, code=RejectionCode.RESULT_DIGEST)
    try:
        Bundle(memoryview(result))
    except BundleError as error:
        reason = f"what it makes is not a bundle: {error.reason}"
        raise DeltaError(reason, code=error.code, entry=error.entry) from error
    return result


def _check_base(base: memoryview, delta: Delta) -> None:
    digest, fields = hashlib.sha256(base).hexdigest(), delta.fields
    if (len(base), digest) == (fields.base.bytes, fields.base.sha256):
        return
    if digest == fields.result.sha256:
        reason = "the bundle given is already its result: nothing has to be done."
        raise DeltaError(reason, code=RejectionCode.ALREADY_APPLIED)
    raise DeltaError(
        f"it was made for another bundle, of {fields.base.bytes:,} bytes with SHA-256 {fields.base.sha256}; the one "
        f"given has {len(base):,} bytes and SHA-256 {digest}. Give that bundle, or have a delta made from this one.",
        code=RejectionCode.OTHER_BASE,
    )


def _content(change: Change, held: dict[str, memoryview], parts: dict[str, Buffer]) -> Buffer:
    data, part = held.get(change.name, memoryview(b"")), parts.get(change.name, b"")
    if change.kept > len(data):
        raise DeltaError(
            f"it keeps {change.kept:,} bytes of an entry of which the bundle given has {len(data):,}.",
            code=RejectionCode.KEPT_BYTES,
            entry=change.name,
        )
    return b"".join((data[: change.kept], part)) if part else data[: change.kept]
