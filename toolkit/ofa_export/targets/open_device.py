"""A bundle on the host build of its runtime."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ofa_export.bundle.reader import Bundle
from ofa_export.converters.registry import get_converter
from ofa_export.device.loop import Device


@contextmanager
def open_device(bundle: Bundle) -> Iterator[Device]:
    """Load a bundle's graphs into its runtime on this computer.

    Args:
        bundle: an open bundle.

    Returns:
        A context manager that gives the device and frees the runtime's memory at the end.

    Raises:
        BundleError: the graphs are not what the manifest says.
        UnknownNameError: no converter of this computer runs the bundle.
    """
    runner = get_converter(bundle.manifest.runtime.name).load(bundle.graphs, bundle.manifest.shapes.contract())
    try:
        yield Device(bundle, runner)
    finally:
        runner.close()
