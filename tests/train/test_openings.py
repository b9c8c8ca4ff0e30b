"""Stores that open again: on days of their own, knowing nothing of before, and with the same facts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invplat.data.assemble import build_panel
from invplat.data.panel import Panel
from invplat.train.material import known_dates, read_material
from invplat.train.openings import LEAST, MOST, number_of, opened
from invplat.workload import Spec, find
from tests.data.memory import memory_dataset, sales
from tests.train.shop import shop

SPEC = Spec(past=14, horizon=7)
SIZE = {"past": 14, "horizon": 7}


@pytest.fixture(scope="module")
def panel() -> Panel:
    dataset = shop()
    return build_panel(dataset, dataset.stores[0])


def start_of(panel: Panel, opening: Panel) -> int:
    return panel.period(opening.dates[0].item())


@given(number=st.integers(1, 12), place=st.integers(0, 500))
def test_each_is_a_stretch_of_the_store_as_if_nothing_had_been_before(panel: Panel, number: int, place: int) -> None:
    found = opened(panel, SPEC, number, place)
    assert number - 1 <= len(found) <= number  # the first day is no opening
    starts = [start_of(panel, one) for one in found]
    assert starts == sorted(set(starts))
    assert 0 not in starts
    for first, one in zip(starts, found, strict=True):
        assert LEAST * SPEC.horizon <= one.known == one.timeline.length <= SPEC.past + SPEC.horizon
        rows = [panel.skus.index(sku) for sku in one.skus]
        stretch = slice(first, first + one.known)
        assert np.array_equal(one.demand, panel.demand[rows, stretch])
        assert np.array_equal(one.ahead.values, panel.ahead.values[rows, stretch])
        assert (one.launch >= 0).all()
        assert (one.launch < one.known).all()
        assert one.statics.texts["sku"] == one.skus


def test_stores_open_on_days_of_their_own(panel: Panel) -> None:
    days = [start_of(panel, opened(panel, SPEC, 1, place)[0]) for place in range(8)]
    assert len(set(days)) == 8


def test_a_history_without_room_has_none(panel: Panel) -> None:
    assert opened(panel.cut(0, LEAST * SPEC.horizon), SPEC, 4, 0) == []
    (one,) = opened(panel.cut(0, LEAST * SPEC.horizon + 6), SPEC, 1, 0)
    assert one.known >= LEAST * SPEC.horizon


def test_of_many_stores_each_opens_less_often() -> None:
    few = memory_dataset({"sales": sales("a", [1.0] * 9)})
    many = memory_dataset({"sales": [row for store in range(MOST) for row in sales("a", [1.0], store=f"s{store}")]})
    assert (number_of(few, 4), number_of(few, 0)) == (4, 0)
    assert number_of(many, 4) == 1


def test_material_holds_windows_of_openings_with_the_targets_of_the_whole() -> None:
    plain, found = (read_material(find("mlp"), [shop()], **SIZE, openings=some) for some in (0, 2))
    business = found.businesses[0]
    assert len(business.panels) == 3 * len(plain.businesses[0].panels)
    assert business.schedule == plain.businesses[0].schedule
    assert known_dates(business.panels) == known_dates(plain.businesses[0].panels)
    assert len(found.train) > 1.2 * len(plain.train)
    truth = {}
    for material in (plain, found):
        windows = material.windows
        batch = windows.batch(material.train.rows)
        stores, skus = windows.texts["store"], windows.texts["sku"]
        days = windows.cutoffs[material.train.rows.numpy()].tolist()
        names = [(stores[row], skus[row]) for row in windows.series[material.train.rows.numpy()].tolist()]
        units = (batch.target * batch.level[:, None]).round(decimals=3).tolist()
        for name, day, target in zip(names, days, units, strict=True):
            assert truth.setdefault((*name, day), target) == pytest.approx(target, abs=1e-2)
