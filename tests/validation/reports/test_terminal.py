from __future__ import annotations

from io import StringIO

from rich.console import Console

from ofa_export.validation.reports.report import Report
from ofa_export.validation.reports.terminal import print_report

PASSING = """\
toy.ofab  litert int8 on host, group 0, 990,000 of 1,000,000 bytes, 40 of 160 tiles
              passed  nearest to its limit            measured  limit
bundle           2/2  size_bytes                 990,000 bytes  ≤ 1,000,000 bytes
quantisation     2/2  adapt.theta_0.snr_db             42.1 dB  ≥ 30.0 dB
conversion       2/2  adapt.theta_0.max_abs_err        2.0e-06  ≤ 1.0e-04
ranking          1/1  ndcg10.budget_drop          +0.0123 NDCG  -
PASS: 7 assertions hold, 0 fail, 0 to look at
"""

FAILING = """\
toy.ofab  litert int8 on host, group 0, 990,000 of 1,000,000 bytes, 40 of 160 tiles
              passed  nearest to its limit            measured  limit
finite           0/1  adapt.nonfinite_count                  2  ≤ 0
quantisation     2/3  block_0.hidden.snr_db            12.0 dB  ≥ 30.0 dB
gates            0/1  undecided_flipped_count                1  ≤ 0
bundle           2/2  size_bytes                 990,000 bytes  ≤ 1,000,000 bytes
conversion       2/2  adapt.theta_0.max_abs_err        2.0e-06  ≤ 1.0e-04
ranking          1/1  ndcg10.budget_drop          +0.0123 NDCG  -
FAIL finite.adapt.nonfinite_count  2 (≤ 0)
  First in theta_0 & history <1>.
FAIL quantisation.block_0.hidden.snr_db  12.0 dB (≥ 30.0 dB)
  Block 0, worst is history 3.
WARN gates.undecided_flipped_count  1 (≤ 0)
  Close one.
FAIL: 7 assertions hold, 2 fail, 1 to look at
"""


def printed(report: Report) -> str:
    stream = StringIO()
    print_report(report, Console(file=stream, width=100))
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def test_a_passing_bundle_takes_one_line_for_each_group(good: Report) -> None:
    assert printed(good) == PASSING


COVERED = (
    "Covered by 214 histories and 1,225 made ones (26 with repeats): 50 of 50 lengths, 3,100 of 3,145 items in "
    "histories and 3,145 as candidates, each in 99 of 100 places, 4 of 4 combinations of blocks (3 by gates of their "
    "own)."
)


def test_what_was_covered_stands_below_the_heading(full: Report) -> None:
    heading, rest = printed(full).partition("\n")[::2]
    assert heading.startswith("toy.ofab")
    assert " ".join(rest.split()).startswith(COVERED)


def test_what_failed_is_shown_in_full_worst_first_and_before_warnings(bad: Report) -> None:
    assert printed(bad) == FAILING


def test_a_rejected_bundle_shows_the_reason(rejected: Report) -> None:
    text = printed(rejected)
    assert "FAIL bundle.accepted" in text
    assert "Bundle rejected: it is empty." in text


def test_a_bundle_s_name_is_text_and_not_markup(good: Report) -> None:
    from dataclasses import replace

    assert "[bold]x[/bold].ofab" in printed(replace(good, bundle="[bold]x[/bold].ofab"))
