"""What a business's data become for serving, where its stores don't all end on the same day."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest

from invplat.serve.schemas import ForecastsAsked
from tests.serve.shops import serving
from tests.transfer.firms import firms_in, typed


def test_a_store_that_has_closed_takes_no_day_from_the_others(
    home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    firms_in(home, tmp_path_factory)
    first = date(2025, 1, 1)
    rows = ["store,sku,date,quantity"]
    for store, days in (("a-closed", 70), ("b-open", 120)):  # the first by name has closed
        rows += [f"{store},milk,{first + timedelta(day)},{5 + day % 7}" for day in range(days)]
    (tmp_path / "sales.csv").write_text("\n".join(rows))
    typed(home, "tenant", "add", "half-open", "--data", tmp_path / "sales.csv", "--mapping", "generic")
    with serving(home) as service:
        said = asyncio.run(service.forecasts("half-open", ForecastsAsked(horizon=7)))
    assert said.names == (("b-open", "milk"),)
    assert said.dates == tuple(first + timedelta(120 + day) for day in range(7))
    assert said.mean.shape == (1, 7)
