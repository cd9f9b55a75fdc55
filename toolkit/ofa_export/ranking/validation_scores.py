"""Quality of many versions of one network on the validation histories; what versions have in common is run once.

In float64: what is promised of a bundle must not depend on the processor that measured it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.data.histories import PAD
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.exact import in_float64
from ofa_export.model.fake_quantised import device_layer
from ofa_export.model.mapper import StructureGuidedMapper
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import Precision, Scheme
from ofa_export.ranking.metrics import TOP, ndcg
from ofa_export.ranking.table_ranks import ItemTable, counting_threads, table_ranks

BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Interest:
    """Outputs of controller and extractors for some histories, before any version's own generators.

    Args:
        keep_logits: [B, L, 2].
        z: [B, d].
    """

    keep_logits: Tensor
    z: Tensor


class ValidationScores:
    """The validation histories of a user group against several tables.

    Ranks, depth caps and the generators' precision differ between versions; controller and extractors take almost half
    of the time and are the same in all that give those layers the same schemes.

    Args:
        checkpoint: whose network the versions are of.
        group: user group.
        tables: what devices would read.
    """

    def __init__(self, checkpoint: Checkpoint, *, group: int, tables: Sequence[ItemTable]) -> None:
        validation = checkpoint.validation.of_group(group)
        histories, self.targets = validation.histories, validation.targets
        self.users = len(self.targets) + len(validation.missed_groups)
        self.seen = histories if checkpoint.config.data.exclude_history else None
        self.tables = tables
        # Histories name few of many items; only these are looked up.
        self.met = np.unique(histories[histories != PAD])
        self.histories = np.where(histories == PAD, PAD, np.searchsorted(self.met, histories))
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
        """Return NDCG@10 with each table, full ranking, and how often each block is executed with the last one.

        Args:
            model: a version: `bundled` of the checkpoint's network, fake-quantised.
            precision: of its layers.
        """
        model, found, executed = in_float64(model), [], np.empty(0)
        with counting_threads() as workers:
            for index, table in enumerate(self.tables):
                states, gates = map(torch.cat, zip(*self._answers(model, precision, index), strict=True))
                executed = gates.mean(dim=0, dtype=torch.float64).numpy()
                ranks = table_ranks(states, table, self.targets, history=self.seen, workers=workers)
                found.append(float(ndcg(ranks, TOP).sum()) / self.users)
        return found, executed

    def _answers(self, model: AdaptiveRecommender, precision: Precision, index: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Users' last states [B, d] and gates [B, L], batch by batch."""
        mapper = model.mapper
        adapts = isinstance(mapper, StructureGuidedMapper)
        interests = self._interest(model, precision, index) if adapts else []
        for number, (x, valid) in enumerate(self._embedded(model, index)):
            if adapts:
                gates = model.controller.decide(interests[number].keep_logits)
                thetas = mapper.generate(interests[number].z)
            else:
                adaptation = model.adapt(x, valid)
                gates, thetas = adaptation.gates, adaptation.thetas
            yield model.states(model.run_blocks(x, valid, gates, thetas))[:, -1], gates

    def _interest(self, model: AdaptiveRecommender, precision: Precision, index: int) -> list[Interest]:
        key = (tuple(precision.scheme_of(layer) for layer in self.common), index)
        if key not in self._interests:
            made = []
            for x, valid in self._embedded(model, index):
                keep_logits = model.controller(x, valid)
                made.append(Interest(keep_logits=keep_logits, z=model.mapper.interest(x, valid, keep_logits)))
            self._interests[key] = made
        return self._interests[key]

    def _embedded(self, model: AdaptiveRecommender, index: int) -> Iterator[tuple[Tensor, Tensor]]:
        # Looked up each time: the embeddings of all tables would take several times a table's memory.
        embeddings = torch.from_numpy(self.tables[index].lookup(self.met)).double()
        for start in range(0, len(self.histories), BATCH):
            rows = torch.from_numpy(self.histories[start : start + BATCH].astype(np.int64))
            yield model.embed_rows(embeddings, rows)
