"""The published replay on orders small enough to follow by hand, and against a loop that reads like its description."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from deciding.replay import Replay
from hypothesis import given
from hypothesis import strategies as st


@dataclass(frozen=True)
class World:
    sku: list[str]
    stock: list[float]
    demand: list[list[float]]
    lead: list[int]

    def replay(self) -> Replay:
        return Replay(
            self.sku,
            np.array(self.stock, float),
            [np.array(days, float) for days in self.demand],
            np.array(self.lead, np.int64),
        )


def one_by_one(world: World, levels: Any) -> dict[str, float]:
    """The description, sentence by sentence."""
    total: dict[str, float] = {}
    records: dict[str, list[float]] = {}
    for order, sku in enumerate(world.sku):
        final = sku not in world.sku[order + 1 :]
        days = world.demand[order] if final else world.demand[order][:-1]
        wait = world.lead[order]
        if sku not in records:
            records[sku] = [world.stock[order]]
            replenishment = np.rint(levels[order] - world.stock[order])
            for sold in days[:wait]:
                records[sku].append(records[sku][-1] - sold)
        else:
            record = records[sku]
            replenishment = np.rint(levels[order] - (record[-1 - wait] if len(record) > wait else record[1]))
        record = records[sku]
        for day, sold in enumerate(days[wait:]):
            record.append(max(record[-1], 0) + replenishment - sold if day == 0 else record[-1] - sold)
            total[sku] = total.get(sku, 0) + (record[-1] if record[-1] > 0 else -9 * record[-1])
        total.setdefault(sku, 0.0)
    return total


def test_one_order_costs_what_is_held_and_nine_times_what_is_short() -> None:
    world = World(["a"], [10], [[3, 4, 5, 6]], [2])
    # 10 - 3 - 4 leaves 3; 12 - 10 comes: 5 - 5 = 0, then -6
    assert world.replay().costs(np.array([12.0])).tolist() == [54.0]
    # 22 - 10 comes: 15 - 5 = 10, then 4
    assert world.replay().costs(np.array([22.0])).tolist() == [14.0]


def test_what_was_short_before_the_arrival_is_lost() -> None:
    world = World(["a"], [2], [[5, 1]], [1])
    # 2 - 5 = -3 counts as an empty shelf; 8 - 2 comes: 6 - 1 = 5
    assert world.replay().costs(np.array([8.0])).tolist() == [5.0]


def test_a_later_order_measures_as_many_entries_back_as_it_waited_and_its_own_days_before_are_skipped() -> None:
    world = World(["a", "a"], [10, 99], [[3, 4, 5, 6], [50, 1, 2]], [2, 1])
    # first order, final day dropped: record 10 7 3, 12 - 10 comes, 3 + 2 - 5 = 0: costs nothing
    # second: one entry back is 3, so 9 - 3 comes to the 0 on the shelf: 6 - 1 = 5, then 3
    assert world.replay().costs(np.array([12.0, 9.0])).tolist() == [8.0]


def test_where_the_record_is_too_short_its_second_entry_is_measured() -> None:
    world = World(["a", "a"], [10, 0], [[4, 0, 9], [0, 0, 0, 0, 0, 0, 1]], [1, 6])
    # record 10 6, nothing comes, 6; its second entry is 6: 8 - 6 comes: 6 + 2 - 1 = 7, besides the 6 of the first order
    assert world.replay().costs(np.array([10.0, 8.0])).tolist() == [13.0]


def test_an_order_may_send_back_and_halves_round_to_even() -> None:
    world = World(["a"], [10], [[0, 0]], [1])
    assert world.replay().costs(np.array([[4.0], [10.5], [11.5]])).tolist() == [[4.0], [10.0], [12.0]]


def test_an_order_whose_days_end_before_it_arrives_costs_nothing() -> None:
    world = World(["a", "b"], [5, 5], [[1, 1], [1, 1, 1]], [4, 2])
    assert world.replay().costs(np.array([1000.0, 5.0])).tolist() == [0.0, 2.0]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sku = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9))
    units = st.integers(0, 30).map(float)
    return World(
        sku,
        [draw(st.integers(-20, 60).map(float)) for _ in sku],
        [draw(st.lists(units, min_size=3, max_size=9)) for _ in sku],
        [draw(st.integers(1, 8)) for _ in sku],
    )


@given(worlds(), st.integers(0, 2**32 - 1))
def test_all_at_once_costs_the_same_as_one_by_one(world: World, seed: int) -> None:
    levels = np.random.default_rng(seed).uniform(-20, 120, (3, len(world.sku)))
    replay = world.replay()
    for costs, row in zip(replay.costs(levels), levels, strict=True):
        assert dict(zip(replay.names, costs.tolist(), strict=True)) == one_by_one(world, row)


@given(worlds(), st.integers(0, 40))
def test_stock_is_conserved_to_the_unit(world: World, level: int) -> None:
    """Where nothing runs short, the shelf ends with what was there and what came, less all that was sold."""
    alone = World([str(place) for place in range(len(world.sku))], [1000.0] * len(world.sku), world.demand, world.lead)
    replay = alone.replay()
    start = replay.starts(np.full(len(world.sku), 1000.0 + level))
    for order, (days, wait) in enumerate(zip(world.demand, world.lead, strict=True)):
        assert start[order] == 1000 + level - sum(days[:wait])
        if replay.counts[order].any():
            assert start[order] - replay.sold[order][replay.counts[order]][-1] == 1000 + level - sum(days)


@pytest.mark.parametrize("whole", [True, False])
def test_levels_that_are_whole_need_no_rounding(whole: bool) -> None:
    world = World(["a", "a"], [10, 99], [[3, 4, 5, 6], [50, 1, 2]], [2, 1])
    assert world.replay().starts(np.array([12.0, 9.0]), whole=whole).tolist() == [5.0, 6.0]
