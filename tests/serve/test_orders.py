"""Orders of many items: the figures never disagree with `inventory.decision`, and say what a person can check."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from invplat.core.errors import UserError
from invplat.inventory.decision import derive
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import Demand
from invplat.inventory.terms import Terms
from invplat.serve.facts import Facts
from invplat.serve.lead_chances import split
from invplat.serve.order_levels import extended
from invplat.serve.order_schemas import Order, OrdersAsked, OrderTotals
from invplat.serve.orders import Decided, decided
from invplat.serve.said import Said

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
SCORES = torch.special.ndtri(torch.tensor(LEVELS, dtype=torch.float64)).numpy()
DAY = date(2025, 6, 30)
NAN = math.nan


def said(means: Sequence[float], *, deviation: float = 0.2, horizon: int = 14) -> Said:
    """Normal demand of that mean each day, and a deviation of that share of it."""
    mean = np.repeat(np.array(means, np.float32)[:, None], horizon, axis=1)
    quantiles = np.maximum(mean[:, :, None] * (1 + deviation * SCORES), 0).astype(np.float32)
    dates = tuple(DAY + timedelta(days=1 + ahead) for ahead in range(horizon))
    names = [("S1", f"sku {number}") for number in range(len(means))]
    return Said(np.arange(len(means)), names, DAY, dates, LEVELS, mean, quantiles, {}, 1)


def facts(count: int, *, lead: float = 3, **changes: Any) -> Facts:
    def column(name: str, usual: float) -> Any:
        return np.array(np.broadcast_to(changes.pop(name, usual), count), np.float64)

    numbers = {
        name: column(name, usual)
        for name, usual in (
            ("on_hand", 10.0),
            ("on_order", NAN),
            ("counted", 0.0),
            ("unit_cost", 2.0),
            ("price", 5.0),
            ("pack", NAN),
            ("recent", 4.0),
        )
    }
    nothing = np.zeros(count, np.bool_)
    texts = np.array(["tea"] * count, object)
    told: dict[str, Any] = {
        "as_of": DAY,
        "frequency": "daily",
        "correlation": 0.0,
        "whole": True,
        "category": texts,
        "supplier": texts,
        "stale": nothing,
        "cost_assumed": nothing,
        "price_assumed": nothing,
        "lead_table": split(lead)[None],
        "lead_row": np.zeros(count, np.int32),
        "lead_level": np.zeros(count, np.int8),
        **numbers,
        **changes,
    }
    return Facts(**told)


def ask(**wanted: Any) -> OrdersAsked:
    return OrdersAsked.model_validate(wanted)


def item(number: int = 0, **wanted: Any) -> dict[str, Any]:
    return {"store": "S1", "sku": f"sku {number}", **wanted}


def one(means: Sequence[float] = (4,), known: Facts | None = None, **wanted: Any) -> dict[str, Any]:
    """The first item's record, checked against what the answer may hold."""
    return records(decided(said(means), known or facts(len(means)), ask(**wanted)))[0]


def records(found: Decided) -> list[dict[str, Any]]:
    rows = found.records()
    json.dumps(rows, allow_nan=False)
    for row in rows:
        assert Order.model_validate(row).model_dump(mode="json") == row
    OrderTotals.model_validate(found.totals)
    return rows


def test_normal_demand_gives_the_textbook_s_figures() -> None:
    row = one(items=[item(on_hand=10, lead_time=3, review=1, service=0.9)], known=facts(1, whole=False))
    spread = 4 * 0.2 * 2  # four days' deviation
    assert row["mean_demand"] == pytest.approx(16, rel=1e-4)
    assert row["safety_stock"] == pytest.approx(1.2816 * spread, rel=1e-3)
    assert row["order_up_to"] == pytest.approx(16 + 1.2816 * spread, rel=1e-4)
    assert row["reorder_point"] == pytest.approx(12 + 1.2816 * spread, rel=1e-4)
    assert row["order"] == pytest.approx(row["order_up_to"] - 10)
    assert row["cover"] == pytest.approx(2.5)
    assert row["stockout_risk"] == pytest.approx(1, abs=1e-3)
    assert row["stockout_risk_after"] == pytest.approx(0.1, abs=1e-4)
    assert row["money_at_risk"] == pytest.approx(6 * 3, rel=1e-3)
    assert row["order_value"] == pytest.approx(row["order"] * 2)
    holding = 2 * 0.25 / 365.25
    assert row["eoq"] == pytest.approx(math.sqrt(2 * 5 * 4 / holding))
    density = math.exp(-(1.2816**2) / 2) / math.sqrt(2 * math.pi)
    assert row["expected_cost"] == pytest.approx(holding * 10 * density * spread, rel=2e-2)  # (h + b) φ(z) σ
    assert row["exceptions"] == ["stockout"]  # ten last two and a half days, and the way takes three


terms = st.fixed_dictionaries(
    {},
    optional={
        "on_hand": st.floats(0, 90),
        "on_order": st.floats(0, 50),
        "lead_time": st.floats(0, 8),
        "review": st.integers(1, 5),
        "pack": st.floats(0.5, 12),
        "minimum": st.floats(0, 20),
        "maximum": st.floats(20, 200),
        "capacity": st.floats(1, 300),
        "unit_cost": st.floats(0.01, 100),
        "order_cost": st.floats(0, 50),
    },
)
goals: st.SearchStrategy[dict[str, float]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"service": st.floats(0.01, 0.999)}),
    st.fixed_dictionaries({"holding": st.floats(0.01, 5), "shortage": st.floats(0.01, 60)}),
)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(terms, goals), min_size=1, max_size=5),
    terms,
    goals,
    st.floats(0, 1),
    st.booleans(),
)
def test_its_figures_never_disagree_with_the_decision(
    seed: int, given_items: list[Any], defaults: dict[str, Any], goal: dict[str, Any], together: float, whole: bool
) -> None:
    """The three identities, and each order as `derive` makes it of the item alone."""
    rng = np.random.default_rng(seed)
    values = np.sort(rng.uniform(-5, 30, (len(given_items), 6, 7)).clip(0), axis=2).astype(np.float32)
    spoken = said([0.0] * len(values), horizon=6)
    spoken = Said(spoken.rows, spoken.names, DAY, spoken.dates, LEVELS, values.mean(axis=2), values, {}, 1)
    items = [item(place, **own, **aim) for place, (own, aim) in enumerate(given_items)]
    known = facts(len(values), lead=2.5, whole=whole)
    found = decided(spoken, known, ask(items=items, defaults={**defaults, **goal}, correlation=together))
    columns, decision = found.items, found.decision
    level, point, position = decision.level, decision.reorder_point, torch.from_numpy(columns.position)
    assert torch.allclose(level, decision.mean + decision.safety_stock)
    order = decision.terms.allowed((level - position).clamp(min=0), position)
    assert np.allclose(found.order, order.numpy())
    for place, row in enumerate(records(found)):
        alone = values[place][extended(6, 20, "daily")][None].astype(np.float64)  # 8 of lead, 5 of review at most
        service = float(columns.service[place])
        lone = derive(
            Demand(torch.tensor(LEVELS, dtype=torch.float64), torch.from_numpy(alone)),
            0,
            review=row["review"],
            costs=Costs(1 - service, service),
            lead_chances=torch.from_numpy(columns.chances[columns.lead[place : place + 1]]),
            correlation=together,
        )
        passing = alone[0, : row["review"]]
        mean = float(Demand(lone.demand.levels, torch.from_numpy(passing)).mean().sum())
        assert float(level[place] - point[place]) == pytest.approx(mean, abs=1e-6)
        assert row["order_up_to"] == pytest.approx(float(lone.level), rel=1e-6, abs=1e-6)
        assert row["mean_demand"] == pytest.approx(float(lone.mean), rel=1e-6, abs=1e-6)
        own = {**defaults, **given_items[place][0]}
        limits = {name: own[name] for name in ("minimum", "maximum", "capacity") if name in own}
        pack = own.get("pack", 1.0 if whole else None if decision.terms.pack is None else 1e-3)
        quantity = float(Terms(pack=pack, **limits).allowed((level - position).clamp(min=0), position)[place])
        assert row["order"] == pytest.approx(quantity)
        assert row["stockout_risk_after"] <= row["stockout_risk"] + 1e-9
        if not limits:
            assert row["stockout_risk_after"] <= 1 - service + 1e-3 or row["order"] == 0


def test_an_item_s_word_counts_before_defaults_and_these_before_facts() -> None:
    known = facts(3, on_hand=7.0, pack=6.0)
    asked = ask(
        items=[item(0, on_hand=1, pack=4), item(1), item(2, service=0.5)], defaults={"on_hand": 3, "service": 0.9}
    )
    rows = records(decided(said([4, 4, 4]), known, asked))
    assert [row["on_hand"] for row in rows] == [1, 3, 3]
    assert [row["service_level"] for row in rows] == pytest.approx([0.9, 0.9, 0.5])
    assert rows[0]["order"] % 4 == 0
    assert rows[1]["order"] % 6 == 0
    assert [row["on_hand"] for row in records(decided(said([4]), known, ask()))] == [7]


def test_a_price_on_shortage_makes_the_service_level() -> None:
    asked = ask(
        items=[item(0, holding=1, shortage=3), item(1), item(2, service=0.5)], defaults={"holding": 1, "shortage": 9}
    )
    rows = records(decided(said([4, 4, 4]), facts(3), asked))
    assert [row["service_level"] for row in rows] == pytest.approx([0.75, 0.9, 0.5])


def test_facts_are_found_by_the_rows_of_the_book() -> None:
    spoken = said([4, 4])
    spoken = Said(np.array([2, 0]), spoken.names, DAY, spoken.dates, LEVELS, spoken.mean, spoken.quantiles, {}, 1)
    rows = records(decided(spoken, facts(3, on_hand=[1.0, 2.0, 3.0]), ask()))
    assert [row["on_hand"] for row in rows] == [3, 1]
    with pytest.raises(UserError, match="series number 2"):
        decided(spoken, facts(2), ask())


def test_unknown_stock_counts_as_none_and_is_said() -> None:
    row = one(known=facts(1, on_hand=NAN, counted=NAN))
    assert row["on_hand"] == 0
    assert row["exceptions"] == ["stock_unknown"]
    assert "stock is not known and counts as none" in row["reason"]
    assert one(items=[item(on_hand=0)], known=facts(1, on_hand=NAN))["exceptions"] == ["stockout"]


def test_weeks_are_weeks() -> None:
    known = facts(1, frequency="weekly", lead=2, on_hand=150.0, recent=4.0)
    row = records(decided(said([4]), known, ask()))[0]
    assert row["review"] == 1
    assert row["mean_demand"] == pytest.approx(12, rel=1e-3)
    assert row["exceptions"] == ["overstock"]  # 26 weeks sell 104
    assert row["eoq"] == pytest.approx(math.sqrt(2 * 5 * 4 / (2 * 0.25 * 7 / 365.25)))
    assert "last 38 weeks" in row["reason"]


def test_only_what_was_assumed_of_these_items_is_noted() -> None:
    nobody = np.array([True, True])
    known = facts(2, on_hand=NAN, cost_assumed=nobody, lead_level=np.full(2, 5, np.int8))
    told = decided(said([4, 4]), known, ask(items=[item(0, on_hand=3, unit_cost=1, lead_time=2), item(1)])).notes
    assert len(told) == 3
    assert all("of 1 series" in note for note in told)
    everything = {"on_hand": 3, "unit_cost": 1, "lead_time": 2}
    assert decided(said([4, 4]), known, ask(defaults=everything)).notes == ()


def test_old_counts_are_used_and_told_unless_the_request_knows_better() -> None:
    known = facts(1, on_hand=40.0, counted=50.0, stale=np.array([True]))
    row = one(known=known)
    assert row["exceptions"] == ["stale"]
    assert "counted 50 days ago" in row["reason"]
    assert one(items=[item(on_hand=40)], known=known)["exceptions"] == []


@pytest.mark.parametrize(
    ("on_hand", "mean", "expected"),
    [
        (0, 4, ["stockout"]),
        (11, 4, ["stockout"]),
        (20, 4, []),
        (900, 4, ["overstock"]),
        (0, 0, []),
        (3, 0, ["overstock"]),
    ],
)
def test_exceptions(on_hand: float, mean: float, expected: list[str]) -> None:
    recent = 4.0 if mean else 0.0
    assert one([mean], facts(1, on_hand=on_hand, recent=recent))["exceptions"] == expected


def test_the_reason_says_the_figures() -> None:
    known = facts(1, on_hand=9.0, lead_table=np.array([[0, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]], np.float32))
    row = one([3], known)
    assert row["reason"] == (
        f"Order {row['order']:.0f}: 9 on hand last 3 days, the next delivery takes 4 to 7; "
        f"{row['order']:.0f} more keep it in stock with a chance of {100 * (1 - row['stockout_risk_after']):.0f} %."
    )
    nothing = one([3], facts(1, on_hand=200.0))
    assert nothing["reason"].startswith(
        "Order nothing: 200 on hand last 67 days, the next delivery takes 3; enough until"
    )
    assert "none on hand or on order, the next delivery takes 3 days;" in one(known=facts(1, on_hand=0.0))["reason"]
    assert "no demand is expected" in one([0])["reason"]
    assert "no more may be ordered" in one(items=[item(maximum=5)])["reason"]
    assert "allow none" in one(items=[item(capacity=5)])["reason"]
    assert "1 on hand lasts 0.2 days" in one(known=facts(1, on_hand=1.0))["reason"]
    assert "none on hand and 6 on order last 1.5 days" in one(items=[item(on_hand=0, on_order=6)])["reason"]
    assert "comes at once" in one(items=[item(lead_time=0)])["reason"]


def test_endless_cover_is_null() -> None:
    row = one([0], facts(1, recent=0.0))
    assert row["cover"] is None
    assert row["order"] == 0
    assert row["eoq"] == 0


def test_without_costs_and_prices_money_is_null() -> None:
    row = one(known=facts(1, unit_cost=NAN, price=NAN))
    for name in ("unit_cost", "price", "order_value", "money_at_risk", "expected_cost", "eoq"):
        assert row[name] is None
    found = decided(said([4]), facts(1, unit_cost=NAN, price=NAN), ask())
    assert found.totals["value"] is None
    assert found.totals["money_at_risk"] is None
    only_price = one(known=facts(1, unit_cost=NAN))
    assert only_price["money_at_risk"] == pytest.approx(one()["money_at_risk"] * 5 / 3)


def test_a_budget_is_kept_and_changes_nothing_where_it_is_enough() -> None:
    spoken, known = said([4, 9, 2]), facts(3, unit_cost=[1.0, 2.0, 4.0])
    free = decided(spoken, known, ask())
    rich = decided(spoken, known, ask(budget=free.totals["value"]))
    assert rich.order.tolist() == free.order.tolist()
    poor = decided(spoken, known, ask(budget=30))
    assert poor.totals["spent"] <= 30
    assert poor.totals["budget"] == 30
    assert poor.order.sum() < free.order.sum()
    assert any("budget" in row["reason"] for row in records(poor))
    with pytest.raises(UserError, match=r"without a unit cost, such as 'sku 1' in 'S1'") as refused:
        decided(spoken, facts(3, unit_cost=[1.0, NAN, 4.0]), ask(budget=30))
    assert "unit_cost" in (refused.value.hint or "")
    decided(spoken, facts(3, unit_cost=NAN), ask(budget=30, defaults={"unit_cost": 2}))
    decided(spoken, facts(3, unit_cost=[1.0, NAN, 4.0], on_hand=[0.0, 900.0, 0.0]), ask(budget=30))  # nothing to pay


def test_a_forecast_that_is_too_short_goes_on_with_its_last_week() -> None:
    assert extended(14, 23, "daily").tolist() == [*range(14), *range(7, 14), 7, 8]
    assert extended(3, 6, "daily").tolist() == [0, 1, 2, 2, 2, 2]
    found = decided(said([4]), facts(1, lead=30), ask())
    assert records(found)[0]["mean_demand"] == pytest.approx(37 * 4, rel=1e-3)
    assert any("forecast of 14 periods" in note for note in found.notes)
    assert not decided(said([4]), facts(1), ask()).notes


def test_what_is_absurd_is_refused() -> None:
    with pytest.raises(UserError, match="lead time of 400"):
        decided(said([4]), facts(1, lead=400), ask())
    with pytest.raises(UserError, match=r"no forecast of 'x'"):
        decided(said([4]), facts(1), ask(items=[{"store": "S1", "sku": "x"}]))
    for wrong in (
        {"lead_time": 400},
        {"lead_time": NAN},
        {"on_hand": -1},
        {"on_hand": 1e308},
        {"service": 1.0},
        {"service": 0.9, "holding": 1, "shortage": 2},
        {"shortage": 2},
        {"lead_time": 2, "lead_time_chances": [1]},
        {"lead_time_chances": [0.4, 0.4]},
        {"review": 0},
        {"pack": 0},
        {"minimum": 9, "maximum": 3},
        {"colour": "red"},
    ):
        with pytest.raises(ValidationError):
            ask(items=[item(**wrong)])
    for asked in ({"items": [item(), item()]}, {"items": [item()], "stores": ["S1"]}, {"budget": -1}):
        with pytest.raises(ValidationError):
            ask(**asked)


@pytest.mark.parametrize("far", [1e12, 1e-9])
def test_figures_at_the_edge_of_what_may_be_said_stay_finite(far: float) -> None:
    amounts = ("on_hand", "on_order", "pack", "maximum", "capacity", "unit_cost", "price", "order_cost")
    for names in (*((name,) for name in amounts), amounts, ("holding", "shortage")):
        for mean in (0.0, 4.0, 1e9):
            row = one([mean], items=[item(**dict.fromkeys(names, far))])
            assert row["order"] >= 0
    assert one(items=[item(holding=1e12, shortage=1e-9)])["service_level"] > 0
    assert one(items=[item(lead_time=366, review=366)])["order"] > 0


def test_chances_of_lead_times_are_mixed() -> None:
    wide = one(items=[item(lead_time_chances=[0, 0.5, 0, 0, 0, 0.5])])
    sure = one(items=[item(lead_time=3)])
    assert wide["lead_time"] == sure["lead_time"] == 3
    assert wide["mean_demand"] == pytest.approx(sure["mean_demand"], rel=0.02)
    assert wide["safety_stock"] > sure["safety_stock"]
    assert one(items=[item(lead_time_chances=[0.333, 0.333, 0.333])])["lead_time"] == pytest.approx(1)


def test_columns_and_records_are_the_same_and_only_orders_leaves_out_the_rest() -> None:
    spoken, known = said([4, 0, 9]), facts(3)
    found = decided(spoken, known, ask())
    table = found.table()
    rows = records(found)
    assert table.num_rows == 3
    for name in table.column_names:
        told = [row[name] for row in rows]
        assert table.column(name).to_pylist() == ([",".join(each) for each in told] if name == "exceptions" else told)
    few = decided(spoken, known, ask(only_orders=True))
    assert [row["sku"] for row in records(few)] == ["sku 0", "sku 2"]
    assert few.table().num_rows == 2
    assert few.totals == found.totals == {**found.totals, "items": 3, "orders": 2}
    assert sum(row["order"] for row in rows) == found.totals["units"]


def test_nothing_asked_for_is_nothing_decided() -> None:
    spoken = said([])
    found = decided(spoken, facts(0), ask(budget=5))
    assert found.records() == []
    assert found.table().num_rows == 0
    assert found.totals["items"] == 0


def test_many_items_are_decided_as_each_alone() -> None:
    rng = np.random.default_rng(3)
    means = rng.exponential(5, 300)
    table = rng.dirichlet(np.ones(6), 10).astype(np.float32)
    table[:4] = np.eye(6, dtype=np.float32)[:4]
    rows = (np.arange(300) % 10).astype(np.int32)
    stock = rng.integers(0, 60, 300).astype(np.float64)
    whole = decided(said(means.tolist()), facts(300, lead_table=table, lead_row=rows, on_hand=stock), ask())
    told = records(whole)
    for place in (0, 5, 123, 299):
        spoken = said([means[place]])
        known = facts(1, lead_table=table[rows[place]][None], on_hand=stock[place])
        alone = records(decided(spoken, known, ask()))[0]
        assert told[place]["order"] == alone["order"]
        assert told[place]["order_up_to"] == pytest.approx(alone["order_up_to"], rel=1e-6)
