"""The law of the house: rows in = kept + merged + quarantined, whatever the files hold and however they are read."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import SourceError
from invplat.data.rules import MERGE, QUARANTINE
from tests.data.ingest.shop import Shop

# Each column mostly right, so that rows differ in what is wrong with them.
STORE = st.sampled_from(["north", "south", " south", "east/west", "", "ü", "x" * 200])
SKU = st.sampled_from(["a", "b", "c", "d", "e", "a ", "", "\x07"])
DATE = st.sampled_from(["2025-01-01", "2025-01-02", "2025-01-03", "", "soon", "9999-01-01", "2031-01-01", "1700-01-01"])
QUANTITY = st.sampled_from(["1", "2", "2.0", "-3", "0", "1 000", "", "nan", "inf", "many", "1e12", "(4)"])
PRICE = st.sampled_from(["1.5", "2", "0", "-1", "", "n/a", "cheap"])
ROW = st.tuples(STORE, SKU, DATE, QUANTITY, PRICE)
HEADER = "store,sku,date,quantity,price"
FILES = st.lists(st.lists(ROW, max_size=30), min_size=1, max_size=3)
ANCHOR = ("north", "a", "2025-01-01", "1", "1.5")  # so that there is always a dataset
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content(shop: Shop) -> dict[str, pa.Table]:
    return dict(shop.dataset().each_store("sales"))


def distinct(files: list[list[tuple[str, ...]]]) -> list[list[tuple[str, ...]]]:
    """Files of one content are one file to the ingest."""
    seen: set[tuple[Any, ...]] = set()
    return [rows for rows in files if tuple(rows) not in seen and not seen.add(tuple(rows))]  # type: ignore[func-returns-value]


@SLOW
@given(FILES)
def test_every_row_is_accounted_for(files: list[list[tuple[str, ...]]]) -> None:
    files = distinct([[ANCHOR, *files[0]], *files[1:]])
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder))
        paths = [shop.file(f"sales_{n}.csv", HEADER, *map(",".join, rows)) for n, rows in enumerate(files)]
        outcome = shop.ingest(*paths)
        dataset = shop.check()
        # A line of commas alone is a row too; only wholly empty lines are none.
        assert outcome.counts.rows_in == sum(map(len, files))
        assert outcome.counts.rows_quarantined == sum(outcome.rules.get(f"sales.{rule}", 0) for rule in QUARANTINE)
        assert outcome.counts.rows_merged == sum(outcome.rules.get(f"sales.{rule}", 0) for rule in MERGE)
        said = Counter(dataset.quarantine().column("reason").to_pylist())
        assert {f"sales.{rule}": count for rule, count in said.items()} == {
            rule: count for rule, count in outcome.rules.items() if rule.split(".")[1] in QUARANTINE
        }


@SLOW
@given(FILES, st.randoms(use_true_random=False), st.sampled_from([70, 300, 2000]))
def test_neither_order_nor_budget_changes_the_data(
    files: list[list[tuple[str, ...]]], random: Any, budget: int
) -> None:
    """Values are compared only where the rows of a key agree: of rows that disagree the last one read may count."""
    files = distinct([[ANCHOR, *files[0]], *files[1:]])
    shuffled = [random.sample(rows, len(rows)) for rows in files]
    with tempfile.TemporaryDirectory() as folder:
        first, second = Shop(Path(folder) / "1"), Shop(Path(folder) / "2")
        one = first.ingest(*[first.file(f"sales_{n}.csv", HEADER, *map(",".join, r)) for n, r in enumerate(files)])
        paths = [second.file(f"sales_{n}.csv", HEADER, *map(",".join, rows)) for n, rows in enumerate(shuffled)]
        two = second.ingest(*random.sample(paths, len(paths)), budget=budget)
        second.check()
        if len({path.read_text() for path in paths}) < len(paths):
            return  # shuffled into copies of each other
        assert (one.counts, one.rules) == (two.counts, two.rules)
        assert shared(content(first)) == shared(content(second))


def shared(stores: dict[str, pa.Table]) -> dict[str, Any]:
    """What sums and means leave, rounded as they may be added in another order."""
    return {
        store: [
            {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
            for row in table.to_pylist()
        ]
        for store, table in stores.items()
    }


def test_no_rows_and_no_usable_rows(shop: Shop) -> None:
    with pytest.raises(SourceError, match="no row of sales could be used") as refused:
        shop.ingest(shop.file("sales.csv", HEADER, "s,a,soon,1,1", "s,a,later,1,1", "s,a,2025-01-01,x,1"))
    assert "2 of 3 rows: unparsable_date" in str(refused.value.hint)
    assert "'soon'" in str(refused.value.hint)
    assert shop.objects() == []


def test_exports_that_overlap_count_once_though_only_one_of_them_has_a_return(shop: Shop) -> None:
    header, shared = "store,sku,date,quantity", "n,a,2025-01-03,5"
    one = shop.file("sales_1.csv", header, "n,a,2025-01-01,4", "n,a,2025-01-02,-2", shared)
    two = shop.file("sales_2.csv", header, shared, "n,a,2025-01-04,6")
    outcome = shop.ingest(one, two)
    assert outcome.rules == {"sales.duplicate_row": 1, "sales.return": 1}
    assert shop.check().read("sales").column("quantity").to_pylist() == [4, 0, 5, 6]
