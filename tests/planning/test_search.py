from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ofa_export.planning.configurations import Configuration, MeasuredConfiguration, MeasuredPoint, rising
from ofa_export.planning.search import planned_step, search
from ofa_export.precision import Precision


@st.composite
def measured(draw: st.DrawFn, rank: int) -> MeasuredConfiguration:
    """A configuration whose tiles cost and whose quality is drawn; the rank only tells configurations apart."""
    counts = sorted(draw(st.sets(st.integers(1, 64), min_size=1, max_size=5)))
    sizes = sorted(draw(st.lists(st.integers(10, 2000), min_size=len(counts), max_size=len(counts))))
    qualities = draw(st.lists(st.floats(0, 1), min_size=len(counts), max_size=len(counts)))
    points = zip(counts, sizes, qualities, rising(qualities), strict=True)
    return MeasuredConfiguration(
        configuration=Configuration(adaptation=True, rank=rank, depth_cap=1, precision=Precision(default="int8")),
        weights={"block_0": draw(st.integers(0, 3000))},
        macs=1.0,
        full_table_ndcg=0.5,
        users=9,
        points=tuple(MeasuredPoint(tiles=t, fixed_bytes=f, ndcg=q, planned_ndcg=p) for t, f, q, p in points),
    )


@dataclass
class Conversions:
    """Exact sizes: the bound, and what the file around the weights takes; counts the conversions.

    The file around the weights differs by less than a fifth from one configuration to another.
    """

    around: dict[int, int]
    refused: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)

    def __call__(self, configuration: MeasuredConfiguration, tiles: int) -> int | None:
        rank = configuration.configuration.rank
        self.asked.add(rank)
        if rank in self.refused:
            return None
        return (
            configuration.bytes_at_least(next(p for p in configuration.points if p.tiles == tiles)) + self.around[rank]
        )


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[MeasuredConfiguration], Conversions]:
    count = draw(st.integers(1, 6))
    common = draw(st.integers(0, 2000))
    around = {rank: common + draw(st.integers(0, common // 5)) for rank in range(1, count + 1)}
    refused = draw(st.sets(st.integers(1, count), max_size=2))
    return [draw(measured(rank)) for rank in range(1, count + 1)], Conversions(around, refused)


def exhaustive(configurations: list[MeasuredConfiguration], sizes: Conversions, budget: int) -> tuple[int, int] | None:
    """Every configuration converted and every point looked at: (quality step, place of the first of the best)."""
    fitting = [
        (planned_step(point), -place)
        for place, configuration in enumerate(configurations)
        for point in configuration.points
        if (size := sizes(configuration, point.tiles)) is not None and size <= budget
    ]
    return max(fitting, default=None)


@given(cases(), st.integers(1, 8000))
def test_the_search_finds_what_looking_at_everything_finds(
    case: tuple[list[MeasuredConfiguration], Conversions], budget: int
) -> None:
    configurations, sizes = case
    found = search(configurations, budget=budget, sizes=sizes)
    best = exhaustive(configurations, Conversions(sizes.around, sizes.refused), budget)
    if best is None:
        assert found is None
        return
    assert found is not None
    assert (planned_step(found.point), -configurations.index(found.measured)) == best
    size = sizes(found.measured, found.point.tiles)
    assert size is not None
    assert size <= budget


@given(cases(), st.integers(1, 8000), st.integers(0, 3000))
def test_more_budget_is_never_planned_worse(
    case: tuple[list[MeasuredConfiguration], Conversions], budget: int, more: int
) -> None:
    configurations, sizes = case
    small = search(configurations, budget=budget, sizes=sizes)
    large = search(configurations, budget=budget + more, sizes=sizes)
    if small is not None:
        assert large is not None
        assert planned_step(large.point) >= planned_step(small.point)


def test_what_cannot_fit_or_cannot_win_is_not_converted() -> None:
    def one(rank: int, weights: int, quality: float) -> MeasuredConfiguration:
        point = MeasuredPoint(tiles=1, fixed_bytes=100, ndcg=quality, planned_ndcg=quality)
        chosen = Configuration(adaptation=True, rank=rank, depth_cap=1, precision=Precision(default="int8"))
        return MeasuredConfiguration(
            configuration=chosen, weights={"block_0": weights}, macs=1.0, points=(point,), full_table_ndcg=0.5, users=9
        )

    configurations = [one(1, 5000, 0.9), one(2, 800, 0.5), one(3, 700, 0.5), one(4, 100, 0.2)]
    sizes = Conversions(dict.fromkeys(range(1, 5), 50))
    found = search(configurations, budget=1000, sizes=sizes)
    assert found is not None
    assert found.measured.configuration.rank == 2
    assert sizes.asked == {2}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_rising_curve_keeps_the_mean_and_what_already_rises(values: list[float]) -> None:
    fitted = rising(values)
    assert all(a <= b + 1e-12 for a, b in pairwise(fitted))
    assert abs(sum(fitted) - sum(values)) < 1e-9
    if values == sorted(values):
        assert fitted == values
