"""A small checkpoint, bundles that are made from it, and ways to break them while they still claim to be its own."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from toys import CONFIG, random_model, save_checkpoint

from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.writer import BundleContents, fit_tiles, smallest_budget, write_bundle
from ofa_export.converters.registry import GROUP, SECOND_CONVERTERS, SecondConverter, get_converter
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.checkpoint import Checkpoint
from ofa_export.model.checkpoint_reader import load_checkpoint
from ofa_export.model.config import ModelConfig
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.planning.bundle_recipe import BundleRecipe, SelfTestRecipe
from ofa_export.planning.complete_bundle import measured_complete_bundle
from ofa_export.precision import parse_precision
from ofa_export.reporting.byte_shares import ByteShare
from ofa_export.support.content_cache import ContentCache
from ofa_export.support.processes import one_torch_thread
from ofa_export.support.recipes import load_recipe
from ofa_export.targets.host import HostTarget
from ofa_export.targets.protocol import Target
from ofa_export.validation.checks.bundle import accepted_finding
from ofa_export.validation.comparison import Comparison
from ofa_export.validation.finding import Finding, at_least, at_most, reported
from ofa_export.validation.layers.layer_error import LayerError
from ofa_export.validation.reports.coverage import Coverage
from ofa_export.validation.reports.expected_quality import ExpectedQuality, QualityPoint
from ofa_export.validation.reports.report import Report, Subject
from ofa_export.validation.sessions import Latency, ScoreSample
from ofa_export.validation.tolerance import TolerancePolicy
from ofa_export.validation.validate import validate

ROOMY = 10_000_000


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    with one_torch_thread():
        yield


@pytest.fixture(scope="module", autouse=True)
def torch_program_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the converter beside this file as any distribution would; remove it, because other tests list them."""
    site = tmp_path_factory.mktemp("site")
    (site / "torch_program.py").write_bytes((Path(__file__).parent / "torch_program.py").read_bytes())
    info = site / "torch_program-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch-program\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\ntorch-program = torch_program:TorchProgramConverter\n"
        "torch-program-twin = torch_program:TwinProgramConverter\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setitem(SECOND_CONVERTERS, "torch-program-twin", SecondConverter("torch-program", "twin"))
        yield
    sys.modules.pop("torch_program", None)


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "toy", random_model(seed=30))


@pytest.fixture(scope="session")
def checkpoint(checkpoint_folder: Path) -> Checkpoint:
    return load_checkpoint(checkpoint_folder)


@pytest.fixture(scope="session")
def tolerance() -> TolerancePolicy:
    return load_recipe("tolerance", "default", TolerancePolicy)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ContentCache:
    """Kept between runs only where the developer says so: conversions of the real converters take minutes."""
    return ContentCache() if "OFA_EXPORT_CACHE" in os.environ else ContentCache(tmp_path_factory.mktemp("cache"))


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """Makes bundles of the checkpoint, whole or broken, and validates them."""

    checkpoint: Checkpoint
    checkpoint_folder: Path
    tolerance: TolerancePolicy
    store: ContentCache
    folder: Path
    target: Target = field(default_factory=HostTarget)

    def complete(self, *, converter: str = "torch-program", precision: str = "int8", **choices: Any) -> BundleContents:
        recipe = BundleRecipe(
            description="toy",
            precision=precision,
            candidates=25,
            selftest=SelfTestRecipe(),
            **choices,
        )
        return measured_complete_bundle(
            self.checkpoint, converter=get_converter(converter), group=0, recipe=recipe, store=self.store
        )

    def write(self, contents: BundleContents, *, tiles: int | None = None) -> Path:
        path = self.folder / "toy.ofab"
        budget = ROOMY if tiles is None else smallest_budget(contents, tiles)
        write_bundle(path, contents, tiles=fit_tiles(contents, budget), budget=budget, force=True)
        return path

    def validate(self, path: Path, **options: Any) -> Report:
        arguments = {"tolerance": self.tolerance, "store": self.store, **options}
        return validate(path, arguments.pop("checkpoint", self.checkpoint), **arguments)

    @contextmanager
    def comparison(
        self, contents: BundleContents, *, tiles: int | None = None, target: Target | None = None
    ) -> Iterator[Comparison]:
        """A bundle of these contents beside the checkpoint."""
        options = {"target": target or HostTarget(), "policy": self.tolerance, "store": self.store}
        with (
            Bundle.open(self.write(contents, tiles=tiles)) as bundle,
            Comparison.of(bundle, self.checkpoint, **options) as comparison,
        ):
            yield comparison

    @staticmethod
    def failed(report: Report) -> set[str]:
        """Names of the assertions that failed."""
        return {finding.assertion for finding in report.findings if finding.status == "fail"}

    def report(self, contents: BundleContents, **options: Any) -> Report:
        return self.validate(self.write(contents), **options)

    def with_model(
        self,
        breakage: Callable[[AdaptiveRecommender], None],
        *,
        converter: str = "torch-program",
        precision: str = "int8",
        **options: Any,
    ) -> Report:
        """The report on a bundle whose graphs come from a changed copy of the model, and nothing else does."""
        changed = copy.deepcopy(self.checkpoint.model)
        with torch.no_grad():
            breakage(changed)
        graphs = device_graphs(changed, candidates=25)
        return self.with_graphs(graphs, converter=converter, precision=precision, **options)

    def with_graphs(
        self,
        graphs: Sequence[DeviceGraph],
        *,
        converter: str = "torch-program",
        precision: str = "int8",
        **options: Any,
    ) -> Report:
        """The report on a bundle with other graphs, and nothing else is changed."""
        content = get_converter(converter).convert(graphs, precision=parse_precision(precision))
        return self.report(replace(self.complete(converter=converter, precision=precision), graphs=content), **options)


@pytest.fixture
def workshop_of(
    tolerance: TolerancePolicy, store: ContentCache, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Workshop]:
    """A workshop for a checkpoint with other weights or sizes: workshop_of(seed=3, backbone="gated-convolution")."""

    def make(seed: int = 8, **changes: Any) -> Workshop:
        config = ModelConfig.model_validate({**CONFIG.model_dump(), **changes})
        folder = save_checkpoint(tmp_path_factory.mktemp("checkpoints") / "toy", random_model(seed, config))
        return Workshop(
            checkpoint=load_checkpoint(folder),
            checkpoint_folder=folder,
            tolerance=tolerance,
            store=store,
            folder=tmp_path,
        )

    return make


@pytest.fixture
def workshop(
    checkpoint: Checkpoint, checkpoint_folder: Path, tolerance: TolerancePolicy, store: ContentCache, tmp_path: Path
) -> Workshop:
    return Workshop(
        checkpoint=checkpoint,
        checkpoint_folder=checkpoint_folder,
        tolerance=tolerance,
        store=store,
        folder=tmp_path,
    )


SUBJECT = Subject(
    model_id="toy",
    group="0",
    converter="litert",
    precision="int8",
    size_bytes=990_000,
    budget_bytes=1_000_000,
    tiles_kept=40,
    tiles_total=160,
)
GOOD = (
    accepted_finding(None),
    at_most("bundle.size_bytes", 990_000, 1_000_000, "bytes", "Size."),
    at_most("conversion.adapt.hidden.max_abs_err", 0, 1e-5, "abs", "Hidden."),
    at_most("conversion.adapt.theta_0.max_abs_err", 2e-6, 1e-4, "abs", "Theta."),
    at_least("quantisation.adapt.hidden.snr_db", float("inf"), 30, "dB", "Hidden."),
    at_least("quantisation.adapt.theta_0.snr_db", 42.12, 30, "dB", "Theta."),
    reported("ranking.ndcg10.budget_drop", 0.0123, "ndcg", "Cost."),
)
WARNED = (*GOOD, at_most("gates.undecided_flipped_count", 1, 0, "count", "Close one.", otherwise="warn"))
BAD = (
    *WARNED,
    at_least("quantisation.block_0.hidden.snr_db", 12.0, 30, "dB", "Block 0, worst is history 3."),
    at_most("finite.adapt.nonfinite_count", 2, 0, "count", "First in theta_0 & history <1>."),
)


def report_of(*findings: Finding) -> Report:
    return Report(
        bundle="toy.ofab",
        subject=SUBJECT,
        target="host",
        checkpoint_sha256="ab" * 32,
        tolerance="For tests.",
        environment={"python": "3.11"},
        findings=findings,
    )


@pytest.fixture
def good() -> Report:
    return report_of(*GOOD)


@pytest.fixture
def warned() -> Report:
    return report_of(*WARNED)


@pytest.fixture
def bad() -> Report:
    return report_of(*BAD)


@pytest.fixture
def rejected() -> Report:
    report = report_of(accepted_finding("Bundle rejected: it is empty."))
    return replace(report, bundle="broken\x00.ofab", subject=None, environment={})


@pytest.fixture
def full(good: Report) -> Report:
    """A report with everything that a page can show."""
    return replace(
        good,
        environment={"system": "Linux x86_64", "torch": "2.13.0"},
        coverage=Coverage(
            real_histories=214,
            made_histories=1225,
            repeats=26,
            lengths=50,
            all_lengths=50,
            history_items=3100,
            candidate_items=3145,
            all_items=3145,
            candidate_places=99,
            all_candidate_places=100,
            block_combinations=4,
            all_block_combinations=4,
            gate_combinations=3,
        ),
        layers=tuple(
            LayerError(
                graph="adapt",
                layer=f"adapt.layer_{number}",
                scheme="int8",
                max_abs_err=0.1,
                snr_db=30.0 + number,
                own_snr_db=35.0 + number,
                unexplained_snr_db=80.0,
            )
            for number in range(20)
        ),
        scores=ScoreSample(
            reference=(-1.0, 0.0, 2.0, 5.5), device=(-1.0, 0.1, 2.0, 4.0), same_gates=(True, True, True, False)
        ),
        quality=ExpectedQuality(
            points=(
                QualityPoint(tiles=20, file_bytes=900_000, ndcg_at_10=0.1),
                QualityPoint(tiles=160, file_bytes=1_200_000, ndcg_at_10=0.2),
            ),
            expected=0.1,
            full_table=0.21,
            users=1000,
        ),
        parts=(
            ByteShare(
                name="graphs.tflite",
                bytes=700_000,
                inside=(ByteShare(name="adapt.mapper.generators.0", bytes=400_000),),
            ),
            ByteShare(name="embeddings.bin", bytes=290_000, inside=(ByteShare(name="bit plane 0", bytes=200_000),)),
        ),
        latency=tuple(
            Latency(part=part, median_ms=1.25, p90_ms=2.5, sessions=214)
            for part in ("adapt", "blocks", "score", "session")
        ),
    )
