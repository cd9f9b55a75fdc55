"""Device and precision of a run, and its processes as `torchrun` starts them, through Lightning Fabric.

Fabric picks the backend that processes talk through, averages their gradients (`DistributedDataParallel`) and runs
matrix products in bfloat16 where asked to (`torch.autocast`); parameters, losses and Adam stay in single precision.
PyTorch and Fabric are imported when a run begins, so that a mistyped name is told before.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ofa_export.errors import ConfigError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

AUTO = "auto"
DEVICES = ("cuda", "mps", "cpu")
"""In the order in which `auto` prefers them."""

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
"""Our name of a precision -> Fabric's."""


def check_names(device: str, precision: str) -> None:
    """Refuse a device or precision that does not exist anywhere, without looking at this machine.

    Args:
        device: as given.
        precision: as given.

    Raises:
        ConfigError: there is none of that name.
    """
    if device not in (AUTO, *DEVICES):
        raise ConfigError(f"There is no device '{device}'. Use --device auto, cpu, cuda or mps.")
    if precision not in PRECISIONS:
        raise ConfigError(f"There is no precision '{precision}'. Use --precision fp32 or bf16.")


def open_fabric(*, device: str = "cpu", precision: str = "fp32") -> Fabric:
    """Open the device of a run, and the precision of its matrix products.

    Args:
        device: `cpu`, `cuda`, `mps`, or `auto` for the best one that is here.
        precision: `fp32`, or `bf16` for products of bfloat16 that are summed in single precision.

    Returns:
        A Fabric for this process and the others that `torchrun` started, not launched.

    Raises:
        ConfigError: the device is not here, or does not compute in bfloat16; the sentence says what is.
    """
    check_names(device, precision)
    found = _available()
    chosen = found[0] if device == AUTO else device
    if chosen not in found:
        raise ConfigError(
            f"There is no {chosen} device that this PyTorch can use; there is {' and '.join(found)}. "
            f"Use --device {found[0]} or auto{_missing_cuda(chosen)}."
        )
    if precision == "bf16" and not _has_bf16(chosen):
        raise ConfigError(
            f"This {_NAMES[chosen]} has no instructions for bfloat16, and would be slower with --precision bf16 than "
            "without. Use --precision fp32."
        )
    _check_processes(chosen)
    return fabric_on(chosen, precision)


def precision_of(fabric: Fabric) -> str:
    """Return our name of the precision of a Fabric."""
    return next(name for name, theirs in PRECISIONS.items() if theirs == fabric.strategy.precision.precision)


_NAMES = {"cpu": "processor", "cuda": "GPU", "mps": "Mac"}


def fabric_on(device: str, precision: str) -> Fabric:
    """Return a Fabric without asking whether this machine is fit for it; see `open_fabric`."""
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    # What Fabric says of processes and precision, train says itself.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    count, here = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    shared: dict[str, Any] = {"accelerator": device, "precision": PRECISIONS[precision]}
    if count < 2:
        return Fabric(devices=1, plugins=[LightningEnvironment()], **shared)
    # A step may leave parameters out: a block that its gates skip, a control that adapts to nobody.
    strategy = "ddp_find_unused_parameters_true"
    nodes = count // here
    return Fabric(devices=here, num_nodes=nodes, strategy=strategy, plugins=[TorchElasticEnvironment()], **shared)


def _available() -> list[str]:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [device for device in DEVICES if there[device]]


def _check_processes(device: str) -> None:
    import torch

    started = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    there = {"cuda": torch.cuda.device_count(), "mps": 1}.get(device, started)
    if started > there:
        raise ConfigError(
            f"torchrun started {started} processes on this machine, which has {there} {device} "
            f"device{'s' * (there != 1)}. Start one for each device, or use --device cpu."
        )


def _missing_cuda(device: str) -> str:
    import torch

    if device != "cuda" or torch.version.cuda:
        return ""
    return ", or install a PyTorch with CUDA: the one here was built without it"


def _has_bf16(device: str) -> bool:
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device == "mps":
        return torch.backends.mps.is_macos_or_newer(14, 0)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


@contextmanager
def processes(fabric: Fabric) -> Iterator[None]:
    """Join the other processes of this run inside the block, where `torchrun` has started any.

    On a GPU sums inside the block come out alike each time, so that a resumed run ends with the bytes of an unbroken
    one, and single precision is that also in convolutions.

    Args:
        fabric: of this run.
    """
    from torch import distributed

    with _reproducible(fabric):
        fabric.launch()
        try:
            yield
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()


@contextmanager
def _reproducible(fabric: Fabric) -> Iterator[None]:
    if fabric.device.type != "cuda":
        yield
        return
    import torch

    # Read by cuBLAS when it is first used; PyTorch asks for it wherever sums shall come out alike.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
