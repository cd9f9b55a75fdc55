"""The phone's library of each converter: the published packages that an app takes it from, and what of them is used."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from ofa_export.precision import ActivationRounding
from ofa_export.targets.android.artifacts import Artifact

HOST_ABI = "x86_64"
"""Whose native libraries run on this computer."""

TENSORFLOW_LITE = Artifact(
    group="org.tensorflow",
    name="tensorflow-lite",
    version="2.16.1",
    kind="aar",
    sha256="34b065817e294e7dd3569504e8b9454938ceae453b6a459da54d5f6e45d3c94e",
)
TENSORFLOW_LITE_API = Artifact(
    group="org.tensorflow",
    name="tensorflow-lite-api",
    version="2.16.1",
    kind="aar",
    sha256="885b95bc9e47a4aa5cf8e71523aed9b05e397cfef1ea09773f13fea8b649fcee",
)
# Its Java classes and XNNPACK build are ExecuTorch's own; the versions after this one carry them no more.
EXECUTORCH = Artifact(
    name="react-native-executorch",
    version="0.8.5",
    kind="tgz",
    sha256="4a1f84df51d75000dd5c28ad11fedd5ec0487f8b8189e8adcb001b9ca485c4b8",
)
FBJNI = Artifact(
    group="com.facebook.fbjni",
    name="fbjni",
    version="0.7.0",
    kind="aar",
    sha256="7e319ae110ac5e5ef18904170aea5c3e753e915d196699d7fd39d36c8e1dfe36",
)
NATIVE_LOADER = Artifact(
    group="com.facebook.soloader",
    name="nativeloader",
    version="0.12.1",
    kind="jar",
    sha256="971ded86009c0ac56fb2275e128f852e7dcbc41a40cd799688f8a1aebde5195d",
)


@dataclass(frozen=True, kw_only=True)
class PhoneLibrary:
    """A runtime as an app carries it.

    Args:
        title: for a person.
        artifacts: the packages; the first is the runtime itself.
        program: our Java class that runs graphs with it.
        abis: that it has native libraries for, as Android names them.
        activations: how it rounds the inputs of quantised layers.
    """

    title: str
    artifacts: tuple[Artifact, ...]
    program: str
    abis: tuple[str, ...]
    activations: ActivationRounding


PHONE_LIBRARIES = {
    "litert": PhoneLibrary(
        title="TensorFlow Lite 2.16.1 for Android",
        artifacts=(TENSORFLOW_LITE, TENSORFLOW_LITE_API),
        program="LiteRt",
        abis=("arm64-v8a", "armeabi-v7a", "x86", "x86_64"),
        # Its own kernel computes quantised layers; XNNPACK, which has a range for every row, does so in later releases.
        activations="symmetric",
    ),
    "executorch": PhoneLibrary(
        title="ExecuTorch for Android (react-native-executorch 0.8.5)",
        artifacts=(EXECUTORCH, FBJNI, NATIVE_LOADER),
        program="Executorch",
        abis=("arm64-v8a", "x86_64"),
        activations="range",
    ),
}
"""Name of the converter that loads the files -> its library."""


def unpacked(artifact: Artifact, content: bytes, *, abi: str = HOST_ABI) -> dict[str, bytes]:
    """Return what of a package runs graphs.

    Args:
        artifact: which package.
        content: its bytes.
        abi: of the native libraries, as Android names it.

    Returns:
        File name -> content: Java classes as NAME.jar, and the native libraries.
    """
    return UNPACK[artifact.kind](artifact.name, content, abi)


def _aar(name: str, content: bytes, abi: str) -> dict[str, bytes]:
    folder = f"jni/{abi}/"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        native = [entry for entry in archive.namelist() if entry.startswith(folder) and entry.endswith(".so")]
        files = {entry.removeprefix(folder): archive.read(entry) for entry in native}
        return {f"{name}.jar": archive.read("classes.jar"), **files}


def _tgz(name: str, content: bytes, abi: str) -> dict[str, bytes]:
    members = {
        f"{name}.jar": "package/android/libs/classes.jar",
        "libexecutorch.so": f"package/third-party/android/libs/executorch/{abi}/libexecutorch.so",
    }
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {file: _member(archive, member) for file, member in members.items()}


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()


def _jar(name: str, content: bytes, abi: str) -> dict[str, bytes]:
    return {f"{name}.jar": content}


UNPACK: dict[str, Callable[[str, bytes, str], dict[str, bytes]]] = {"aar": _aar, "jar": _jar, "tgz": _tgz}
"""Kind of package -> how it is opened."""
