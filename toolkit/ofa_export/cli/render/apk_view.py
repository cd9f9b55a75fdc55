"""Output of `ofa-export apk` about the app that it made, for people and for programs."""

from __future__ import annotations

from typing import Any

from ofa_export.apk.build import MadeApk
from ofa_export.apk.page_alignment import LARGE_PAGE, page_alignment
from ofa_export.cli.render.columns import columns
from ofa_export.cli.render.console import print_out
from ofa_export.targets.android.libraries import PHONE_LIBRARIES


def print_apk(made: MadeApk) -> None:
    """Parts, native libraries and what a phone is told."""
    badging, signature = made.badging, made.signature
    total = made.bytes
    print_out(f"{made.path}: {total:,} bytes, {badging.package} {badging.version}", "")
    parts = [(part.name, f"{part.bytes:,}", f"{part.bytes / total:.1%}") for part in made.parts]
    print_out(*columns([("part", "bytes", "share"), *parts], align="<>>"), "")
    rows = [
        (each.name, each.abi, f"{len(each.content):,}", f"{page_alignment(each.content) // 1024} KB")
        for each in made.libraries
    ]
    print_out(*columns([("native library", "for", "bytes", "pages up to"), *rows], align="<<>>"), "")
    facts = {
        "Android": f"API {badging.min_sdk} or newer, written for API {badging.target_sdk}",
        "permissions": ", ".join(badging.permissions) or "none",
        "signature": f"{', '.join(signature.schemes)}; {_key(made)}",
        "certificate": f"SHA-256 {signature.certificate_sha256}",
    }
    print_out(*columns(list(facts.items()), align="<<"))
    for runtime in _small_pages(made):
        print_out(
            "",
            f"{PHONE_LIBRARIES[runtime].title} was made for pages of 4 KB: phones with pages of 16 KB (some with "
            "Android 15 and later) do not load it, and the app says so.",
        )


def apk_json(made: MadeApk) -> dict[str, Any]:
    """Describe the same for programs."""
    badging = made.badging
    return {
        "path": str(made.path),
        "bytes": made.bytes,
        "package": badging.package,
        "version": badging.version,
        "version_code": badging.version_code,
        "activity": badging.activity,
        "min_sdk": badging.min_sdk,
        "target_sdk": badging.target_sdk,
        "permissions": list(badging.permissions),
        "abis": list(badging.abis),
        "signature": {
            "schemes": list(made.signature.schemes),
            "certificate_sha256": made.signature.certificate_sha256,
            "debug_key": made.key.debug,
        },
        "parts": [vars(part) for part in made.parts],
        "bundles": [
            {"entry": each.entry, "runtime": each.runtime, "bytes": len(each.content)} for each in made.bundles
        ],
        "libraries": [
            {
                "entry": each.entry,
                "runtime": each.runtime,
                "abi": each.abi,
                "bytes": len(each.content),
                "page_alignment": page_alignment(each.content),
            }
            for each in made.libraries
        ],
    }


def _key(made: MadeApk) -> str:
    if made.key.debug:
        return "debug key of this computer, not for a store"
    return f"key {made.key.alias} of {made.key.keystore}"


def _small_pages(made: MadeApk) -> list[str]:
    return sorted({each.runtime for each in made.libraries if page_alignment(each.content) < LARGE_PAGE})
