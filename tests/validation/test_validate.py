"""Bundles that are sound pass; bundles that are broken in one way fail in the assertions that name it, and no others.

Every broken bundle claims to be made from the checkpoint: only its numbers can tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ofa_export.api import converter_extras
from ofa_export.bundle.archive import write_archive
from ofa_export.bundle.archive_reader import read_archive
from ofa_export.bundle.manifest import ENTRY, Manifest
from ofa_export.bundle.reader import Bundle
from ofa_export.bundle.tile_order import prefix_bytes
from ofa_export.converters.registry import get_converter
from ofa_export.errors import ConfigError, RuntimeFailedError, UnknownNameError
from ofa_export.graphs.device import DeviceGraph, device_graphs
from ofa_export.model.network import AdaptiveRecommender
from ofa_export.precision import FP32, INT8
from ofa_export.targets.host import HostTarget
from ofa_export.validation.finding import Finding
from ofa_export.validation.reports.report import Report, exit_code
from ofa_export.validation.validate import CHECKS, LAYER_CHECKS, run_checks, validate

# A second or more each, of which some forty are too many for the fast tier.
pytestmark = pytest.mark.integration

Break = Callable[[AdaptiveRecommender], None]


def finding(report: Report, assertion: str) -> Finding:
    return next(found for found in report.findings if found.assertion == assertion)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("share", [1, 0.4])
def test_a_sound_bundle_passes_with_many_tiles_and_with_few(workshop: Any, precision: str, share: float) -> None:
    contents = workshop.complete(precision=precision)
    report = workshop.validate(workshop.write(contents, tiles=round(share * contents.table.tile_count)))
    assert workshop.failed(report) == set()
    assert exit_code([report]) == 0


def test_a_quantised_bundle_has_both_errors_and_a_full_precision_one_only_its_conversion_s(workshop: Any) -> None:
    groups = {
        precision: {found.group for found in workshop.report(workshop.complete(precision=precision)).findings}
        for precision in ("fp32", "int8")
    }
    assert groups["int8"] - groups["fp32"] == {"quantisation"}
    assert {"bundle", "table", "conversion", "finite", "gates", "session", "ranking", "selftest"} <= groups["fp32"]


def test_every_graph_output_is_compared(workshop: Any) -> None:
    found = {finding.assertion for finding in workshop.report(workshop.complete()).findings}
    outputs = ("adapt.hidden", "adapt.keep_logits", "adapt.theta_0", "adapt.theta_1")
    for output in (*outputs, "block_0.hidden", "block_1.hidden", "score.scores"):
        assert {f"conversion.{output}.max_abs_err", f"quantisation.{output}.snr_db"} <= found


def test_the_same_bundle_gives_the_same_report(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    assert workshop.validate(path) == workshop.validate(path)


def test_a_report_shows_scores_times_bytes_and_expected_quality(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    report = workshop.validate(path)
    assert report.scores is not None and report.quality is not None
    assert len(report.scores.reference) == len(report.scores.device) == len(report.scores.same_gates) > 400
    assert [part.part for part in report.latency] == ["adapt", "blocks", "score", "session"]
    assert sum(part.bytes for part in report.parts) == path.stat().st_size
    assert report.quality.expected == report.quality.points[-1].ndcg_at_10


def test_a_rejected_bundle_shows_nothing(workshop: Any) -> None:
    path = workshop.folder / "broken.ofab"
    path.write_bytes(b"")
    report = workshop.validate(path)
    assert (report.scores, report.quality, report.parts, report.latency) == (None, None, (), ())


def scale_generator(model: AdaptiveRecommender) -> None:
    model.mapper.generators[0].out.weight.mul_(1.3)


def shift_generator_slightly(model: AdaptiveRecommender) -> None:
    model.mapper.generators[1].out.weight.mul_(1.01)


def swap_blocks(model: AdaptiveRecommender) -> None:
    model.blocks = nn.ModuleList(reversed(model.blocks))


def drop_final_norm(model: AdaptiveRecommender) -> None:
    model.final_norm = nn.Identity()


def drop_controller_norm(model: AdaptiveRecommender) -> None:
    model.controller.extractor.norm = nn.Identity()


@pytest.mark.parametrize(
    ("breakage", "blamed"),
    [
        (scale_generator, {"quantisation.adapt.theta_0.snr_db"}),
        (swap_blocks, {"quantisation.block_0.hidden.snr_db", "quantisation.block_1.hidden.snr_db"}),
        (drop_final_norm, {"quantisation.score.scores.snr_db"}),
        (drop_controller_norm, {"quantisation.adapt.keep_logits.snr_db"}),
    ],
)
def test_a_damaged_graph_is_blamed_alone(workshop: Any, breakage: Break, blamed: set[str]) -> None:
    failed = workshop.failed(workshop.with_model(breakage)) - {"bundle.graphs.differing_bytes"}
    # The structural vector is made of the logits, so what damages those reaches theta; nothing else may be blamed.
    reached = {f"quantisation.adapt.theta_{index}.snr_db" for index in (0, 1)}
    allowed = blamed | (reached if breakage is drop_controller_norm else set())
    assert blamed <= {name for name in failed if name.startswith("quantisation.")} <= allowed
    assert not any(name.startswith(("conversion.", "table.", "bundle.", "selftest.expected.")) for name in failed)


def test_one_percent_on_a_weight_shows_at_full_precision(workshop: Any) -> None:
    report = workshop.with_model(shift_generator_slightly, precision="fp32")
    failed = {name for name in workshop.failed(report) if name.startswith("conversion.")}
    assert failed == {"conversion.adapt.theta_1.max_abs_err"}
    assert exit_code([report]) == 4


class Reversed(nn.Module):
    """A score graph that ranks backwards."""

    def __init__(self, score: nn.Module) -> None:
        super().__init__()
        self.score = score

    def forward(self, hidden: Tensor, candidates: Tensor) -> tuple[Tensor]:
        return (-self.score(hidden, candidates)[0],)


def test_reversed_scores_fail_as_scores_and_as_rankings(workshop: Any) -> None:
    *others, score = device_graphs(workshop.checkpoint.model, candidates=25)
    converter = get_converter("torch-program")
    graphs = converter.convert([*others, DeviceGraph(score.spec, Reversed(score.module))], precision=INT8)
    report = workshop.report(replace(workshop.complete(), graphs=graphs))
    assert workshop.failed(report) == {
        "bundle.graphs.differing_bytes",
        "quantisation.score.scores.snr_db",
        "rounding.score.scores.snr_db",
        "small_inputs.score.scores.snr_db",
        "sweep.score.scores.snr_db",
        "sweep.lengths.differing_count",
        "sweep.blocks.differing_count",
        "session.candidates.max_abs_err",
        "session.scores.snr_db",
        "ranking.top10.overlap_share",
        "ranking.ndcg10.drop",
        "selftest.scores.snr_db",
    }


def test_flipped_gates_are_named_with_history_block_and_margin(workshop: Any) -> None:
    def keep_block_0(model: AdaptiveRecommender) -> None:
        model.controller.head_out.bias[1] += 100

    report = workshop.with_model(keep_block_0)
    flips = finding(report, "gates.flipped_count")
    assert flips.status == "fail" and flips.measured
    assert "block 0 of history" in flips.sentence and "(margin -" in flips.sentence
    assert "block 1" not in flips.sentence


def test_a_gate_that_the_reference_left_open_only_warns(workshop: Any) -> None:
    wide = workshop.tolerance.of_precision("int8")
    wide = wide.model_copy(update={"gate_margin": wide.gate_margin.model_copy(update={"limit": 1e9})})
    policy = workshop.tolerance.model_copy(update={"precisions": {**workshop.tolerance.precisions, "int8": wide}})

    def keep_block_0(model: AdaptiveRecommender) -> None:
        model.controller.head_out.bias[1] += 100

    workshop.with_model(keep_block_0)
    report = workshop.validate(workshop.folder / "toy.ofab", tolerance=policy)
    assert finding(report, "gates.flipped_count").status == "pass"
    assert finding(report, "gates.undecided_flipped_count").status == "warn"


def test_nan_fails_by_name_and_ends_the_sessions(workshop: Any) -> None:
    def poison(model: AdaptiveRecommender) -> None:
        model.mapper.generators[0].out.bias[0] = torch.nan

    report = workshop.with_model(poison)
    assert {"finite.adapt.nonfinite_count", "finite.session.nonfinite_count"} <= workshop.failed(report)
    assert "theta_0" in finding(report, "finite.adapt.nonfinite_count").sentence
    assert finding(report, "finite.block_0.nonfinite_count").status == "pass"
    assert exit_code([report]) == 4


def silence(model: AdaptiveRecommender) -> None:
    model.mapper.generators[0].out.weight.zero_()
    model.mapper.generators[0].out.bias.zero_()


def test_a_silent_reference_is_compared_by_the_difference_itself(workshop: Any) -> None:
    generator = workshop.checkpoint.model.mapper.generators[0].out
    weight, bias = generator.weight.clone(), generator.bias.clone()
    try:
        silence(workshop.checkpoint.model)
        sound = workshop.report(workshop.complete())
        broken = workshop.with_model(lambda model: model.mapper.generators[0].out.bias.fill_(0.01))
    finally:
        generator.weight.copy_(weight)
        generator.bias.copy_(bias)
    name = "quantisation.adapt.theta_0.max_abs_err"
    assert (finding(sound, name).status, finding(sound, name).measured) == ("pass", 0)
    assert finding(broken, name).measured == pytest.approx(0.01)
    assert finding(broken, name).status == "fail"
    assert not any(found.assertion == "quantisation.adapt.theta_0.snr_db" for found in sound.findings)


def permuted(tiles: NDArray[np.uint8], start: int, stop: int) -> NDArray[np.uint8]:
    changed = tiles.copy()
    changed[start:stop] = changed[start:stop][::-1]
    return changed


def test_a_tile_whose_items_are_permuted_is_named(workshop: Any) -> None:
    contents = workshop.complete()
    table = contents.table
    starts = prefix_bytes(table.order, table.group_sizes)
    tiles = permuted(table.tiles, int(starts[4]), int(starts[5]))
    report = workshop.report(replace(contents, table=replace(table, tiles=tiles)))
    wrong = finding(report, "table.tiles.differing_bytes")
    assert wrong.status == "fail"
    assert wrong.measured == np.count_nonzero(tiles != table.tiles)
    block, plane = divmod(int(table.order.tiles[4]), 8)
    assert f"tile 4: item group {block // 2}, block {block % 2}, plane {plane}" in wrong.sentence
    # Graphs are fed the checkpoint's table, so a wrong one in the bundle is not blamed on them.
    assert not any(name.startswith(("quantisation.", "conversion.")) for name in workshop.failed(report))


def test_scales_of_another_table_are_found(workshop: Any) -> None:
    contents = workshop.complete()
    rms = (contents.table.rms * np.float32(1.001)).astype(np.float32)
    report = workshop.report(replace(contents, table=replace(contents.table, rms=rms)))
    assert "table.scales.max_abs_err" in workshop.failed(report)
    assert finding(report, "table.tiles.differing_bytes").status == "pass"


def test_a_bundle_of_the_most_popular_items_is_compared_with_a_checkpoint_of_these(workshop: Any) -> None:
    contents = workshop.complete(items=30)
    report = workshop.report(contents)
    assert (workshop.failed(report), contents.table.items) == (set(), 30)
    longer = replace(contents, items_entry=replace(contents.items, keys=("K30", *contents.items.keys[1:])).to_bytes())
    assert "row 0 has 'K30' instead of 'K0'" in finding(workshop.report(longer), "bundle.item_keys").sentence


def test_swapped_item_keys_are_found(workshop: Any) -> None:
    contents = workshop.complete()
    first, second, *others = contents.items.keys
    report = workshop.report(
        replace(contents, items_entry=replace(contents.items, keys=(second, first, *others)).to_bytes())
    )
    assert workshop.failed(report) == {"bundle.item_keys", "bundle.items.differing_bytes"}
    assert "row 0 has 'K1' instead of 'K0'" in finding(report, "bundle.item_keys").sentence


def test_a_self_test_with_other_answers_is_found(workshop: Any) -> None:
    contents = workshop.complete()
    test = contents.selftest
    codes = test.tile_codes.copy()
    codes[3] ^= 0x80
    changed = replace(test, scores=test.scores * np.float32(1.001), tile_codes=codes)
    failed = workshop.failed(workshop.report(replace(contents, selftest=changed)))
    assert failed == {
        "bundle.selftest_inputs.differing_count",
        "selftest.expected.scores.max_abs_err",
        "selftest.expected.tile_codes.differing_count",
        "selftest.tiles.differing_count",
    }


def test_a_budget_below_the_file_s_size_is_a_rejection(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    entries = {name: bytes(data) for name, data in read_archive(memoryview(path.read_bytes())).items()}
    manifest = Manifest.from_bytes(entries[ENTRY])
    entries[ENTRY] = manifest.model_copy(update={"budget_bytes": 5000}).to_bytes()
    stream = BytesIO()
    write_archive(stream, list(entries.items()))
    path.write_bytes(stream.getvalue())
    report = workshop.validate(path)
    assert workshop.failed(report) == {"bundle.accepted"}
    assert "over its own budget of 5,000" in finding(report, "bundle.accepted").sentence
    assert exit_code([report]) == 5


@pytest.mark.parametrize("damage", [b"", b"not a bundle at all"])
def test_what_is_no_bundle_is_a_rejection_with_the_reader_s_reason(workshop: Any, damage: bytes) -> None:
    path = workshop.folder / "broken.ofab"
    path.write_bytes(damage)
    report = workshop.validate(path)
    assert (workshop.failed(report), report.subject, exit_code([report])) == ({"bundle.accepted"}, None, 5)


def test_graphs_that_the_runtime_refuses_are_a_rejection(workshop: Any) -> None:
    graphs = device_graphs(workshop.checkpoint.model, candidates=25)[:-1]
    content = get_converter("torch-program").convert(graphs, precision=FP32)
    report = workshop.report(replace(workshop.complete(), graphs=content))
    assert workshop.failed(report) == {"bundle.accepted"}
    assert report.subject is not None


def test_another_checkpoint_is_named_and_nothing_is_compared(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    report = workshop.validate(path, checkpoint=replace(workshop.checkpoint, sha256="cd" * 32))
    assert workshop.failed(report) == {"bundle.checkpoint"}
    sentence = finding(report, "bundle.checkpoint").sentence
    assert workshop.checkpoint.sha256 in sentence and "cd" * 32 in sentence
    assert {found.group for found in report.findings} == {"bundle"}
    assert exit_code([report]) == 5


def test_a_manifest_that_does_not_fit_the_checkpoint_is_a_broken_contract(workshop: Any) -> None:
    contents = workshop.complete()
    fields = contents.fields.model_copy(
        update={"group": "7", "ranking": contents.fields.ranking.model_copy(update={"exclude_history": False})}
    )
    report = workshop.report(replace(contents, fields=fields))
    sentence = finding(report, "bundle.contract").sentence
    assert finding(report, "bundle.contract").measured == 2
    assert "user group '7'" in sentence and "exclude_history is False" in sentence


def test_a_runtime_that_nobody_knows_is_a_rejection_of_this_bundle(workshop: Any) -> None:
    contents = workshop.complete()
    fields = contents.fields.model_copy(
        update={"runtime": contents.fields.runtime.model_copy(update={"name": "litterbox"})}
    )
    path = workshop.write(replace(contents, fields=fields))
    report = workshop.validate(path)
    assert "no installed converter is for the runtime 'litterbox'; there are executorch, litert, torch-program" in (
        finding(report, "bundle.accepted").sentence
    )
    assert exit_code([report]) == 5
    assert converter_extras([path], cross=True) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rank": 99}, "the recipe does not fit"),
        ({"candidates": 1}, "the recipe's self-test scores 16 candidates, a call of score 1"),
        ({"precision": "int9"}, "the recipe is none"),
    ],
)
def test_a_recipe_that_nothing_can_be_made_of_is_a_broken_contract(
    workshop: Any, change: dict[str, Any], said: str
) -> None:
    contents = workshop.complete()
    recipe = json.dumps({**json.loads(contents.fields.recipe), **change})
    fields = contents.fields.model_copy(update={"recipe": recipe, "precision": "int9"})
    assert said in finding(workshop.report(replace(contents, fields=fields)), "bundle.contract").sentence


def test_an_unknown_target_is_a_usage_error(workshop: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"target 'phone'.*Valid: .*host"):
        workshop.validate(workshop.folder / "none.ofab", target="phone")


def test_a_missing_file_is_a_usage_error(workshop: Any) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        workshop.validate(Path("missing.ofab"))


def test_nothing_is_printed(workshop: Any, capfd: pytest.CaptureFixture[str]) -> None:
    workshop.report(workshop.complete())
    assert capfd.readouterr() == ("", "")


class Failing(HostTarget):
    """A target whose process ends when block 1 is run."""

    name = "failing"

    def load(self, converter: Any, graphs: Any, contract: Any) -> Any:
        return FailingRunner(converter.load(graphs, contract))


@dataclass(frozen=True)
class FailingRunner:
    runner: Any

    def run(self, graph: str, inputs: Any) -> Any:
        if graph == "block_1":
            raise RuntimeFailedError("The process ended while it ran graph block_1.")
        return self.runner.run(graph, inputs)

    def close(self) -> None:
        self.runner.close()


def test_a_target_that_fails_ends_the_checks_and_what_was_found_before_is_kept(workshop: Any) -> None:
    with workshop.comparison(workshop.complete(), target=Failing()) as comparison:
        outcome = run_checks(comparison, (*CHECKS, *LAYER_CHECKS))
    last = outcome.findings[-1]
    assert (last.assertion, last.status) == ("runtime.runs", "fail")
    assert last.sentence == "The process ended while it ran graph block_1."
    assert {found.group for found in outcome.findings} == {"bundle", "runtime", "table"}
    assert "quality" in outcome.held and not outcome.finished & {"finite", "sessions", "layers"}


def test_the_list_of_checks_names_every_check_once_and_before_those_that_need_it() -> None:
    before: set[str] = set()
    for check in (*CHECKS, *LAYER_CHECKS):
        assert check.name not in before
        assert check.needs is None or check.needs in before, check.name
        before.add(check.name)


def test_paths_names_and_an_open_bundle_do_as_well(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    expected = workshop.validate(path)
    assert expected.passed
    by_name = validate(str(path), str(workshop.checkpoint_folder), tolerance="default", store=workshop.store)
    with Bundle.open(path) as bundle:
        opened = workshop.validate(bundle)
    assert by_name == opened == expected
    unnamed = workshop.validate(Bundle(memoryview(path.read_bytes())))
    assert unnamed == replace(expected, bundle=bundle.manifest.model_id)


def test_everything_is_found_out_with_the_file_opened_once(workshop: Any) -> None:
    path = workshop.write(workshop.complete())
    with Bundle.open(path) as bundle:
        path.unlink()
        report = workshop.validate(bundle, layers=True, attribute=True)
    assert report.passed and report.layers and report.attribution
