"""How many versions of one network rank the validation histories; what versions have in common is run once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.metrics import ndcg, target_ranks
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import device_layer
from ofa_export.model.mapper import StructureGuidedMapper
from ofa_export.model.network import AdaptiveRecommender, lookup
from ofa_export.planning.quality import group_probes
from ofa_export.precision import Precision, Scheme

BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Interest:
    """What controller and extractors make of some histories, before any version's own generators.

    Args:
        keep_logits: [B, L, 2].
        z: [B, d].
    """

    keep_logits: Tensor
    z: Tensor


class ProbeScores:
    """The validation histories of a user group against several tables.

    Ranks, depth caps and the generators' precision differ between versions; controller and extractors take almost half
    of the time and are the same in all that give those layers the same schemes.

    Args:
        checkpoint: whose network the versions are of.
        group: user group.
        tables: each [V, d], what a device would read.
    """

    def __init__(self, checkpoint: Checkpoint, *, group: int, tables: Sequence[Float[Tensor, "V d"]]) -> None:
        chosen = group_probes(checkpoint, group)
        self.histories, self.targets = checkpoint.probes.histories[chosen], checkpoint.probes.targets[chosen]
        self.seen = self.histories if checkpoint.config.data.exclude_history else None
        self.tables = tables
        self.common = tuple(
            device_layer(path)
            for part in ("controller", "mapper")
            for path, module in checkpoint.model.get_submodule(part).named_modules(prefix=part)
            if isinstance(module, nn.Linear) and not path.startswith("mapper.generators")
        )
        self._interests: dict[tuple[tuple[Scheme, ...], int], list[Interest]] = {}

    @torch.no_grad()
    def qualities(
        self, model: AdaptiveRecommender, precision: Precision
    ) -> tuple[list[float], Float[NDArray[np.float64], " L"]]:
        """NDCG@10 with each table, full ranking, and how often each block is executed with the last one.

        Args:
            model: a version: `bundled` of the checkpoint's network, fake-quantised.
            precision: of its layers.
        """
        found, executed = [], np.empty(0)
        for index in range(len(self.tables)):
            parts = list(self._scored(model, precision, index))
            scores = np.concatenate([part for part, _ in parts])
            executed = np.concatenate([part for _, part in parts]).mean(axis=0, dtype=np.float64)
            found.append(float(ndcg(target_ranks(scores, self.targets, history=self.seen), 10).mean()))
        return found, executed

    def _scored(
        self, model: AdaptiveRecommender, precision: Precision, index: int
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Scores [B, V] and gates [B, L], batch by batch."""
        table, mapper = self.tables[index], model.mapper
        adapts = isinstance(mapper, StructureGuidedMapper)
        interests = self._interest(model, precision, index) if adapts else []
        for number, (x, valid) in enumerate(self._embedded(model, table)):
            if adapts:
                gates = model.controller.decide(interests[number].keep_logits)
                thetas = mapper.generate(interests[number].z)
            else:
                adaptation = model.adapt(x, valid)
                gates, thetas = adaptation.gates, adaptation.thetas
            for block, gate, theta in zip(model.blocks, gates.T.bool(), thetas, strict=True):
                # What has gate 0 is not run, as on a device.
                if gate.any():
                    x[gate] = block(x[gate], valid[gate], theta[gate])
            yield (model.states(x)[:, -1] @ table.T).numpy(), gates.numpy()

    def _interest(self, model: AdaptiveRecommender, precision: Precision, index: int) -> list[Interest]:
        key = (tuple(precision.scheme_of(layer) for layer in self.common), index)
        if key not in self._interests:
            made = []
            for x, valid in self._embedded(model, self.tables[index]):
                keep_logits = model.controller(x, valid)
                made.append(Interest(keep_logits=keep_logits, z=model.mapper.interest(x, valid, keep_logits)))
            self._interests[key] = made
        return self._interests[key]

    def _embedded(self, model: AdaptiveRecommender, table: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.histories), BATCH):
            rows = torch.from_numpy(self.histories[start : start + BATCH].astype(np.int64))
            valid = model.valid((rows >= 0).sum(dim=1))
            yield model.embed(lookup(table, rows), valid), valid
