"""Weekly and monthly businesses are looked at as daily ones are."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from tests.monitor.shop import Shop, kinds
from tests.transfer.firms import typed

MAPPING = """
name = "plain"
about = "a test's"
frequency = "{frequency}"
[[table]]
table = "sales"
files = ["sales.csv"]
columns = {{ store = "store", sku = "sku", date = "date", quantity = "quantity" }}
"""
PERIODS = {"weekly": 120, "monthly": 48}


def periods(frequency: str) -> list[date]:
    count = PERIODS[frequency]
    if frequency == "weekly":
        return [date(2022, 1, 3) + timedelta(weeks=place) for place in range(count)]
    return [date(2020 + place // 12, place % 12 + 1, 1) for place in range(count)]


def business(shop: Shop, frequency: str, times: float, silent: bool) -> list[date]:
    days = periods(frequency)
    law = np.full((3, 10, len(days)), 30.0)
    law[:, :, -4:] *= times
    sold = np.random.default_rng(1).poisson(law)
    rows = [
        (f"S{store}", f"x{sku}", str(days[place]), int(sold[store, sku, place]))
        for store in range(3)
        for sku in range(10)
        for place in range(len(days) - (3 if silent and store == 0 else 0))
    ]
    folder = shop.home / "files"
    folder.mkdir(parents=True)
    pl.DataFrame(rows, schema=["store", "sku", "date", "quantity"], orient="row").write_csv(folder / "sales.csv")
    (shop.home / "plain.toml").write_text(MAPPING.format(frequency=frequency))
    typed(shop.home, "tenant", "add", "shop", "--data", folder, "--mapping", shop.home / "plain.toml")
    return days


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_healthy(shop: Shop, frequency: str) -> None:
    days = business(shop, frequency, 1.0, False)
    assert shop.look(today=days[-1] + timedelta(days=8)).findings == ()
    assert kinds(shop.look(today=days[-1] + timedelta(days=100))) == {"stale_data"}


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_a_shift_and_a_store_that_is_silent(shop: Shop, frequency: str) -> None:
    days = business(shop, frequency, 2.0, True)
    found = shop.look(today=days[-1] + timedelta(days=8))
    assert {"drift", "silent_store"} <= kinds(found)
    silent = next(one for one in found.findings if one.kind == "silent_store")
    assert silent.since == str(days[-3])
    drift = next(one for one in found.findings if one.kind == "drift")
    assert str(days[-5]) <= drift.since <= str(days[-3])
