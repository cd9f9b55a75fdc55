from dataclasses import dataclass
from typing import Literal

Scheme = Literal["fp32", "int8", "int4"]


@dataclass(frozen=True, kw_only=True)
class Precision:
    default: Scheme
    layers: tuple[tuple[str, Scheme], ...] = ()
