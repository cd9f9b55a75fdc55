"""Ways to break converted files: their constants are found by value, in whatever format, and changed in place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import QuantisationRules

BOTH = ("litert", "executorch")


@dataclass(frozen=True, kw_only=True)
class Constants:
    """The constants of a converted file.

    Args:
        content: the file, changed in place.
        model: what it was converted from.
        rules: of the runtime.
    """

    content: bytearray
    model: AdaptiveRecommender
    rules: QuantisationRules

    def codes(self, layer: nn.Linear) -> NDArray[np.int8]:
        """int8 codes of a layer, `[out, in]`."""
        return (layer.weight / self.scales(layer)[:, None]).round().to(torch.int8).numpy()

    def scales(self, layer: nn.Linear) -> Tensor:
        """Scales of a layer's int8 codes, `[out]`."""
        return (layer.weight.abs().amax(dim=1) / 127).clamp(min=self.rules.int8_smallest_scale)

    def replace(self, old: bytes, new: bytes) -> None:
        """Write over a constant, wherever it lies."""
        places = occurrences(self.content, old)
        assert places and len(old) == len(new), len(places)
        for place in places:
            self.content[place : place + len(old)] = new

    def replace_floats(self, old: Tensor, new: Tensor) -> None:
        """Write over float32 constants; the file may hold other last digits than `old`."""
        wanted = old.detach().flatten().numpy()
        places = [place for shift in range(4) for place in self._floats_at(wanted, shift)]
        assert places
        for place in places:
            self.content[place : place + 4 * len(wanted)] = new.detach().flatten().numpy().tobytes()

    def _floats_at(self, wanted: NDArray[np.float32], shift: int) -> list[int]:
        values = np.frombuffer(bytes(self.content[shift : shift + (len(self.content) - shift) // 4 * 4]), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            first = np.flatnonzero(np.isclose(values, wanted[0], rtol=1e-6, atol=0))
            near = [
                at for at in first if np.allclose(values[at : at + len(wanted)], wanted[: len(values) - at], 1e-6, 0)
            ]
        return [shift + 4 * int(at) for at in near if at + len(wanted) <= len(values)]


@dataclass(frozen=True, kw_only=True)
class FileDefect:
    """One way to break a converted file.

    Args:
        name: what is broken, as the documentation says it.
        found_by: assertions that have to fail, with `*` for any text.
        change: breaks the constants of a sound file.
        converters: whose files can be broken in this way.
        precision: of the file.
        cause: what a finding has to say.
    """

    name: str
    found_by: tuple[str, ...]
    change: Callable[[Constants], None]
    converters: tuple[str, ...] = BOTH
    precision: str = "int8"
    cause: str | None = None


def occurrences(content: bytearray, part: bytes) -> list[int]:
    places, start = [], content.find(part)
    while start >= 0:
        places.append(start)
        start = content.find(part, start + 1)
    return places


def static(model: AdaptiveRecommender, block: int, name: str) -> nn.Linear:
    layer = model.blocks[block].linears[name].static
    assert isinstance(layer, nn.Linear)
    return layer


def weights_swapped(file: Constants) -> None:
    first, second = (file.codes(static(file.model, 0, name)).tobytes() for name in ("query", "key"))
    marker = bytes(range(251, 251 - len(first) % 251, -1)).ljust(len(first), b"\x5a")
    file.replace(first, marker)
    file.replace(second, first)
    file.replace(marker, second)


def weights_of_another_block(file: Constants) -> None:
    first, second = (file.codes(static(file.model, block, "value")).tobytes() for block in (0, 1))
    file.replace(second, first)


def rows_off_by_one(file: Constants) -> None:
    codes = file.codes(file.model.mapper.extractor.mix)
    file.replace(codes.tobytes(), np.roll(codes, 1, axis=0).tobytes())


def zero_point_moved(file: Constants) -> None:
    codes = file.codes(file.model.mapper.generators[0].out)
    moved = codes.copy()
    moved[4] = np.minimum(codes[4].astype(np.int16) + 1, 127)
    file.replace(codes.tobytes(), moved.tobytes())


def one_code_off_by_one(file: Constants) -> None:
    codes = file.codes(static(file.model, 0, "value"))
    changed = codes.copy()
    changed[5, 7] += 1 if codes[5, 7] < 127 else -1
    file.replace(codes.tobytes(), changed.tobytes())


def scale_off(file: Constants) -> None:
    scales = file.scales(file.model.mapper.generators[1].out)
    changed = scales.clone()
    changed[7] *= 1.01
    file.replace_floats(scales, changed)


def bias_dropped(file: Constants) -> None:
    bias = file.model.mapper.generators[0].out.bias
    file.replace_floats(bias, torch.zeros_like(bias))


def positions_shifted(file: Constants) -> None:
    position = file.model.position
    file.replace_floats(position, position.roll(1, dims=0))


def epsilons_changed(file: Constants) -> None:
    file.replace(np.float32(1e-5).tobytes(), np.float32(1e-6).tobytes())


def nibbles_swapped(file: Constants) -> None:
    weight = file.model.mapper.generators[0].out.weight
    scale = weight.abs().amax(dim=1, keepdim=True) / file.rules.int4_steps
    codes = (weight * (1 / scale)).round().clamp(-8, 7).to(torch.int8).numpy().reshape(-1, 2)
    low, high = codes[:, 0] & 15, codes[:, 1] & 15
    file.replace((low | high << 4).astype(np.uint8).tobytes(), (high | low << 4).astype(np.uint8).tobytes())


FILE_DEFECTS: tuple[FileDefect, ...] = (
    FileDefect(
        name="int8 weights of two layers swapped", change=weights_swapped, found_by=("quantisation.block_0.hidden.*",)
    ),
    FileDefect(
        name="int8 weights of one block used for another",
        change=weights_of_another_block,
        found_by=("quantisation.block_1.hidden.*",),
    ),
    FileDefect(
        name="rows of int8 weights off by one", change=rows_off_by_one, found_by=("quantisation.adapt.theta_0.*",)
    ),
    FileDefect(
        name="zero point of one output moved by one step",
        change=zero_point_moved,
        found_by=("rounding.adapt.theta_0.snr_db",),
    ),
    FileDefect(
        name="one int8 code of a block off by one",
        change=one_code_off_by_one,
        found_by=("rounding.block_0.hidden.snr_db",),
    ),
    FileDefect(
        name="scale of one output of int8 weights off by 1 %",
        change=scale_off,
        found_by=("scales.adapt.error_share",),
        cause="output 7 of mapper.generators.1.out",
    ),
    FileDefect(
        name="bias of a converted layer dropped", change=bias_dropped, found_by=("quantisation.adapt.theta_0.*",)
    ),
    FileDefect(
        name="positions of a converted file shifted by one",
        change=positions_shifted,
        found_by=("quantisation.adapt.hidden.*",),
    ),
    FileDefect(
        name="epsilons of a converted file 1e-6 instead of 1e-5",
        change=epsilons_changed,
        found_by=("small_inputs.score.scores.snr_db",),
        converters=("litert",),
    ),
    FileDefect(
        name="int4 nibbles swapped",
        change=nibbles_swapped,
        found_by=("quantisation.adapt.theta_0.*",),
        converters=("litert",),
        precision="int4",
    ),
)
