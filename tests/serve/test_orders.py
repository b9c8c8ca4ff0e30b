"""Orders of many items: the figures never disagree with `inventory.decision`, alone or together, in rows or columns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import UserError
from invplat.inventory.decision import derive
from invplat.inventory.outcome import Costs
from invplat.inventory.quantiles import Demand
from invplat.inventory.terms import Terms
from invplat.serve.order_levels import extended
from invplat.serve.orders import decided
from invplat.serve.said import Said
from tests.serve.ordering import DAY, LEVELS, NAN, ask, facts, item, one, records, said


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
