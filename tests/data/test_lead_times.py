"""Lead times as they were known: received orders count, open ones only wait."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invplat.core.errors import DatasetError
from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.lead_times import LEVELS, NOWHERE, LeadTimes, read_lead_times
from invplat.testing.panels import Case, made_panel
from tests.data.memory import day, memory_dataset, sales


def receipt(sku: str, ordered: int, lead: int, *, store: str = "s1", supplier: str | None = "v1") -> dict[str, Any]:
    return {
        "store": store,
        "sku": sku,
        "ordered_on": day(ordered),
        "received_on": day(ordered + lead),
        "quantity": 1,
        "supplier": supplier,
    }


def shop(receipts: list[dict[str, Any]]) -> Dataset:
    rows = [row for sku in "abcd" for row in sales(sku, [1] * 40)]
    products = [{"sku": "b", "supplier": "v1"}, {"sku": "c", "supplier": "v9"}]
    return memory_dataset(
        {"sales": rows + sales("a", [1] * 40, store="s2"), "receipts": receipts, "products": products}
    )


def test_a_receipt_is_known_once_it_came() -> None:
    lead_times = read_lead_times(shop([receipt("a", 0, 4), receipt("a", 5, 6), receipt("a", 9, 20)]))
    early, late = lead_times.summary("supplier", day(10)), lead_times.summary("supplier", day(11))
    assert (early.number.tolist(), early.open.tolist(), early.oldest.tolist()) == ([1], [2], [5])
    assert early.mean.tolist() == [4]
    assert (late.number.tolist(), late.open.tolist(), late.oldest.tolist()) == ([2], [1], [2])
    assert late.mean.tolist() == [5]
    assert late.deviation.tolist() == [1]
    assert late.late.tolist() == [0.5]
    assert late.quantiles[0] == pytest.approx([4.2, 5, 5.8])


def test_what_was_not_yet_ordered_is_not_there() -> None:
    summary = read_lead_times(shop([receipt("a", 20, 4, supplier="later")])).summary("supplier", day(10))
    assert summary.names == ()


def test_histories_fall_back_from_sku_to_everything() -> None:
    receipts = [
        receipt("a", 0, 3),
        receipt("a", 1, 5),
        receipt("a", 30, 9),
        receipt("d", 2, 8, store="s2", supplier="v2"),
    ]
    dataset = shop(receipts)
    panel = build_panel(dataset, "s1")
    lead_times = read_lead_times(dataset)
    where = np.array([panel.skus.index(sku) for sku in ("a", "b", "c", "a")])
    found = lead_times.of_panel(panel, where, [day(20), day(20), day(20), day(1)], 3)
    assert [LEVELS[level] if level < NOWHERE else "nowhere" for level in found.level.tolist()] == [
        "sku",
        "supplier",
        "store",
        "nowhere",
    ]
    assert found.days[0] == pytest.approx([np.nan, 3, 5], nan_ok=True)
    assert found.days[1] == pytest.approx([np.nan, 3, 5], nan_ok=True)
    assert found.known.sum(axis=1).tolist() == [2, 2, 2, 0]
    elsewhere = build_panel(dataset, "s2")
    other = read_lead_times(shop([receipt("d", 2, 8, supplier="v2")])).of_panel(elsewhere, np.array([0]), [day(20)], 2)
    assert LEVELS[other.level[0]] == "all"
    assert other.days[0] == pytest.approx([np.nan, 8], nan_ok=True)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 5))
def test_histories_are_what_a_loop_gives(seed: int, n: int) -> None:
    draw = random.Random(seed)
    receipts = [receipt(draw.choice("ab"), draw.randrange(30), draw.randrange(9)) for _ in range(draw.randrange(1, 25))]
    dataset = shop(receipts)
    panel = build_panel(dataset, "s1")
    series = np.array([draw.randrange(2) for _ in range(10)])
    cutoffs = [day(draw.randrange(40)) for _ in range(10)]
    found = read_lead_times(dataset).of_panel(panel, series, cutoffs, n)
    for row, (which, cutoff) in enumerate(zip(series.tolist(), cutoffs, strict=True)):
        done = [one for one in receipts if one["received_on"] <= cutoff]
        own = [one for one in done if one["sku"] == panel.skus[which]] or done
        ordered = sorted((one["received_on"], (one["received_on"] - one["ordered_on"]).days) for one in own)
        wanted = [days for _, days in ordered][-n:]
        assert found.days[row][n - len(wanted) :].tolist() == wanted
        assert np.isnan(found.days[row][: n - len(wanted)]).all()


def test_the_products_supplier_stands_in() -> None:
    lead_times = read_lead_times(shop([receipt("b", 0, 4, supplier=None), receipt("d", 0, 4, supplier=None)]))
    assert lead_times.summary("supplier", day(30)).names == ("v1",)


def test_no_receipts_at_all() -> None:
    dataset = memory_dataset({"sales": sales("a", [1] * 5)})
    lead_times = read_lead_times(dataset)
    assert lead_times.summary("sku", day(3)).names == ()
    found = lead_times.of_panel(build_panel(dataset, "s1"), np.array([0]), [day(3)], 2)
    assert found.level.tolist() == [NOWHERE]
    assert not found.known.any()
    with pytest.raises(DatasetError, match="planet"):
        lead_times.summary("planet", day(3))


def test_the_next_order_of_a_series_and_only_what_came_within_the_horizon() -> None:
    panel = made_panel(Case(series=2, periods=40))
    first = panel.timeline.origin
    days = np.array([3, 10, 12, 20, 5]) + first
    took = np.array([2, 4, 1, 30, 6])
    labels = np.array([f"store\x1fsku-{sku}" for sku in (0, 0, 0, 0, 1)], object)
    nobody = np.array([None] * 5, object)
    times = LeadTimes(days, days + took, {"sku": labels, "supplier": nobody, "store": nobody, "all": nobody})
    series = np.array([0, 0, 0, 0, 0, 1, 1])
    cutoffs = panel.dates[[2, 3, 10, 13, 21, 4, 5]]
    found = times.next_of_panel(panel, series, cutoffs, horizon=7)
    assert np.array_equal(found, np.array([2, np.nan, 1, np.nan, np.nan, 6, np.nan], np.float32), equal_nan=True)
