"""The description of an APK for a phone, read back by aapt2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ofa_export.apk.run_tool import run_step

PACKAGE = re.compile(r"^package: name='([^']*)' versionCode='(\d+)' versionName='([^']*)'", re.M)
LEAST, TARGET = re.compile(r"^sdkVersion:'(\d+)'", re.M), re.compile(r"^targetSdkVersion:'(\d+)'", re.M)
PERMISSION = re.compile(r"^uses-permission(?:-sdk-23)?: name='([^']*)'", re.M)
ABIS = re.compile(r"^native-code:(.*)$", re.M)
ACTIVITY = re.compile(r"^launchable-activity: name='([^']*)'", re.M)


@dataclass(frozen=True, kw_only=True)
class Badging:
    """The facts that an APK tells a phone.

    Args:
        package: the app's name among all apps.
        version: for people.
        version_code: for phones: a higher one replaces a lower one.
        activity: what is opened from the list of apps.
        min_sdk: the oldest API level that it installs on.
        target_sdk: the one that it was written for.
        permissions: that it asks for, sorted.
        abis: that it has native libraries for.
    """

    package: str
    version: str
    version_code: int
    activity: str
    min_sdk: int
    target_sdk: int
    permissions: tuple[str, ...]
    abis: tuple[str, ...]


def read_badging(apk: Path) -> Badging:
    """Read an APK's badging.

    Args:
        apk: the file.

    Raises:
        AppBuildError: aapt2 cannot read it.
    """
    text = run_step(["aapt2", "dump", "badging", apk], step="read the APK back", folder=apk.parent)
    package, code, version = PACKAGE.findall(text)[0]
    return Badging(
        package=package,
        version=version,
        version_code=int(code),
        activity=ACTIVITY.findall(text)[0],
        min_sdk=int(LEAST.findall(text)[0]),
        target_sdk=int(TARGET.findall(text)[0]),
        permissions=tuple(sorted(PERMISSION.findall(text))),
        abis=tuple(re.findall(r"'([^']*)'", " ".join(ABIS.findall(text)))),
    )
