"""The folder of a checkpoint and what may be in it, as far as it can be judged without what reads its tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ofa_export.errors import CheckpointError, UnknownNameError

HistoryKind = Literal["real", "synthetic", "none"]
HISTORY_KINDS: tuple[HistoryKind, ...] = ("real", "synthetic", "none")
"""Validation histories of people, walks along what several people share, or drawn ones (`training.kept_histories`)."""

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


def check_kind(kind: str) -> HistoryKind:
    """Return the name of a kind of validation histories.

    Args:
        kind: `real`, `synthetic` or `none`.

    Raises:
        UnknownNameError: it is none of them.
    """
    for known in HISTORY_KINDS:
        if kind == known:
            return known
    raise UnknownNameError("kind of validation histories", kind, HISTORY_KINDS)
