"""What each item is ordered by: whose word counts, in which units, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from invplat.core.errors import UserError
from invplat.serve.orders import decided
from invplat.serve.said import Said
from tests.serve.ordering import DAY, LEVELS, NAN, ask, facts, item, one, records, said


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


def test_weeks_are_weeks() -> None:
    known = facts(1, frequency="weekly", lead=2, on_hand=150.0, recent=4.0)
    row = records(decided(said([4]), known, ask()))[0]
    assert row["review"] == 1
    assert row["mean_demand"] == pytest.approx(12, rel=1e-3)
    assert row["exceptions"] == ["overstock"]  # 26 weeks sell 104
    assert row["eoq"] == pytest.approx(math.sqrt(2 * 5 * 4 / (2 * 0.25 * 7 / 365.25)))
    assert "last 38 weeks" in row["reason"]


def test_old_counts_are_used_and_told_unless_the_request_knows_better() -> None:
    known = facts(1, on_hand=40.0, counted=50.0, stale=np.array([True]))
    row = one(known=known)
    assert row["exceptions"] == ["stale"]
    assert "counted 50 days ago" in row["reason"]
    assert one(items=[item(on_hand=40)], known=known)["exceptions"] == []


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


def test_chances_of_lead_times_are_mixed() -> None:
    wide = one(items=[item(lead_time_chances=[0, 0.5, 0, 0, 0, 0.5])])
    sure = one(items=[item(lead_time=3)])
    assert wide["lead_time"] == sure["lead_time"] == 3
    assert wide["mean_demand"] == pytest.approx(sure["mean_demand"], rel=0.02)
    assert wide["safety_stock"] > sure["safety_stock"]
    assert one(items=[item(lead_time_chances=[0.333, 0.333, 0.333])])["lead_time"] == pytest.approx(1)


@pytest.mark.parametrize("far", [1e12, 1e-9])
def test_figures_at_the_edge_of_what_may_be_said_stay_finite(far: float) -> None:
    amounts = ("on_hand", "on_order", "pack", "maximum", "capacity", "unit_cost", "price", "order_cost")
    for names in (*((name,) for name in amounts), amounts, ("holding", "shortage")):
        for mean in (0.0, 4.0, 1e9):
            row = one([mean], items=[item(**dict.fromkeys(names, far))])
            assert row["order"] >= 0
    assert one(items=[item(holding=1e12, shortage=1e-9)])["service_level"] > 0
    assert one(items=[item(lead_time=366, review=366)])["order"] > 0
