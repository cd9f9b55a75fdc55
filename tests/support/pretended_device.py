"""A device that computers without a GPU have as well: it computes as the processor does, and tells what would not work.

Its tensors cannot be read by numpy, and no operation takes them together with tensors of the processor, as on a GPU.
They are called `meta`, which is a device of PyTorch without numbers of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")

COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
"""What takes a tensor from one device to another."""


class There(Tensor):
    """A tensor on the device, around one of the processor."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> There:
        made: There = Tensor._make_wrapper_subclass(
            cls, here.shape, strides=here.stride(), dtype=here.dtype, device=DEVICE, requires_grad=False
        )
        made.here = here
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return computed(function, arguments, options or {})


@contextmanager
def pretended_device() -> Iterator[None]:
    """Let tensors be made on the device, which has no autocast, inside the block."""
    with pytest.MonkeyPatch.context() as patch, _Made(), _Computed():
        patch.setattr(torch, "is_autocast_enabled", lambda device: False)
        patch.setattr(torch, "autocast", lambda device, enabled: nullcontext())
        yield


class _Made(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        """Do what PyTorch does without an operation: make a tensor, and numbers of one."""
        options = options or {}
        if function is torch.tensor and options.get("device") == DEVICE:
            return There(torch.tensor(*arguments, **{**options, "device": "cpu"}))
        if function is Tensor.tolist:
            return _here(arguments[0]).tolist()
        return function(*arguments, **options)


class _Computed(TorchDispatchMode):
    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), options: Any = None) -> Any:
        return computed(function, arguments, options or {})


def computed(function: Any, arguments: Any, options: dict[str, Any]) -> Any:
    """Compute an operation, and return what it gives where it would be on a real device.

    Args:
        function: the operation.
        arguments: what it is called with.
        options: and by name; `device` says where the result is to be.
    """
    tensors = [value for value in tree_flatten((arguments, options))[0] if isinstance(value, Tensor)]
    there = any(isinstance(value, There) for value in tensors)
    if there and function not in COPIES:
        strange = [value for value in tensors if not isinstance(value, There) and value.ndim]
        assert not strange, f"{function} of tensors on two devices"
    if options.get("device") is not None:
        there = torch.device(options["device"]) == DEVICE
        options = {**options, "device": "cpu"}
    given, named = tree_map(_here, (arguments, options))
    result = function(*given, **named)
    # An operation in place gives back what it was given.
    known = {id(_here(value)): value for value in tensors}

    def placed(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return known.get(id(value), There(value) if there else value)

    return tree_map(placed, result)


def _here(value: Any) -> Any:
    return value.here if isinstance(value, There) else value


class PretendedFabric(Fabric):
    """A Fabric of the device, which Lightning does not know."""

    def __init__(self) -> None:
        super().__init__(accelerator="cpu", devices=1)

    @property
    def device(self) -> torch.device:
        return DEVICE

    def setup_module(self, module: nn.Module, *_: Any, **__: Any) -> Any:
        return super().setup_module(module, move_to_device=False)
