"""State dicts of other code bases, read as hostile input: tensors by name out of whatever was saved around them.

People save a state dict alone, in a dictionary beside epochs and optimisers, below a prefix of `DataParallel`,
`torch.compile` or Lightning, or with objects of their own code. All of these are read, and no code of the file is run:
what torch's own reader of tensors cannot decode goes through an unpickler with inert objects for everything foreign.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, ClassVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from ofa_export.errors import CheckpointError
from ofa_export.importing.foreign_files import file_kind
from ofa_export.support.input import open_regular

TORCH_STARTS = (b"PK", b"\x80")
"""First bytes of files of torch.save: a zip archive, or a pickle (older ones)."""

PREFIXES = ("_orig_mod", "module")
"""Parts of names that torch.compile and DataParallel put before those of a module, at any place."""

MODEL_MARKS = ("item_emb.weight", "item_embedding.weight")
"""Tensors that every model that is read has one of; what stands before such a name stands before all of the model's."""

DEPTH = 4
"""How deep in dictionaries tensors are looked for."""


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a file of `torch.save`.

    Args:
        path: the file. It may hold the tensors in a dictionary among other things, and below prefixes.

    Returns:
        name -> tensor, by the names that the module itself has, on the CPU, floating point as float32.

    Raises:
        CheckpointError: no such file, damaged, or not one set of named tensors in it.
    """
    try:
        with open_regular(path) as file:
            start = file.read(9)
        # Safetensors starts with the length of its header in eight bytes, which may be any, and the header with "{".
        found = _load_torch(path) if start.startswith(TORCH_STARTS) and start[8:] != b"{" else _load_safetensors(path)
    except OSError as error:
        if path.is_dir():
            raise CheckpointError(
                f"'{path}' is a folder. Give the file of the tensors in it, such as model.safetensors. Check the path."
            ) from error
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror or error}. Check the path.") from error
    tensors = _without_prefixes(_only_tensors(path, found))
    for name, value in tensors.items():
        # A stride of 0 makes any number of values of one that is stored.
        if value.layout != torch.strided or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(f"'{path}' has less data for the tensor '{name}' than its shape needs.")
    return {name: value.detach().float() if value.is_floating_point() else value for name, value in tensors.items()}


def _load_torch(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            # It warns of pickle protocols that it cannot decode; those are read below.
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        # Not for a TorchScript archive, which the line above refuses with another error: this would load its code.
        return _load_inert(path)
    except OSError:
        raise
    # Damaged archives and hostile pickles end in errors of every kind.
    except Exception as error:
        raise _damaged(path) from error


class Inert:
    """Stands for whatever a pickle names: takes all that is done to it and does nothing."""

    def __new__(cls, *_: object, **__: object) -> Inert:
        """Take any arguments."""
        return super().__new__(cls)

    def __init__(self, *_: object, **__: object) -> None:
        """Take any arguments."""

    def __call__(self, *_: object, **__: object) -> Inert:
        """Take any arguments; the result is as inert."""
        return Inert()

    def __setstate__(self, _: object) -> None:
        """Take any state."""

    def __setitem__(self, _: object, __: object) -> None:
        """Take any item."""

    def append(self, _: object) -> None:
        """Take any item."""

    def extend(self, _: object) -> None:
        """Take any items."""


class PlainDict(dict[Any, Any]):
    """Stands for dictionaries with attributes, such as the `_metadata` of a state dict; the attributes are left out."""

    def __setstate__(self, _: object) -> None:
        """Take any state."""


class InertUnpickler(pickle.Unpickler):
    """Unpickler that makes tensors and plain values, and calls nothing else that a file names."""

    CALLED: ClassVar[Mapping[tuple[str, str], Any]] = {
        ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
        ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
        ("collections", "OrderedDict"): PlainDict,
        ("collections", "defaultdict"): Inert,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for; the torch loader has resolved types of storages before."""
        return self.CALLED.get((module, name)) or type(f"{module}.{name}", (Inert,), {})


def _load_inert(path: Path) -> object:
    def load(file: IO[bytes], **options: Any) -> object:
        return InertUnpickler(file, **options).load()

    reader = SimpleNamespace(Unpickler=InertUnpickler, load=load, __name__="inert_pickle")
    try:
        with warnings.catch_warnings():
            # It warns where it cannot find the source code of a class in the file.
            warnings.simplefilter("ignore", UserWarning)
            # It calls only what InertUnpickler lists, whatever the file says.
            return torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    except OSError:
        raise
    except Exception as error:
        raise _damaged(path) from error


def _load_safetensors(path: Path) -> object:
    try:
        return load_safetensors(path.read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        what = file_kind(path)
        raise CheckpointError(
            f"'{path}' is {what}"
            if what
            else f"'{path}' is neither safetensors nor a file of torch.save, or it is truncated. Copy it again."
        ) from error


def _damaged(path: Path) -> CheckpointError:
    what = file_kind(path)
    return CheckpointError(
        f"'{path}' is {what}" if what else f"'{path}' is truncated or not a file of torch.save. Copy it again."
    )


def _only_tensors(path: Path, found: object) -> dict[str, Tensor]:
    """Return the one set of named tensors in a file; beside it may be anything.

    Raises:
        CheckpointError: there is none, or there are several that could be meant.
    """
    sets = dict(_sets(found, ""))
    if not sets:
        raise CheckpointError(
            f"'{path}' does not hold named tensors{_instead(found)}. Save them with "
            "torch.save(model.state_dict(), 'state_dict.pth')."
        )
    # A model has more tensors than what is saved beside it: scores, states of random numbers, losses with weights.
    place = max(sets, key=lambda place: len(sets[place]))
    alike = [other for other in sets if sets[other].keys() == sets[place].keys()]
    if len(alike) > 1:
        keys = "".join(f"[{key!r}]" for key in alike[0].split("."))
        raise CheckpointError(
            f"'{path}' holds {len(alike)} sets of tensors of the same names: {', '.join(map(repr, alike))}. Keep the "
            "one that is meant:",
            f"saved = torch.load({str(path)!r}, map_location='cpu')",
            f"torch.save(saved{keys}, 'state_dict.pth')",
        )
    return sets[place]


def _sets(found: object, place: str) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Find dictionaries with named tensors in dictionaries, each with the names that lead to it."""
    if not isinstance(found, Mapping) or place.count(".") >= DEPTH:
        return
    tensors = {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for name, value in found.items():
        if isinstance(name, str):
            yield from _sets(value, f"{place}.{name}" if place else name)


def _without_prefixes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors by the names of the module that was trained; what is not in it is left out."""
    plain = {
        ".".join(part for part in name.split(".") if part not in PREFIXES) or name: value
        for name, value in tensors.items()
    }
    prefixes = {
        name.removesuffix(mark)
        for name in plain
        for mark in MODEL_MARKS
        if name.endswith(mark) and name[: -len(mark)].rpartition(".")[2] == ""
    }
    if len(plain) < len(tensors) or len(prefixes) != 1:
        return dict(tensors)
    (prefix,) = prefixes
    return {name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)}


def _instead(found: object) -> str:
    if isinstance(found, Mapping) and "param_groups" in found:
        return ", but the state of an optimiser; the model's own tensors were saved beside it or elsewhere"
    if isinstance(found, Inert):
        return f", but a whole object of {type(found).__name__}, whose code would have to run"
    if isinstance(found, Tensor):
        return ", but one tensor without a name"
    if isinstance(found, Mapping) and found:
        return f"; its entries are {', '.join(repr(name) for name in list(found)[:5])}"
    return ""
