"""The folder of a checkpoint, as far as it can be judged without what reads its tensors."""

from __future__ import annotations

from pathlib import Path

from ofa_export.errors import CheckpointError

PICKLE_SUFFIXES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin"}


def check_folder(path: Path) -> None:
    """Refuse a path that is no folder; commands ask before they load what takes seconds.

    Args:
        path: the folder.

    Raises:
        CheckpointError: it is a file, or not there.
    """
    try:
        next(path.iterdir(), None)
    except NotADirectoryError as error:
        if path.suffix in PICKLE_SUFFIXES:
            raise CheckpointError(
                f"'{path}' is a pickle, which can run code when it is read; it was not opened. "
                "A checkpoint is a folder made by `ofa-export train`."
            ) from error
        raise CheckpointError(
            f"'{path}' is a file. A checkpoint is a folder made by `ofa-export train online-retail -o CHECKPOINT`."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"There is no checkpoint folder '{path}'. Make one with `ofa-export train online-retail -o CHECKPOINT`, "
            "or leave the argument out to use the sample checkpoint."
        ) from error
