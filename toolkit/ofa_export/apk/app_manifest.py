"""The app's manifest, completed with what the Android Gradle plugin would add by itself."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from ofa_export.errors import AppBuildError

ANDROID = "http://schemas.android.com/apk/res/android"


def completed_manifest(path: Path) -> bytes:
    """Complete a manifest so that native libraries are left in the APK.

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
