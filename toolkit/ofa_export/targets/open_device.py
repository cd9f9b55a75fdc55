"""A bundle on the runtime of a target."""

from __future__ import annotations

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device
from ofa_export.targets.host import HOST
from ofa_export.targets.registry import get_target


def open_device(bundle: Bundle, *, target: str = HOST) -> Device:
    """Load a bundle's graphs into its runtime.

    Args:
        bundle: an open bundle; keep it open as long as the device is used.
        target: where the graphs run: `host` is this process; `android`, `arm64-neon`, `arm64-dotprod` and `arm64-i8mm`
            are the phone's libraries and its processor, in processes of their own.

    Returns:
        The device. Close it, or use it as a context manager: that frees the runtime's memory.

    Raises:
        BundleError: the graphs are not what the manifest says.
        ConfigError: the target does not run on this computer.
        MissingToolError: the bundle's runtime, or what the target needs, is not installed.
        RuntimeFailedError: the target refused the graphs, or crashed on them.
        UnknownNameError: there is no such target; or no converter of this computer runs the bundle.
    """
    converter = get_converter(bundle.manifest.runtime.name)
    return Device(bundle, get_target(target).load(converter, bundle.graphs, bundle.manifest.shapes.contract()))
