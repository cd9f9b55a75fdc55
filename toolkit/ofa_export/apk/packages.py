"""Published packages that the app is built with and of, by version and digest."""

from __future__ import annotations

from ofa_export.targets.android.artifacts import Artifact
from ofa_export.targets.android.libraries import PHONE_LIBRARIES

KOTLIN = "2.4.10"
SERIALIZATION = "1.12.0"


def _kotlin(name: str, sha256: str, *, version: str = KOTLIN) -> Artifact:
    return Artifact(group="org.jetbrains.kotlin", name=name, version=version, kind="jar", sha256=sha256)


def _kotlinx(name: str, version: str, sha256: str) -> Artifact:
    return Artifact(group="org.jetbrains.kotlinx", name=name, version=version, kind="jar", sha256=sha256)


ANDROID = Artifact(
    group="org.robolectric",
    name="android-all",
    version="15-robolectric-14663667-2",
    kind="jar",
    sha256="34ffc4b2ab328bb255d5e4752a20d50f815a739dbe4340b6819057b2f56cc132",
)
"""Android's classes, API 35. It has none of Java's own."""

FRAMEWORK = Artifact(
    group="org.robolectric",
    name="android-all",
    version="14-robolectric-10818077",
    kind="jar",
    sha256="6be2218c6a53fe3c57bc22ebdc723edcb7270a8a6f187545708aa5c0ed813977",
)
"""Android's resources, API 34: Debian's aapt2 cannot read the table of API 35."""

R8 = Artifact(
    group="com.android.tools",
    name="r8",
    version="9.5.28",
    kind="jar",
    sha256="38a9ffaaebbd17d1514e3ecbff5a85b989bb13c551b9e224c7409514eea84ff5",
)

KOTLIN_STDLIB = _kotlin("kotlin-stdlib", "4ec0293bc3751423b203f1d8493251c57c42e73eb6377a6b8560d0974ff0a6df")
ANNOTATIONS = Artifact(
    group="org.jetbrains",
    name="annotations",
    version="13.0",
    kind="jar",
    sha256="ace2a10dc8e2d5fd34925ecac03e4988b2c0f851650c94b8cef49ba1bd111478",
)

KOTLIN_COMPILER = (
    _kotlin("kotlin-compiler-embeddable", "9309638a2ee03e6bde9ef4b7444055a94b84ab906563675d71ff9aecb64da913"),
    _kotlin("kotlin-daemon-embeddable", "547d969a2eab602fe0bdfd9fcb1b563a5c6d30099d3351394d6427eba8288467"),
    _kotlin("kotlin-script-runtime", "f4a5b30c2fdfbe386b097101b7989dbeea3743c06396136664784e08e15c6899"),
    _kotlin("kotlin-reflect", "3277ac102ae17aad10a55abec75ff5696c8d109790396434b496e75087854203", version="1.6.10"),
    _kotlinx(
        "kotlinx-coroutines-core-jvm", "1.8.0", "9860906a1937490bf5f3b06d2f0e10ef451e65b95b269f22daf68a3d1f5065c5"
    ),
    KOTLIN_STDLIB,
    ANNOTATIONS,
)
"""The compiler and what it needs to run."""

SERIALIZATION_PLUGIN = _kotlin(
    "kotlin-serialization-compiler-plugin-embeddable",
    "b1467b515c7dd8b24a79bd402a41ac7d2c208c6be96b5b53d21f8147d6566f5e",
)
"""Writes the readers and writers of classes that are marked `@Serializable`."""

APP_LIBRARIES = (
    KOTLIN_STDLIB,
    ANNOTATIONS,
    _kotlinx(
        "kotlinx-serialization-core-jvm",
        SERIALIZATION,
        "bcfddcac76159058ba0953af05938c17111d238cd41be7191874656454d62f1a",
    ),
    _kotlinx(
        "kotlinx-serialization-json-jvm",
        SERIALIZATION,
        "879eb73e46cb63253ab0fa7cca4448f5c96bca1a16ff377abcb71ebab60e0631",
    ),
)
"""Libraries that the app's sources import, runtimes apart."""

RUNTIME_PACKAGES = tuple(artifact for library in PHONE_LIBRARIES.values() for artifact in library.artifacts)
"""The classes of both runtimes are in every app; it finds out when it runs which native library is there."""

BUILD_PACKAGES = tuple(
    dict.fromkeys((ANDROID, FRAMEWORK, R8, *KOTLIN_COMPILER, SERIALIZATION_PLUGIN, *APP_LIBRARIES, *RUNTIME_PACKAGES))
)
"""All that a build fetches, once."""
