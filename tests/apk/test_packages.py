"""The app is one, whether Maven, Gradle or `ofa-export apk` builds it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree

from ofa_export.apk.app_resources import MIN_SDK, TARGET_SDK
from ofa_export.apk.packages import ANDROID, FRAMEWORK, KOTLIN, SERIALIZATION
from ofa_export.support.resources import shipped

DEMO = shipped("android_demo")


def properties(path: Path) -> dict[str, str]:
    found = ElementTree.parse(path).getroot().find("{*}properties")
    assert found is not None
    return {each.tag.partition("}")[2]: each.text or "" for each in found}


def test_all_builds_take_the_same_versions() -> None:
    parent, app = properties(DEMO / "pom.xml"), properties(DEMO / "app" / "pom.xml")
    assert (parent["kotlin.version"], parent["serialization.version"]) == (KOTLIN, SERIALIZATION)
    assert (app["android.version"], app["android.resources.version"]) == (ANDROID.version, FRAMEWORK.version)
    assert (int(app["android.min"]), int(app["android.target"])) == (MIN_SDK, TARGET_SDK)
    catalogue = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text())["versions"]
    assert (catalogue["kotlin"], catalogue["serialization"]) == (KOTLIN, SERIALIZATION)
    gradle = (DEMO / "app" / "build.gradle.kts").read_text()
    assert re.findall(r"(?:minSdk|targetSdk) = (\d+)", gradle) == [str(MIN_SDK), str(TARGET_SDK)]
