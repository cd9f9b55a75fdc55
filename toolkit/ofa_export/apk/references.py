"""A check that everything dex files refer to is there: in them, or on the phone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ofa_export.apk.dex_file import DexClass, Reference, parse_dex
from ofa_export.apk.platform import PlatformClasses

OBJECT = "java/lang/Object"


def unresolved(dex_files: Iterable[bytes], platform: PlatformClasses) -> list[str]:
    """Names of classes, fields and methods that would be missing on the phone.

    R8 ends a build for a class that is missing, and for no field or method: those it would leave to the phone, which
    then throws NoSuchMethodError.

    Args:
        dex_files: all of an app.
        platform: what the phone has.

    Returns:
        Sorted; empty when all is there.
    """
    parsed = [parse_dex(content) for content in dex_files]
    own = {each.name: each for dex in parsed for each in dex.classes}
    types = {name for dex in parsed for name in dex.types}
    references = {reference for dex in parsed for reference in dex.references}
    missing = {name.replace("/", ".") for name in types if name not in own and name not in platform}
    missing |= {str(each) for each in references if not _is_there(each, own, platform)}
    return sorted(missing)


def _is_there(reference: Reference, own: Mapping[str, DexClass], platform: PlatformClasses) -> bool:
    # Arrays have the methods of Object.
    start = OBJECT if reference.owner.startswith("[") else reference.owner
    member = (reference.name, reference.descriptor)
    return any(member in members for members in _members(start, own, platform))


def _members(name: str, own: Mapping[str, DexClass], platform: PlatformClasses) -> Iterator[frozenset[tuple[str, str]]]:
    """Members of a class and of all above it; an interface has those of Object, too."""
    waiting, seen = [name, OBJECT], set()
    while waiting:
        name = waiting.pop(0)
        if name not in seen and (name in own or name in platform):
            seen.add(name)
            found = own[name] if name in own else platform[name]
            yield found.members
            waiting += found.above
