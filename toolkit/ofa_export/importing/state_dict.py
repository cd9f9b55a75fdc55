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

MODEL_MARKS = (("item_emb.weight", "pos_emb.weight"), ("item_embedding.weight", "position_embedding.weight"))
"""Every model that is read has a pair of these tensors; what stands before the first stands before all of its names."""

COUNTER = "n_averaged"
"""How many models an average of `torch.optim.swa_utils` is of; no weight."""

DEPTH = 4
"""How deep in dictionaries tensors are looked for."""


class StateDict(dict[str, Tensor]):
    """Tensors by name, and the names in the file of those that are not the model's."""

    left_out: tuple[str, ...] = ()


def read_state_dict(path: Path) -> StateDict:
    """Read the tensors of a safetensors file or of a file of `torch.save`.

    Args:
        path: the file. It may hold the tensors in a dictionary among other things, and below prefixes.

    Returns:
        name -> tensor, by the names that the module itself has, on the CPU, floating point as float32; what stands
        beside the module is left out and named.

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
    tensors, left_out = _without_prefixes(path, _only_tensors(path, found))
    for name, value in tensors.items():
        if value.is_quantized or value.is_meta:
            what = "quantised" if value.is_quantized else "on the device meta, without values"
            raise CheckpointError(f"'{path}' has the tensor '{name}' {what}. Save the float tensors that it came from.")
        # A stride of 0 makes any number of values of one that is stored.
        if value.layout != torch.strided or value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise CheckpointError(f"'{path}' has less data for the tensor '{name}' than its shape needs.")
    made = StateDict(
        (name, value.detach().float() if value.is_floating_point() else value) for name, value in tensors.items()
    )
    made.left_out = left_out
    return made


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
    names = _plain_names(sets[place]) - {COUNTER}
    alike = [other for other in sets if _plain_names(sets[other]) - {COUNTER} == names]
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


def _plain_names(tensors: Mapping[str, Tensor]) -> set[str]:
    return {_plain_name(name) for name in tensors}


def _plain_name(name: str) -> str:
    return ".".join(part for part in name.split(".") if part not in PREFIXES) or name


def _without_prefixes(path: Path, tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors by the names of the module that was trained, and the names of those that are not in it.

    Raises:
        CheckpointError: there are several such modules.
    """
    plain = {_plain_name(name): value for name, value in tensors.items() if name != COUNTER}
    positions = {
        name.removesuffix(item): name.removesuffix(item) + position
        for name in plain
        for item, position in MODEL_MARKS
        if name.endswith(item) and name[: -len(item)].rpartition(".")[2] == ""
    }
    # Of several tables of items, those of a model have positions beside them.
    whole = [prefix for prefix, position in positions.items() if position in plain]
    prefixes = whole if len(positions) > 1 else list(positions)
    if len(prefixes) > 1:
        names = " and ".join(sorted(f"'{prefix}…'" for prefix in prefixes))
        raise CheckpointError(
            f"'{path}' holds the tensors of {len(prefixes)} models together, named {names}. Save those of one alone."
        )
    if len(plain) < len(tensors) - (COUNTER in tensors) or not prefixes:
        return dict(tensors), ()
    (prefix,) = prefixes
    kept = {name.removeprefix(prefix): value for name, value in plain.items() if name.startswith(prefix)}
    return kept, tuple(name for name in plain if not name.startswith(prefix))


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
