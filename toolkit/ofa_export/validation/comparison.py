"""A bundle beside the checkpoint that it was made from, resolved once: all that checks compare and reports show."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from ofa_export.bundle.codes import EncodedTable, encode
from ofa_export.bundle.manifest import Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.table import ElasticTable
from ofa_export.bundle.writer import BundleContents
from ofa_export.contract import GraphRunner, GraphSpec
from ofa_export.converters.conversion import convert_cached
from ofa_export.converters.protocol import Converter
from ofa_export.converters.registry import (
    converter_names,
    converter_of,
    get_converter,
    other_converter,
    runtime_names,
)
from ofa_export.device.loop import Device
from ofa_export.errors import BundleError, ConfigError, RejectionCode
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.graphs.layers import linear_layers
from ofa_export.graphs.taps import tapped_graph
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.fake_quantised import fake_quantised
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import BundleRecipe
from ofa_export.planning.complete_bundle import make_complete_bundle
from ofa_export.planning.item_selection import ItemSelection
from ofa_export.planning.quality_curve import QualityCurve
from ofa_export.planning.reduced_checkpoint import bundled
from ofa_export.precision import Precision
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.decibels import decibels
from ofa_export.targets.protocol import Target
from ofa_export.validation.explained_loss import ModuleRunner
from ofa_export.validation.histories import (
    PER_LENGTH,
    ValidationHistories,
    made_histories,
    validation_histories,
)
from ofa_export.validation.layers.layer_error import LayerRun, run_layers
from ofa_export.validation.quantised_reference import known_rounding, quantised_reference
from ofa_export.validation.reference import Reference, Tensors, run_graphs, run_modules, run_reference
from ofa_export.validation.sessions import Sessions, run_sessions
from ofa_export.validation.sweep import Sweep, block_combinations, nearest_rounding, run_sweep
from ofa_export.validation.tolerance import PrecisionLimits, TolerancePolicy


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """A bundle, its checkpoint, and what follows from the two; each part is made when it is first asked for, and kept.

    Parts that need a bundle of this very checkpoint mean something only after the checks of checkpoint and contract.
    Use it as a context manager: it closes what was loaded on the target.

    Args:
        bundle: an open one.
        trained: the checkpoint as it was trained, with all of its items.
        target: where the bundle's graphs run.
        converter: what made them.
        other: the runtime's other converter, to compare with; None where nobody asked.
        policy: the limits.
        limits: those of the precision that the bundle's recipe asks for.
        store: keeps conversions and attributions.
    """

    bundle: Bundle
    trained: Checkpoint
    target: Target
    converter: Converter
    other: Converter | None
    policy: TolerancePolicy
    limits: PrecisionLimits
    store: ContentCache
    _loaded: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        checkpoint: Checkpoint,
        *,
        target: Target,
        policy: TolerancePolicy,
        store: ContentCache,
        cross: bool = False,
    ) -> Comparison:
        """Put a bundle beside its checkpoint.

        Args:
            bundle: an open one.
            checkpoint: as it was trained.
            target: where the bundle's graphs are to run.
            policy: the limits.
            store: keeps conversions and attributions.
            cross: whether the runtime's other converter is compared with, too.

        Raises:
            BundleError: no converter that is installed is for the bundle's runtime.
            UnknownNameError: the policy has no limits for its precision.
            ConfigError: `cross`, and the runtime has one converter only.
        """
        name = converter_of(bundle.manifest.runtime.name, bundle.manifest.tools)
        if name not in converter_names():
            reason = f"no installed converter is for the runtime '{name}'; there are {', '.join(runtime_names())}."
            raise BundleError(reason, code=RejectionCode.DOCUMENT, entry="manifest.json")
        return cls(
            bundle=bundle,
            trained=checkpoint,
            target=target,
            converter=get_converter(name),
            other=get_converter(other_converter(name)) if cross else None,
            policy=policy,
            limits=policy.of_precision(_limited_precision(bundle.manifest, policy)),
            store=store,
        )

    def __enter__(self) -> Comparison:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loaded.close()

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest."""
        return self.bundle.manifest

    @property
    def converters(self) -> tuple[Converter, ...]:
        """The bundle's converter, and the other one where it is compared with."""
        return (self.converter,) if self.other is None else (self.converter, self.other)

    @cached_property
    def recipe(self) -> BundleRecipe:
        """The recipe of the bundle.

        Raises:
            ValidationError: the manifest's is none.
        """
        return BundleRecipe.model_validate_json(self.manifest.recipe)

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint with network and items as the recipe cuts them; as trained where the recipe does not fit."""
        if user_group(self.manifest, self.trained) is None:
            return self.trained
        try:
            return bundled(self.trained, recipe=self.recipe)
        except (ValidationError, ConfigError):
            return self.trained

    @cached_property
    def group(self) -> int:
        """User group of the bundle."""
        return int(self.manifest.group)

    @cached_property
    def histories(self) -> ValidationHistories:
        """The histories that both are run on."""
        return validation_histories(self.checkpoint, group=self.group, maximum=self.policy.histories)

    @cached_property
    def graphs(self) -> tuple[DeviceGraph, ...]:
        """The device graphs of the reference, at full precision."""
        return device_graphs(self.checkpoint.model, candidates=self.manifest.shapes.candidates)

    @cached_property
    def specs(self) -> tuple[GraphSpec, ...]:
        """Names and shapes of the graphs."""
        return tuple(graph.spec for graph in self.graphs)

    @cached_property
    def rounded(self) -> AdaptiveRecommender:
        """The network whose layers round as on the host, with which the manifest's quality was measured."""
        return fake_quantised(self.checkpoint.model, self.recipe.precision, converter=self.converter)

    @cached_property
    def predicted_graphs(self) -> tuple[DeviceGraph, ...]:
        """Graphs that round as the bundle's do on the target: exactly where that is known, nearly elsewhere."""
        converter, activations = self.converter.name, self.target.activations(self.converter)
        model = quantised_reference(self.rounded, self.checkpoint.model, converter=converter, activations=activations)
        return device_graphs(model, candidates=self.manifest.shapes.candidates)

    @cached_property
    def quantised_graphs(self) -> tuple[DeviceGraph, ...]:
        """The quantised reference: graphs that round as the bundle's do on the target, where that is known."""
        return known_rounding(self.predicted_graphs, converter=self.converter.name)

    @cached_property
    def predicted_outputs(self) -> Mapping[str, Tensors]:
        """Outputs that the precision alone would give on the reference's inputs, of all graphs."""
        return run_modules(self.predicted_graphs, self.reference.inputs)

    @cached_property
    def predicted_sessions(self) -> Sessions:
        """Whole sessions with the predicted graphs in place of the bundle's."""
        return self._sessions(Device(self.bundle, ModuleRunner(self.predicted_graphs)))

    @cached_property
    def rebuilt(self) -> BundleContents:
        """What goes into the bundle, with every tile, made again from checkpoint and recipe by the code that bundles.

        Qualities in manifest and card are those that the bundle promises: they are measured again apart.

        Raises:
            LoweringError: the converter refused the graphs.
            MissingToolError: the converter is not installed.
        """
        promised = self.manifest.quality.ndcg_at_10
        curve = QualityCurve(
            full_table=float(promised.full_table),
            by_tiles=tuple((each.tiles, float(each.ndcg_at_10)) for each in promised.by_tiles),
            users=self.manifest.quality.users,
        )
        contents = make_complete_bundle(
            self.selection, converter=self.converter, recipe=self.recipe, curve=curve, store=self.store
        )
        fields = contents.fields.model_copy(update={"recipe": self.recipe.manifest_text()})
        return replace(contents, fields=fields)

    @cached_property
    def selection(self) -> ItemSelection:
        """The items of the bundle, with the item table as it is before any tile is left out."""
        return ItemSelection(self.trained, group=self.group, items=self.recipe.items)

    @cached_property
    def encoded(self) -> EncodedTable:
        """All tiles of the checkpoint's item table, coded as the bundle's are."""
        book = self.bundle.table.book
        return encode(
            self.checkpoint.table(self.group).numpy(),
            group_sizes=self.checkpoint.config.model.group_sizes,
            clip=book.clip,
            exponent=book.exponent,
        )

    @cached_property
    def table(self) -> ElasticTable:
        """The table that the bundle has to hold: the checkpoint's codes, the bundle's own order and number of tiles."""
        table = self.bundle.table
        return ElasticTable.from_encoded(self.encoded, table.order).with_tiles(table.tile_count)

    @cached_property
    def reference(self) -> Reference:
        """Inputs and outputs of the graphs in PyTorch, with the table that the bundle has to hold."""
        table = torch.from_numpy(self.table.all_rows())
        return run_reference(self.graphs, rows=self.histories.rows, table=table)

    @cached_property
    def quantised_outputs(self) -> Mapping[str, Tensors]:
        """Outputs of the quantised reference on the same inputs; none of graphs whose rounding is not known."""
        return run_modules(self.quantised_graphs, self.reference.inputs)

    @cached_property
    def runner(self) -> GraphRunner:
        """The bundle's graphs, loaded on the target.

        Raises:
            BundleError: the file is none of the runtime, or not as the contract says.
            RuntimeFailedError: the target refused it, crashed on it or did not answer.
            ConfigError: the target does not run here, or not for this converter.
            MissingToolError: something that the target needs is not installed.
        """
        runner = self.target.load(self.converter, self.bundle.graphs, self.manifest.shapes.contract())
        self._loaded.callback(runner.close)
        return runner

    @cached_property
    def outputs(self) -> Mapping[str, Tensors]:
        """Outputs of the bundle's graphs on the reference's inputs, each graph alone."""
        return run_graphs(self.runner, self.specs, self.reference, entry=self.converter.entry_name)

    @cached_property
    def device(self) -> Device:
        """The bundle on the target, as a phone runs it."""
        return Device(self.bundle, self.runner)

    @cached_property
    def sessions(self) -> Sessions:
        """Whole sessions on the device and in the reference.

        Raises:
            NumericsError: a graph returned values that are not finite.
        """
        return self._sessions(self.device)

    def _sessions(self, device: Device) -> Sessions:
        return run_sessions(
            device, self.checkpoint, self.histories, group=self.group, table=self.table, trained=self.trained
        )

    @cached_property
    def sweep(self) -> Sweep:
        """Histories of every length, with every item and every combination of blocks, after those that are compared."""
        combinations, real = block_combinations(self.checkpoint.config.model.depth), self.histories.rows
        made = made_histories(
            items=self.checkpoint.config.model.items,
            history_length=self.checkpoint.config.model.history_length,
            fewest=PER_LENGTH * len(combinations),
            most=self.policy.made_histories,
        )
        tried = combinations[np.arange(len(made)) % len(combinations)]
        return self.swept(np.concatenate([real, made]), np.concatenate([self.reference.gates > 0.5, tried]))

    def swept(self, rows: NDArray[np.int32], blocks: NDArray[np.bool_]) -> Sweep:
        """Run histories through the bundle's graphs and those that are predicted: nearly, where rounding is not known.

        Args:
            rows: int32 `[M, T]`, -1 where padded.
            blocks: which blocks run, `[M, L]`.
        """
        return run_sweep(
            self.runner,
            self.graphs,
            self.predicted_graphs,
            self.checkpoint.model.controller,
            rows=rows,
            blocks=blocks,
            table=torch.from_numpy(self.table.all_rows()),
            entry=self.converter.entry_name,
        )

    def nearest_rounding_db(self, history: int, *, graph: str, output: str) -> float:
        """Compare the device with predicted graphs whose inputs moved in their last digits, in one history of `sweep`.

        Args:
            history: its number.
            graph: that is run again.
            output: of it.

        Returns:
            The best signal-to-noise ratio that comes up, in decibels.
        """
        part = slice(history, history + 1)
        table = torch.from_numpy(self.table.all_rows())
        reference = run_reference(self.graphs, rows=self.sweep.rows[part], table=table, blocks=self.sweep.blocks[part])
        (index,) = (number for number, spec in enumerate(self.specs) if spec.name == graph)
        given = run_graphs(self.runner, self.specs[index : index + 1], reference, entry=self.converter.entry_name)
        noise = nearest_rounding(
            self.predicted_graphs[index], reference.inputs[graph], given[graph][output], output=output
        )
        return float(decibels(self.sweep.outputs[graph, output].signal.mean(), np.array(noise)))

    @cached_property
    def layer_runs(self) -> Mapping[str, LayerRun]:
        """Every graph, converted again with its layers as outputs and run on the target; by name.

        Raises:
            LoweringError: the converter refused the graphs with their layers as outputs.
            MissingToolError: the converter is not installed.
        """
        tapped = [tapped_graph(graph) for graph in self.graphs]
        rounded = device_graphs(self.rounded, candidates=self.manifest.shapes.candidates)
        precision, rules = self.recipe.precision, self.converter.rules
        schemes = {
            name: rules.applied(precision.scheme_of(name), in_features=layer.in_features)
            for name, layer in linear_layers(self.graphs).items()
        }
        graphs = [each.graph for each in tapped]
        content = convert_cached(graphs, converter=self.converter, precision=precision, store=self.store)
        with closing(self.target.load(self.converter, content, [graph.spec for graph in graphs])) as runner:
            return {
                exact.spec.name: run_layers(
                    runner,
                    each,
                    self.reference.inputs[exact.spec.name],
                    exact=exact.module,
                    rounded=designed.module,
                    schemes=schemes,
                    entry=self.converter.entry_name,
                )
                for each, exact, designed in zip(tapped, self.graphs, rounded, strict=True)
            }

    def converted(self, converter: Converter, precision: Precision) -> bytes:
        """Convert the reference's graphs, or take their conversion from the store.

        Args:
            converter: one of the bundle's runtime.
            precision: of the graphs' layers.
        """
        return convert_cached(self.graphs, converter=converter, precision=precision, store=self.store)

    def outputs_of(self, runner: GraphRunner) -> Mapping[str, Tensors]:
        """Run the graphs of another file on the reference's inputs, each graph alone, and close them.

        Args:
            runner: the graphs, loaded here or on the target.

        Returns:
            graph -> output -> values `[H, ...]`.
        """
        with closing(runner):
            return run_graphs(runner, self.specs, self.reference, entry=self.converter.entry_name)


def user_group(manifest: Manifest, checkpoint: Checkpoint) -> int | None:
    """Find the user group that a bundle is made for.

    Args:
        manifest: of the bundle.
        checkpoint: what it is compared with.

    Returns:
        Its number, or None when the checkpoint has no such group.
    """
    name = manifest.group
    if not (name.isascii() and name.isdigit() and int(name) < checkpoint.config.model.user_groups):
        return None
    return int(name)


def _limited_precision(manifest: Manifest, policy: TolerancePolicy) -> str:
    """Name the recipe's precision: another name in the manifest is a finding of its own, and may be any text."""
    try:
        return BundleRecipe.model_validate_json(manifest.recipe).precision.name
    except ValidationError:
        # That there is no recipe is a finding after which nothing is held against any limit.
        return min(policy.precisions)
