"""Destinations of bundles: every name is checked before the work on the first of them starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ofa_export.errors import OutputError
from ofa_export.support.output import check_output


def output_paths(names: Sequence[str], output: Path | None, *, force: bool) -> tuple[Path, ...]:
    """Name the file of each bundle; nothing is made yet.

    Args:
        names: of the bundles, when they go into a folder.
        output: a file for one bundle, a folder for any number, None for this folder.
        force: whether existing files may be replaced.

    Returns:
        One path per name; their folder may have to be made (see `make_folder`).

    Raises:
        OutputError: a path exists or cannot be written, or several bundles would go into one file.
    """
    if output is not None and len(names) == 1 and not output.is_dir():
        check_output(output, force=force)
        return (output,)
    folder = output or Path()
    paths = tuple(folder / name for name in names)
    if folder.is_dir():
        for path in paths:
            check_output(path, force=force)
    elif folder.exists() or folder.suffix == ".ofab":
        raise OutputError(
            f"The output {folder} names one file, and {len(names)} bundles will be made: give a folder, "
            "or choose one with --runtime and --group."
        )
    else:
        check_output(folder, force=force)
    return paths


def make_folder(folder: Path) -> None:
    """Make the folder of the outputs if it is not there.

    Raises:
        OutputError: the system refused.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"The output folder {folder} cannot be made: {error.strerror}. Choose another.") from error
