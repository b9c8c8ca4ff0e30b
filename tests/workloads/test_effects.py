"""What names say of demand: exact where demand is made of it, silent of itself and of strangers."""

from __future__ import annotations

import numpy as np
import pytest

from invplat_workloads import effects
from invplat_workloads.bands import FEW, MANY, Bands
from invplat_workloads.effects import Effects, Ints


def crossed(times: int = 20) -> tuple[dict[str, Ints], np.ndarray]:
    """Three items in four stores, each pair so often; demand is exactly the product of what both stand for."""
    item, store = (part.ravel() for part in np.meshgrid([1, 2, 3], [1, 2, 3, 4]))
    ids = {"item": np.tile(item, times).astype(np.int64), "store": np.tile(store, times).astype(np.int64)}
    return ids, 5.0 * 2.0 ** ids["item"] * 3.0 ** ids["store"]


def noisy(rows: int = 300) -> tuple[dict[str, Ints], np.ndarray]:
    random = np.random.default_rng(3)
    ids = {"item": random.integers(1, 9, rows), "store": random.integers(1, 5, rows)}
    return ids, np.exp(ids["item"] * 0.3 + random.normal(0, 0.5, rows)) * 4


def test_products_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "DRAWN", {1: 0.0, 2: 0.0})
    ids, demand = crossed()
    fitted, standing = Effects.fit(ids, demand)
    assert np.allclose(fitted.standing(ids).level, demand)
    assert np.allclose(standing.level, demand)


def test_names_with_few_rows_are_drawn_to_the_middle() -> None:
    often, seldom = crossed(40), crossed(1)
    errors = [
        np.abs(np.log(Effects.fit(*each)[0].standing(each[0]).level / each[1])).mean() for each in (often, seldom)
    ]
    assert errors[0] < 0.05 < errors[1]


def test_a_row_says_nothing_of_itself() -> None:
    ids, demand = noisy()
    _, before = Effects.fit(ids, demand)
    changed = demand.copy()
    changed[17] *= 50
    _, after = Effects.fit(ids, changed)
    assert np.array_equal(before.effects[17], after.effects[17])
    same = np.flatnonzero((ids["item"] == ids["item"][17]) & (np.arange(len(demand)) != 17))
    assert not np.array_equal(before.effects[same], after.effects[same])


def test_strangers_get_the_middle() -> None:
    ids, demand = noisy()
    fitted, _ = Effects.fit(ids, demand)
    for code in (0, 99):
        found = fitted.standing({name: np.array([code]) for name in ids})
        assert not found.effects.any()
        assert not found.counts.any()
        assert found.level == pytest.approx(np.exp(fitted.centre) * fitted.smear)


def test_the_unknown_have_nothing_in_common() -> None:
    ids, demand = noisy()
    ids["item"][:100] = 0
    _, standing = Effects.fit(ids, demand)
    assert not standing.effects[:100, 0].any()
    assert standing.effects[100:, 0].all()


def test_levels_and_demand_have_one_mean() -> None:
    ids, demand = noisy()
    _, standing = Effects.fit(ids, demand)
    assert standing.level.mean() == pytest.approx(demand.mean())


def test_the_same_twice() -> None:
    first, second = (Effects.fit(*noisy())[1] for _ in range(2))
    assert np.array_equal(first.level, second.level)


def test_those_kept_apart_are_not_paired() -> None:
    ids, demand = noisy()
    fitted, _ = Effects.fit(
        {**ids, "size": ids["item"] % 3 + 1, "cost": ids["item"] % 2 + 1}, demand, apart=["size", "cost"]
    )
    assert ("size", "cost") not in fitted.keys
    assert {("item", "size"), ("store", "cost")} <= set(fitted.keys)


def test_bands_are_of_what_a_name_always_has() -> None:
    random = np.random.default_rng(0)
    item = random.integers(1, 200, 1000)
    size, cost = (item % 4).astype(np.float32), item.astype(np.float32)
    cost[item == 7] = np.nan
    bands = Bands.fit({"size": size, "cost": cost, "sold": random.random(1000)}, {"item": item})
    codes = bands.codes({"size": size, "cost": cost})
    assert sorted(codes) == ["cost_band", "size_band"]
    assert len(np.unique(codes["size_band"])) == 4
    assert FEW > len(np.unique(codes["cost_band"])) - 1 == MANY
    assert not codes["cost_band"][item == 7].any()
    assert codes["cost_band"][item != 7].all()
