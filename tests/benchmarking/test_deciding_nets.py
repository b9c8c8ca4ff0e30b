"""What the nets may know: nothing of what happened to an order that they decide."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from deciding.folds import family, groups, held_out_levels, interval
from deciding.inputs import expected, inputs, standard
from deciding.nets import Plan
from deciding.orders import Happened, Known, Orders, read
from deciding.replay import Replay
from deciding.rules import forecast_rule, gamma_rule, normal_rule, shortened_rule

BRIEF = Plan(members=2, epochs=20, batch=32, hidden=(16,), rate=1e-2, dropout=0.0, warm_up=5)
BRIEFER = replace(BRIEF, epochs=3, refresh=2)


@pytest.fixture(scope="module")
def orders() -> Orders:
    """Sixty SKUs, some of them with two orders; demand and lead times as uncertain as they are said to be."""
    chance = np.random.default_rng(3)
    sku = [f"10{number:02}00#1" for number in range(60)] + [f"10{number:02}00#1" for number in range(0, 60, 4)]
    count = len(sku)
    mean = chance.uniform(2, 40, count)
    known = Known(
        demand_mean=mean,
        demand_std=np.sqrt(mean),
        review_period=chance.uniform(2, 6, count),
        vendor_vlt_mean=chance.uniform(2, 5, count),
        vendor_vlt_std=np.full(count, 1.0),
        initial_stock=np.rint(mean * chance.uniform(0, 8, count)),
        sf_rnn=np.repeat(mean[:, None], 31, axis=1) * chance.uniform(0.8, 1.2, (count, 31)),
    )
    demand = tuple(chance.poisson(one, 12).astype(float) for one in mean)
    return Orders(tuple(sku), known, Happened(demand, chance.uniform(1.6, 6.4, count)), {})


def replay_of(orders: Orders) -> Replay:
    return Replay(orders.sku, orders.known.initial_stock, orders.happened.demand, orders.happened.lead)


def levels_of(orders: Orders, plan: Plan = BRIEF, *, forecast: bool = True) -> np.ndarray:
    return held_out_levels(
        inputs(orders.known, forecast=forecast), replay_of(orders), groups(list(orders.sku)), plan, seed=0
    )


def test_what_is_known_holds_nothing_of_what_happened() -> None:
    known = {one.name for one in fields(Known)}
    assert not known & {one.name for one in fields(Happened)}
    assert not known & {"vlt", "demand", "demand_hist", "OPT_pred"}


@pytest.mark.parametrize("forecast", [True, False])
def test_an_order_is_decided_alike_whatever_happens_to_its_sku(orders: Orders, forecast: bool) -> None:
    mine = np.array([sku == orders.sku[0] for sku in orders.sku])
    demand = tuple(days[::-1] * 7 + 3 if own else days for days, own in zip(orders.happened.demand, mine, strict=True))
    other = replace(orders, happened=Happened(demand, np.where(mine, 2.0, orders.happened.vlt)))
    said, again = (levels_of(one, BRIEFER, forecast=forecast) for one in (orders, other))
    np.testing.assert_array_equal(said[mine], again[mine])
    assert not np.array_equal(said[~mine], again[~mine])


def test_without_the_forecast_it_is_not_looked_at(orders: Orders) -> None:
    blind = replace(orders.known, sf_rnn=np.full_like(orders.known.sf_rnn, np.nan))
    for one, other in zip(
        vars(inputs(orders.known, forecast=False)).values(), vars(inputs(blind, forecast=False)).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_learning_costs_less_than_what_is_expected(orders: Orders) -> None:
    """A shortage costs nine times as much, so orders of the expected demand are too small."""
    replay = replay_of(orders)
    before = replay.costs(levels_of(orders, replace(BRIEF, epochs=0))).mean()
    assert replay.costs(levels_of(orders)).mean() < 0.8 * before


def test_one_seed_says_the_same_twice(orders: Orders) -> None:
    np.testing.assert_array_equal(levels_of(orders, BRIEFER), levels_of(orders, BRIEFER))


def test_scales_come_from_the_orders_that_are_learnt_from() -> None:
    values = np.array([[0.0], [2.0], [1e9]])
    learnt = np.array([True, True, False])
    assert standard(values, learnt)[:, 0].tolist() == pytest.approx([-1.0, 1.0, 6.0])


def test_expected_units_count_a_part_of_a_day_and_end_with_the_forecast() -> None:
    said = np.array([[1.0, 2.0, 4.0]] * 4)
    assert expected(said, np.array([0.0, 1.5, 3.0, 99.0])).tolist() == [0.0, 2.0, 7.0, 7.0]


def test_families_are_products_of_neighbouring_numbers_in_all_warehouses() -> None:
    assert {family("1104803330#401"), family("1104803348#601")} == {"11048033"}
    assert groups(["b", "a", "b"]).tolist() == [0, 1, 0]


def test_an_interval_holds_the_mean_and_narrows_with_evidence() -> None:
    few, many = np.arange(10.0), np.tile(np.arange(10.0), 30)
    low, high = interval(few)
    assert low < 4.5 < high
    assert interval(many)[1] - interval(many)[0] < (high - low) / 3


def test_formulas_of_the_published_table() -> None:
    known = Known(
        demand_mean=np.array([4.0]),
        demand_std=np.array([2.0]),
        review_period=np.array([6.0]),
        vendor_vlt_mean=np.array([3.0]),
        vendor_vlt_std=np.array([0.5]),
        initial_stock=np.array([10.0]),
        sf_rnn=np.full((1, 31), 5.0),
    )
    happened = Happened((np.zeros(3),), np.array([5.7]))
    assert forecast_rule(known, happened).tolist() == [55.0]  # 11 whole days of 5
    assert shortened_rule(known, happened).tolist() == [50.0]  # a tenth of them left out
    assert normal_rule(known).tolist() == [46.0]  # 36 + 1.64 * sqrt(36 + 2) = 46.1
    assert gamma_rule(known).tolist() == [43.0]  # 0.9 quantile of shape 36, scale 1 = 43.9
    never = replace(known, demand_mean=np.zeros(1), demand_std=np.zeros(1))
    assert gamma_rule(never).tolist() == [0.0]


def test_a_file_of_orders_is_read_in_two_halves(tmp_path: Path) -> None:
    numbers = ["demand_mean", "demand_std", "review_period", "vendor_vlt_mean", "vendor_vlt_std", "initial_stock"]
    pl.DataFrame(
        {
            "SKU": ["a", "b"],
            **{name: [float(place), place + 0.5] for place, name in enumerate(numbers)},
            "demand_hist": [[1.0, 2.0], [3.0]],
            "sf_rnn": [[1.0] * 31, [2.0] * 31],
            "vlt": [2.5, 3.5],
            **{name: [7.0, 8.0] for name in ("OPT_pred", "E2E_RNN_pred", "gbm_pred")},
        }
    ).write_parquet(tmp_path / "orders.parquet")
    found = read(tmp_path / "orders.parquet")
    assert [vars(found.known)[name].tolist() for name in numbers] == [
        [float(place), place + 0.5] for place in range(len(numbers))
    ]
    assert found.known.coverage.tolist() == [5.0, 6.0]
    assert found.happened.lead.tolist() == [2, 4]  # halves go to the even day
    assert [days.tolist() for days in found.happened.demand] == [[1.0, 2.0], [3.0]]
    assert found.published["E2E-RNN"].tolist() == [7.0, 8.0]
