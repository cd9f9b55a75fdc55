"""Resources: what aapt2 makes of layouts, texts and the manifest."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ofa_export import __version__
from ofa_export.apk.run_tool import Words, run_step
from ofa_export.apk.sources import AppSources
from ofa_export.errors import AppBuildError

MIN_SDK, TARGET_SDK = 26, 35
"""Android 8.0 and 15."""

VERSION_CODE = 1
"""Android replaces an app by one of the same or a higher number."""

ANDROID = "http://schemas.android.com/apk/res/android"


@dataclass(frozen=True, kw_only=True)
class LinkedResources:
    """Resources in the form that a phone reads.

    Args:
        files: name in the APK -> content; the binary manifest is one of them.
        java: folder with R.java, the numbers by which code names resources.
        rules: for R8: the classes that manifest and layouts name.
    """

    files: dict[str, bytes]
    java: Path
    rules: Path


def link_resources(sources: AppSources, *, framework: Path, folder: Path) -> LinkedResources:
    """Compile and link the app's resources.

    Args:
        sources: of the app.
        framework: the jar with Android's own resources.
        folder: for what is made; existing and empty.

    Raises:
        AppBuildError: aapt2 refused them.
    """
    manifest, compiled, linked = folder / "AndroidManifest.xml", folder / "compiled.zip", folder / "linked.apk"
    java, rules = folder / "generated", folder / "resources.pro"
    manifest.write_bytes(completed_manifest(sources.manifest))
    step = "link the app's resources"
    run_step(["aapt2", "compile", "--dir", sources.resources, "-o", compiled], step=step, folder=folder)
    link: Words = [
        "aapt2",
        "link",
        "-I",
        framework,
        "--manifest",
        manifest,
        "--java",
        java,
        "--proguard",
        rules,
    ]
    versions = {
        "--min-sdk-version": MIN_SDK,
        "--target-sdk-version": TARGET_SDK,
        "--version-code": VERSION_CODE,
        "--version-name": __version__,
    }
    options = [str(part) for pair in versions.items() for part in pair]
    run_step([*link, *options, "-o", linked, compiled], step=step, folder=folder)
    with zipfile.ZipFile(linked) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return LinkedResources(files=files, java=java, rules=rules)


def completed_manifest(path: Path) -> bytes:
    """Return a manifest with native libraries left in the APK.

    They lie there uncompressed, at the start of a page: Android maps them from there. Without this attribute it would
    unpack each a second time onto the phone.

    Args:
        path: the manifest as it is in the sources.

    Raises:
        AppBuildError: it is no XML, or says nothing of an application.
    """
    ElementTree.register_namespace("android", ANDROID)
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise AppBuildError(f"{path} is not XML: {error}. Mend it.") from error
    application = root.find("application")
    if application is None:
        raise AppBuildError(f"{path} has no element application. Add it.")
    application.set(f"{{{ANDROID}}}extractNativeLibs", "false")
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))
