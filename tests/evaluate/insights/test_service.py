from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from invplat.evaluate.insights.findings import insights
from invplat.evaluate.insights.insight import Insight
from invplat.evaluate.insights.service import gamma_loss
from invplat.inventory.newsvendor import normal_loss
from tests.evaluate.insights.made import Shop


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Insight:
    rng = np.random.default_rng(0)
    shop = Shop()
    for number in range(6):
        shop.product(f"tea {number}")
        for ago, units in zip(range(199, -1, -1), rng.poisson(2 + 3 * number, 200).tolist(), strict=True):
            shop.sells("S1", f"tea {number}", units, first=ago, last=ago)
    (service,) = insights(shop.dataset(tmp_path_factory.mktemp("service")), only=["service"])
    return service


@pytest.mark.parametrize(("shape", "scale", "stock"), [(0.4, 5.0, 3.0), (2.0, 3.0, 10.0), (9.0, 1.0, 0.0)])
def test_the_loss_of_gamma_demand_is_the_integral_of_its_tail(shape: float, scale: float, stock: float) -> None:
    demand = stats.gamma(shape, scale=scale)
    above = np.linspace(stock, demand.ppf(1 - 1e-12), 400_001)
    told = gamma_loss(*(np.array([figure]) for figure in (stock, shape, scale)))
    assert told[0] == pytest.approx(np.trapezoid(demand.sf(above), above), rel=1e-4)


def test_even_demand_loses_as_normal_demand_does() -> None:
    told = gamma_loss(np.array([105.0]), np.array([10_000.0]), np.array([0.01]))
    assert told[0] == pytest.approx(float(normal_loss(105.0, 100.0, 1.0)), abs=2e-4)


def test_more_service_holds_more_and_loses_less(found: Insight) -> None:
    for name in ("all", "A"):
        rows = found.rows.filter(pl.col("class") == name)
        assert rows["level"].is_sorted()
        assert np.all(np.diff(rows["holding_a_year"].to_numpy()) > 0)
        assert np.all(np.diff(rows["lost_a_year"].to_numpy()) < 0)
        # every further point costs more and saves less
        assert np.all(np.diff(rows["point_costs"].drop_nulls().to_numpy()) > 0)
        assert np.all(np.diff(rows["point_saves"].drop_nulls().to_numpy()) < 0)


def test_the_point_that_is_told_stands_in_the_rows(found: Insight) -> None:
    rows = {round(row["level"], 2): row for row in found.rows.filter(pl.col("class") == "all").to_dicts()}
    costs = rows[0.96]["holding_a_year"] - rows[0.95]["holding_a_year"]
    assert found.money.amount == pytest.approx(costs)
    assert not found.act


def test_classes_add_up_to_all(found: Insight) -> None:
    parts = found.rows.filter(pl.col("class") != "all").group_by("level").agg(pl.col("holding_a_year").sum())
    whole = found.rows.filter(pl.col("class") == "all").select("level", whole="holding_a_year")
    both = parts.join(whole, on="level")
    assert both["holding_a_year"].to_list() == pytest.approx(both["whole"].to_list())
