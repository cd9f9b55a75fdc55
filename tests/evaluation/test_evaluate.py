from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile import HOSTILE, assert_harmless, tags

from ofa_export.cli.render.console import print_out
from ofa_export.cli.render.evaluation_view import evaluation_lines
from ofa_export.errors import ConfigError
from ofa_export.evaluation.controls import ControlRuns
from ofa_export.evaluation.evaluate import Evaluation, evaluate
from ofa_export.evaluation.evaluation_report import evaluation_html, evaluation_json
from ofa_export.evaluation.subject import Subject, open_subject
from ofa_export.evaluation.summary import byte_rows, fine_tuned_rows, group_rows, over_seeds, rows, segment_rows
from ofa_export.evaluation.table_methods import table_methods
from ofa_export.support.progress_callback import no_progress

pytestmark = pytest.mark.integration

BESIDE = {
    "popularity", "markov", "adapted", "every_block", "random_gates", "mean_theta", "not_adapted", "another_user",
    "static_1", "static_2", "static_longer", "no_gates", "no_structure", "shared_generator",
}  # fmt: skip


def test_everything_that_has_to_be_beaten_stands_beside_the_checkpoint(evaluations: list[Evaluation]) -> None:
    found = rows(evaluations)
    assert {row.name for row in found} == BESIDE
    assert all(row.lead is None if row.name == "adapted" else row.lead is not None for row in found)
    assert all(row.ndcg.users == len(evaluations[0].users) == 40 for row in found)


def test_rows_are_means_over_seeds_of_the_same_users(evaluations: list[Evaluation]) -> None:
    adapted = [evaluation.entry("adapted").quality.ndcg for evaluation in evaluations]
    markov = [evaluation.entry("markov").quality.ndcg for evaluation in evaluations]
    by_name = {row.name: row for row in rows(evaluations)}
    assert by_name["adapted"].ndcg.mean == pytest.approx(np.mean(adapted))
    assert by_name["adapted"].spread == pytest.approx(np.std([values.mean() for values in adapted], ddof=1))
    assert by_name["markov"].lead.mean == pytest.approx(np.mean(adapted) - np.mean(markov))
    assert rows(evaluations[:1])[0].spread is None


def test_gradient_steps_are_compared_on_their_own_users(evaluations: list[Evaluation]) -> None:
    found = fine_tuned_rows(evaluations)
    assert [row.steps for row in found] == [1, 5, 10]
    for row, one, other in zip(found, evaluations[0].fine_tuned, evaluations[1].fine_tuned, strict=True):
        tuned = np.concatenate([one.quality.ndcg, other.quality.ndcg])
        adapted = np.concatenate([one.adapted.ndcg, other.adapted.ndcg])
        assert row.lead.mean == pytest.approx(adapted.mean() - tuned.mean())
        assert row.learning_rates == (one.how.learning_rate, other.how.learning_rate)


def test_tables_are_relative_to_our_full_one_and_rivals_meet_ours_of_no_more_bytes(
    evaluations: list[Evaluation],
) -> None:
    found = byte_rows(evaluations)
    assert found[0].method == "full_table"
    assert {row.method for row in found[1:]} == {method.name for method in table_methods()}
    full = over_seeds([evaluation.byte_points[0].quality for evaluation in evaluations]).ndcg.mean()
    ours = [row for row in found if row.method == "tiles"]
    for row in found:
        assert row.relative == pytest.approx(row.ndcg.mean / full)
        if row.lead is not None:
            rival = max((tile for tile in ours if tile.bytes <= row.bytes), key=lambda tile: tile.bytes)
            assert row.lead.mean == pytest.approx(rival.ndcg.mean - row.ndcg.mean)


def test_user_groups_are_compared_with_the_shared_table(evaluations: list[Evaluation]) -> None:
    shared, *others = group_rows(evaluations)
    assert (shared.groups, shared.lead) == (1, None)
    for row in others:
        assert row.lead.mean == pytest.approx(row.ndcg.mean - shared.ndcg.mean)


def test_segments_need_the_static_control(evaluations: list[Evaluation], subject: Subject) -> None:
    assert {row.trait for row in segment_rows(evaluations)} == {
        "items in the history",
        "breadth of interests",
        "recent shift of interest",
    }
    without = evaluate(subject, split="test", runs=None, with_tables=False, progress=no_progress)
    assert segment_rows([without]) == ()
    assert without.fine_tuned == without.byte_points == without.group_points == ()


def test_test_items_are_another_measurement(evaluations: list[Evaluation], subject: Subject) -> None:
    test = evaluate(subject, split="test", runs=None, with_tables=False, progress=no_progress)
    assert not np.array_equal(test.entry("markov").quality.ndcg, evaluations[0].entry("markov").quality.ndcg)


def test_controls_alone_measure_our_tiles_at_every_size(
    evaluations: list[Evaluation], subject: Subject, runs: ControlRuns
) -> None:
    found = evaluate(subject, split="validation", runs=runs, with_tables=False, progress=no_progress)
    ours = [row for row in byte_rows([evaluations[0]]) if row.method in ("full_table", "tiles")]
    assert list(byte_rows([found])) == ours
    assert found.group_points == ()
    assert evaluation_html([found]).count("<svg") == 3


def test_the_reports_hold_every_row(evaluations: list[Evaluation], tmp_path: Path) -> None:
    text, page = "\n".join(evaluation_lines(evaluations)), evaluation_html(evaluations)
    plain = json.loads(json.dumps(evaluation_json(evaluations)))
    for row in rows(evaluations):
        assert row.label in text
        assert row.label in page
    assert {row["name"] for row in plain["ranking"]} == BESIDE
    assert plain["ranking"][0]["ndcg"].keys() == {"mean", "low", "high"}
    assert plain["seeds"] == [0, 1]
    assert len(plain["tables"]) == len(byte_rows(evaluations))
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_the_page_says_in_whole_words_what_was_ranked(evaluations: list[Evaluation]) -> None:
    text = " ".join(re.sub(r"<[^>]+>", "", evaluation_html(evaluations)).split())
    items, users = evaluations[0].subject.histories.items, len(evaluations[0].users)
    assert f"The last 2 items of each of {users} users, ranked among all {items} items; ties count" in text


def test_the_page_needs_nothing_else(evaluations: list[Evaluation]) -> None:
    page = evaluation_html(evaluations)
    assert page.count("<svg") == 4
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert "<script" not in page
    assert page == evaluation_html(evaluations)
    assert "#000000" not in page


def test_seeds_of_different_recipes_are_not_mixed(evaluations: list[Evaluation], subject: Subject) -> None:
    other = evaluate(subject, split="validation", runs=None, with_tables=False, progress=no_progress)
    with pytest.raises(ConfigError, match="seeds of one recipe"):
        rows([evaluations[0], other])


def test_other_data_than_those_of_the_training_are_refused(subject: Subject, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("user_id,item_id,timestamp\n" + "".join(f"u{u},i{i},{i}\n" for u in range(4) for i in range(6)))
    with pytest.raises(ConfigError, match="is not what the checkpoint was trained on"):
        open_subject(subject.checkpoint, interactions=str(other))
    with pytest.raises(ConfigError, match="Add --interactions"):
        open_subject(subject.checkpoint, interactions=None)


def test_the_words_of_a_checkpoint_can_do_nothing_to_the_reports(
    evaluations: list[Evaluation], capsys: pytest.CaptureFixture[str]
) -> None:
    def hostile(found: Evaluation) -> Evaluation:
        config = found.subject.checkpoint.config
        data = config.data.model_copy(update={"name": HOSTILE, "licence": HOSTILE, "attribution": HOSTILE})
        training = {**config.training, "versions": {HOSTILE: HOSTILE}}
        changed = config.model_copy(update={"data": data, "training": training})
        checkpoint = replace(found.subject.checkpoint, config=changed)
        return replace(found, subject=replace(found.subject, checkpoint=checkpoint))

    odd = [hostile(found) for found in evaluations]
    page = evaluation_html(odd)
    assert_harmless(page, longest=2_000_000)
    assert tags(page) == tags(evaluation_html(evaluations))
    print_out(*evaluation_lines(odd))
    assert_harmless(capsys.readouterr().out)
