"""The game of the vn2 benchmark, on made-up records: stock, time and costs are kept, no rule sees what is to come."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from weekly.choice import Contest, looks
from weekly.correction import learn
from weekly.planner import Planner
from weekly.record import ATTRIBUTES, Record
from weekly.replay import play
from weekly.rules import Published


def made_up(series: int = 12, weeks: int = 90, seed: int = 3):
    chance = np.random.default_rng(seed)
    monday = np.datetime64("2021-04-12") + 7 * np.arange(weeks + 13)
    level = chance.gamma(1.0, 3.0, (series, 1)) * (1 + 0.5 * np.sin(np.arange(weeks) / 52 * 2 * np.pi))
    seen = chance.random((series, weeks)) > 0.1
    groups = chance.integers(0, 3, (series, len(ATTRIBUTES)))
    return Record(chance.poisson(level) * seen * 1.0, seen, monday, groups)


class Always:
    def __init__(self, quantity: float) -> None:
        self.quantity = quantity
        self.views = []

    def order(self, view):
        self.views.append(view)
        return np.full(len(view.on_hand), self.quantity)


def test_costs_by_hand():
    record = made_up(series=1, weeks=20)
    record = replace(record, sales=np.full((1, 20), 2.0), seen=np.ones((1, 20), bool))
    played = play(record, 10, Always(3), till=True)
    assert played.held.tolist() == [[0, 0, 1, 2, 3, 4, 5, 6]]
    assert played.short.tolist() == [[2, 2, 0, 0, 0, 0, 0, 0]]  # before anything could arrive: not charged
    assert played.cost == pytest.approx(0.2 * (1 + 2 + 3 + 4 + 5 + 6))
    assert play(record, 10, Always(0), till=True).cost == pytest.approx(6 * 2)
    assert play(record, 10, Always(1), till=True).cost == pytest.approx(6 * 1)


def test_an_order_arrives_three_weeks_later_and_all_six_do():
    rule = Always(5)
    played = play(made_up(), 60, rule, till=True)
    assert [view.week for view in rule.views] == [0, 1, 2, 3, 4, 5]
    assert (played.received[:, :2] == 0).all()
    np.testing.assert_array_equal(played.received[:, 2:], played.orders)
    assert [view.coming.sum(1)[0] for view in rule.views] == [0, 5, 10, 10, 10, 10]


@pytest.mark.parametrize("till", [True, False])
def test_stock_is_conserved(till):
    record = made_up()
    played = play(record, 60, Published(), till=till)
    np.testing.assert_array_equal(played.received.cumsum(1) - played.sold.cumsum(1), played.held)
    np.testing.assert_array_equal(played.sold + played.short, record.sales[:, 60:68])
    assert played.held.min() >= 0
    assert played.received.sum() > 0


def test_an_emptied_shelf_hides_demand_from_a_till():
    record, rule = made_up(), Always(2)
    played = play(record, 60, rule, till=True)
    last = rule.views[-1].record
    np.testing.assert_array_equal(last.sales[:, 60:65], played.sold[:, :5])
    assert not last.seen[:, 60:65][played.held[:, :5] == 0].any()
    assert played.short[:, :5].sum() > 0


def planned(record, start):
    return play(record, start, Planner(learn(record.until(start), looks(record))), till=True).orders


def garbled(record, first):
    sales = record.sales.copy()
    sales[:, first:] = 99 - sales[:, first:]
    return replace(record, sales=sales)


@pytest.mark.parametrize("later", [0, 4])
def test_orders_do_not_know_what_is_to_come(later):
    record = made_up()
    orders, found = planned(record, 78), planned(garbled(record, 78 + later), 78)
    assert orders.sum() > 0
    np.testing.assert_array_equal(found[:, : later + 1], orders[:, : later + 1])


def test_orders_do_know_what_was():
    record = made_up()
    assert (planned(garbled(record, 70), 78) != planned(record, 78)).any()


def test_a_setting_is_chosen_where_the_judged_window_cannot_reach():
    asked = []

    class Game:
        def __init__(self, cost: float) -> None:
            self.cost = cost

    def played(start, setting):
        asked.append(start)
        return Game(abs(setting - start))

    contest = Contest(played, (60, 70, 80, 90))
    assert contest.chosen(85, (61, 69, 77, 85, 93)) == 70
    assert set(asked) == {61, 69, 77}
    assert [setting for setting, _ in contest.judged((85,), (61,))] == [60]
