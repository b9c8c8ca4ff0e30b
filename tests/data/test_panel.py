"""Panels: what each cell says, what is hidden, what is carried on, and how days become weeks and months."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel, planned_columns
from invplat.data.timeline import Timeline
from tests.data.memory import day, memory_dataset, sales


def test_a_gap_is_zero_from_the_first_row_on() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 6) + sales("b", [2, None, 3], first=2)}), "s1")
    assert panel.skus == ("a", "b")
    assert panel.launch.tolist() == [0, 2]
    assert panel.demand.tolist() == [[1] * 6, [0, 0, 2, 0, 3, 0]]
    assert panel.observed.tolist() == [[True] * 6, [False, False, True, True, True, True]]
    assert panel.row_share == 8 / 10


def test_a_gap_may_mean_that_nobody_knows() -> None:
    dataset = memory_dataset({"sales": sales("a", [1, None, 3])}, gaps="missing")
    assert build_panel(dataset, "s1").observed.tolist() == [[True, False, True]]


def test_outliers_and_quarantined_days_are_hidden() -> None:
    rows = sales("a", [1, 9000, 3, 4], outlier=[False, True, False, False])
    panel = build_panel(memory_dataset({"sales": rows}, quarantine=[{"store": "s1", "sku": "a", "date": day(2)}]), "s1")
    assert panel.observed.tolist() == [[True, False, False, True]]
    assert panel.demand.tolist() == [[1, 0, 0, 4]]


def test_quarantine_of_other_tables_stores_and_series_hides_nothing() -> None:
    elsewhere: list[dict[str, Any]] = [
        {"table": "stock", "store": "s1", "sku": "a", "date": day(0)},
        {"store": "s2", "sku": "a", "date": day(0)},
        {"store": "s1", "sku": "z", "date": day(0)},
        {"store": "s1", "sku": None, "date": day(0)},
        {"store": "s1", "sku": "a", "date": None},
    ]
    panel = build_panel(memory_dataset({"sales": sales("a", [1, 2])}, quarantine=elsewhere), "s1")
    assert panel.observed.all()


def test_an_empty_shelf_censors() -> None:
    stock = [
        {"store": "s1", "sku": "a", "date": day(number), "on_hand": units}
        for number, units in ((0, 5), (2, 0), (3, -1))
    ]
    rows = sales("a", [1] * 5, available=[1, 1, 1, 1, 0.4])
    panel = build_panel(memory_dataset({"sales": rows, "stock": stock}), "s1")
    assert panel.censored.tolist() == [[False, False, True, True, True]]
    assert panel.observed.all(), "a censored sale is still a lower bound"


def test_stock_counts_are_carried_a_week_and_no_longer() -> None:
    stock = [{"store": "s1", "sku": "a", "date": day(1), "on_hand": 5, "on_order": 2}]
    panel = build_panel(memory_dataset({"sales": sales("a", [1] * 12), "stock": stock}), "s1")
    known = [0] + [1] * 8 + [0] * 3
    assert panel.column("stock_known")[0].tolist() == known
    assert panel.column("on_hand")[0].tolist() == [5 * there for there in known]


def test_price_is_carried_forward_and_begins_with_the_list_price() -> None:
    rows = sales("a", [1] * 4, price=[None, 3.0, None, 4.0]) + sales("b", [1] * 4, price=[None, None, 2.0, None])
    panel = build_panel(memory_dataset({"sales": rows, "products": [{"sku": "a", "price": 2.5}]}), "s1")
    assert panel.column("price").tolist() == [[2.5, 3, 3, 4], [0, 0, 2, 2]]
    assert panel.column("price_known").tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]


def test_what_is_planned_is_told_where_rows_mean_no_sale() -> None:
    dense = sales("a", [1, 0, 2, 0, 1, 1], price=1.0, promotion=0, visitors=4.0)
    assert planned_columns(memory_dataset({"sales": dense})) == ("price", "promotion")
    sparse = sales("a", [1, None, None, None, None, 1], price=1.0, promotion=0, visitors=4.0)
    assert planned_columns(memory_dataset({"sales": sparse})) == ()
    assert planned_columns(memory_dataset({"sales": sparse}, known=["promotion", "visitors"])) == (
        "promotion",
        "visitors",
    )


def test_beyond_the_end_stand_plans_only() -> None:
    rows = sales("a", [1, 2, 3, 4, 5, 6], promotion=[0, 0, 0, 0, 1, 0], price=[1, 2, 3, 4, 5, 6], visitors=9.0)
    panel = build_panel(memory_dataset({"sales": rows}), "s1", end=day(3), after=2, planned=["promotion"])
    assert panel.known == 4
    assert panel.last == day(3)
    assert panel.column("promotion")[0].tolist() == [0, 0, 0, 0, 1, 0]
    assert panel.demand[0].tolist() == [1, 2, 3, 4, 0, 0]
    assert panel.past.values[:, 4:].max() == 0
    assert not panel.observed[:, 4:].any()


def test_room_before_the_first_day() -> None:
    panel = build_panel(memory_dataset({"sales": sales("a", [1, 2])}), "s1", before=3)
    assert panel.demand.tolist() == [[0, 0, 0, 1, 2]]
    assert panel.observed.tolist() == [[False, False, False, True, True]]
    assert panel.dates[3] == np.datetime64(day(0))


def test_a_silent_week_is_zero_but_a_closed_store_ends() -> None:
    busy = sales("a", [1] * 90, store="s2")
    quiet = memory_dataset({"sales": busy + sales("a", [1] * 80)})
    assert build_panel(quiet, "s1").last == day(89)
    closed = memory_dataset({"sales": busy + sales("a", [1] * 30)})
    assert build_panel(closed, "s1").last == day(29)


def test_statics_are_of_the_product_and_the_store() -> None:
    dataset = memory_dataset(
        {
            "sales": sales("a", [1]) + sales("b", [1]),
            "products": [{"sku": "b", "category": "wine", "unit_cost": 3.0, "shelf_life": None}],
            "stores": [{"store": "s1", "city": "Rome", "size": 80.0}],
        }
    )
    statics = build_panel(dataset, "s1").statics
    assert statics.texts["category"] == (None, "wine")
    assert statics.texts["store_city"] == ("Rome", "Rome")
    assert statics.column("unit_cost").tolist() == [0, 3]
    assert statics.column("unit_cost_known").tolist() == [0, 1]
    assert statics.column("shelf_life_known").tolist() == [0, 0]
    assert statics.column("store_size").tolist() == [80, 80]


def test_a_column_that_one_store_lacks_keeps_its_place() -> None:
    rows = sales("a", [1, 2], visitors=3.0) + sales("a", [1, 2], store="s2")
    dataset = memory_dataset({"sales": rows})
    one, two = (build_panel(dataset, store) for store in ("s1", "s2"))
    assert one.past.names == two.past.names
    assert two.column("visitors_known").max() == 0


def test_weekly_sales_keep_their_own_weekday() -> None:
    rows = sales("a", [1, 2, 3], first=4, step=7)  # Fridays
    panel = build_panel(memory_dataset({"sales": rows}, frequency="weekly"), "s1", after=1)
    assert panel.dates.tolist() == [day(4), day(11), day(18), day(25)]
    assert panel.demand.tolist() == [[1, 2, 3, 0]]


def test_monthly_sales_may_be_dated_anywhere_in_the_month() -> None:
    rows = [{"store": "s1", "sku": "a", "date": day(number), "quantity": 1} for number in (30, 31, 70)]
    panel = build_panel(memory_dataset({"sales": rows}, frequency="monthly"), "s1")
    assert panel.demand.tolist() == [[1, 1, 1]]


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    first=st.integers(0, 40),
    length=st.integers(70, 120),
    frequency=st.sampled_from(["weekly", "monthly"]),
)
def test_gathering_days_loses_nothing(seed: int, first: int, length: int, frequency: str) -> None:
    draw = random.Random(seed)
    rows = []
    for sku in ("a", "b"):
        rows += sales(
            sku, [draw.choice([None, 0, 1, 2.5, 8]) for _ in range(length)], first=first, returned=draw.randrange(3)
        )
    dataset = memory_dataset({"sales": rows})
    daily, gathered = build_panel(dataset, "s1"), build_panel(dataset, "s1", frequency=frequency)
    start, end = gathered.timeline.origin, int(gathered.timeline.ends()[gathered.known - 1])
    days = daily.timeline.starts()
    inside = (days >= start) & (days <= end)
    assert gathered.demand.sum() == daily.demand[:, inside].sum()
    assert gathered.column("returned").sum() == daily.column("returned")[:, inside].sum()
    # What is left out is less than a period at either end.
    assert max((days < start).sum(), (days > end).sum()) < 31


def test_each_column_is_gathered_in_its_own_way() -> None:
    rows = sales(
        "a",
        [1, 0, 0, 0, 0, 0, 3, 5, 5, 5, 5, 5, 5, 5],
        price=[1.0, 9, 9, 9, 9, 9, 2.0] + [4.0] * 7,
        promotion=[0, 1, 0, 0, 0, 0, 0] + [0] * 7,
        available=[0.3] + [1.0] * 13,
        visitors=[2.0, None, None, None, None, None, 4.0] + [None] * 7,
    )
    stock = [{"store": "s1", "sku": "a", "date": day(number), "on_hand": 10 + number} for number in range(14)]
    dataset = memory_dataset({"sales": rows, "stock": stock})
    panel = build_panel(dataset, "s1", frequency="weekly", planned=["promotion"])
    assert panel.demand.tolist() == [[4, 35]]
    assert panel.column("price").tolist() == [[1.75, 4]]  # weighted by what was sold
    assert panel.column("promotion").tolist() == [[1, 0]]
    assert panel.column("available")[0] == pytest.approx([0.9, 1])
    assert panel.column("on_hand").tolist() == [[16, 23]]
    assert panel.column("visitors").tolist() == [[3, 0]]
    assert panel.censored.tolist() == [[True, False]]
    planned = build_panel(dataset, "s1", frequency="weekly", planned=["price"])
    assert planned.column("price")[0] == pytest.approx([48 / 7, 4]), "weights of sales would tell the sales"


def test_an_incomplete_week_is_no_history() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 20, first=2)})  # Wednesday to a Monday
    panel = build_panel(dataset, "s1", frequency="weekly", after=1)
    assert panel.dates.tolist() == [day(7), day(14), day(21)]
    assert panel.known == 2
    assert panel.demand.tolist() == [[7, 7, 0]]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"frequency": "hourly"}, "hourly"),
        ({"end": day(-5)}, "no sales up to"),
        ({"start": day(9), "end": day(3)}, "lies after"),
        ({"planned": ["weather"]}, "weather"),
        ({"end": "soon"}, "not a date"),
        ({"frequency": "monthly"}, "no complete month"),
    ],
)
def test_what_makes_no_sense_is_said(options: dict[str, object], said: str) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        build_panel(memory_dataset({"sales": sales("a", [1] * 10)}), "s1", **options)  # type: ignore[arg-type]
    assert caught.value.hint


def test_weeks_can_not_become_days() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 3, step=7)}, frequency="weekly")
    with pytest.raises(DatasetError, match="weekly sales"):
        build_panel(dataset, "s1", frequency="daily")


@given(
    day_number=st.integers(-40000, 40000),
    frequency=st.sampled_from(["daily", "weekly", "monthly"]),
    length=st.integers(1, 60),
)
def test_every_day_lies_in_the_period_that_says_so(day_number: int, frequency: str, length: int) -> None:
    line = Timeline.covering(frequency, day_number, day_number).widened(0, length - 1)
    assert line.index(line.starts()).tolist() == list(range(length))
    assert line.index(line.ends()).tolist() == list(range(length))
    assert line.starts()[0] <= day_number <= line.ends()[0]
    assert (line.starts()[1:] == line.ends()[:-1] + 1).all()


def test_importing_panels_brings_no_torch_and_no_pandas() -> None:
    modules = ("assemble", "windows", "features", "design", "split", "transforms", "lead_times", "frames")
    program = "import sys\n" + "".join(f"import invplat.data.{name}\n" for name in modules)
    program += "print([name for name in ('torch', 'pandas', 'holidays', 'ray') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
