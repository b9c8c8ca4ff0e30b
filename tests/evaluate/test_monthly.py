"""The report's table of a dataset: sums that agree with the sales, attributes, and the report's split."""

from __future__ import annotations

import numpy as np
import pytest

from invplat.core.errors import DatasetError
from invplat.evaluate.monthly import monthly, random_parts
from tests.data.memory import memory_dataset, sales


def rows() -> list[dict[str, object]]:
    found = []
    for store in ("s1", "s2"):
        for sku in ("a", "b", "c", "d"):
            found += sales(sku, [float(number % 5) for number in range(150)], store=store, price=3.0)
    found += sales("quiet", [0.0] * 60)
    return [*found, {**sales("a", [7.0])[0], "store": "s3", "outlier": True}, *sales("a", [5.0], store="s3", first=1)]


def test_quantities_add_up_by_month_store_and_product() -> None:
    found = monthly(memory_dataset({"sales": rows(), "products": [{"sku": "a", "category": "x", "unit_cost": 2.0}]}))
    data = found.data
    assert data.target.sum() == sum(float(str(row["quantity"])) for row in rows() if not row.get("outlier"))
    assert (data.target > 0).all()  # a month without a sale is no row
    assert set(data.texts) == {"sku", "store", "calendar_month", "category"}
    assert set(data.numbers) == {"year", "unit_cost", "price"}
    assert set(data.texts["calendar_month"]) == {"01", "02", "03", "04", "05"}
    known = np.array(data.texts["sku"]) == "a"
    assert np.isnan(data.numbers["unit_cost"][~known]).all()
    assert (data.numbers["unit_cost"][known] == 2).all()


def test_a_price_tells_the_month_and_the_product_and_nothing_of_the_row() -> None:
    """Two stores sell on different days while the price goes up: both rows have the price of the first day."""
    early = sales("a", [1.0, None, None, 2.0], store="s1", price=[2.0, 0.0, 0.0, 5.0])
    late = sales("a", [None, None, 3.0, 3.0], store="s2", price=[0.0, 0.0, 4.0, 5.0])
    found = monthly(memory_dataset({"sales": [*rows(), *_renamed(early), *_renamed(late)]})).data
    mine = np.array(found.texts["sku"]) == "new"
    assert found.numbers["price"][mine].tolist() == [2.0, 2.0]


def _renamed(sold: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{**row, "sku": "new"} for row in sold]


def test_parts_are_the_report_s_shares_and_the_same_each_time() -> None:
    parts = random_parts(1000)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [700, 150, 150]
    np.testing.assert_array_equal(random_parts(1000).test, parts.test)


def test_a_sample_is_drawn_and_said_and_too_few_rows_are_refused() -> None:
    found = monthly(memory_dataset({"sales": rows()}), most=30)
    assert len(found.data.target) == 30
    assert "41 rows; 30 of them" in found.notes[0]
    with pytest.raises(DatasetError, match="1 months of products with a sale"):
        monthly(memory_dataset({"sales": sales("a", [1.0, 2.0])}))
