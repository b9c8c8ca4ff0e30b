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
