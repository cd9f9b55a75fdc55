"""Early checks of what a command was given, before anything is imported that takes seconds: names, files and outputs.

The rooms check the same again, and more; a mistyped path must not wait for PyTorch to be told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ofa_export.data.data_recipe import SAMPLE_NAMES
from ofa_export.errors import CheckpointError, ConfigError, InteractionsError, UnknownNameError
from ofa_export.model.checkpoint_folder import check_folder, check_kind


def check_checkpoints(*folders: Path | None) -> None:
    """Refuse checkpoints that are no folder.

    Args:
        folders: as given; None where the option was left out.

    Raises:
        CheckpointError: one is a file, or not there.
    """
    for folder in folders:
        if folder is not None:
            check_folder(folder)


def check_history_kind(kind: str | None) -> None:
    """Refuse validation histories of a kind that there is not.

    Args:
        kind: as given; None where the option was left out.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if kind is not None:
        check_kind(kind)


def check_interactions(
    name_or_path: str | None,
    *,
    columns: Mapping[str, str],
    others: Sequence[Path | None] = (),
    wanted: Sequence[str] | None = None,
) -> None:
    """Refuse interactions that are no sample and no table with such columns, and tables beside them that are not there.

    Args:
        name_or_path: a packaged sample, or a file; None where the option was left out.
        columns: our name of a column -> its name in the file, where that differs.
        wanted: our names of the columns to look for; all by default. A recipe that is read later may name others.
        others: files of titles and items; None where the option was left out.

    Raises:
        InteractionsError: a file is not there, or the interactions have no such columns.
        UnknownNameError: it looks like the name of a sample, and there is none of that name.
    """
    if name_or_path is not None and name_or_path not in SAMPLE_NAMES and not Path(name_or_path).exists():
        path = Path(name_or_path)
        if not path.suffix and len(path.parts) == 1:
            raise UnknownNameError("sample data set or interactions file", name_or_path, SAMPLE_NAMES)
        raise InteractionsError(f"There is no file {path}. Check the path.")
    for other in others:
        if other is not None and not other.exists():
            raise InteractionsError(f"There is no file {other}. Check the path.")
    if name_or_path is not None and name_or_path not in SAMPLE_NAMES:
        from ofa_export.data.interactions import COLUMNS
        from ofa_export.data.tables import open_table

        named = {role: name for role, name in columns.items() if role in COLUMNS}
        if wanted is None or wanted:
            open_table(Path(name_or_path), COLUMNS if wanted is None else wanted, named=named)


def check_titles(titles: Path | None, columns: Mapping[str, str]) -> None:
    """Refuse a name for the title's column where no file has titles.

    Args:
        titles: file of titles; None where the option was left out.
        columns: our name of a column -> its name in the files, as options say.

    Raises:
        ConfigError: it would change nothing.
    """
    if titles is None and "title" in columns:
        raise ConfigError("--title-column names a column of --titles, and there are none. Give --titles FILE, too.")


def check_tensors(path: Path) -> None:
    """Refuse a file of tensors that is not there.

    Raises:
        CheckpointError: it is not.
    """
    if not path.exists():
        raise CheckpointError(f"There is no file '{path}'. Check the path.")
