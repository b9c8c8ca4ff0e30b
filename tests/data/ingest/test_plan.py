"""Which file goes to which table: by its name, by what the person said, by its columns only where that is sure."""

from __future__ import annotations

from typing import Any

import pytest

from invplat.core.errors import MappingError
from invplat.data.mapping import load_mapping

SALES = ("store,sku,date,quantity", "s,a,2026-01-01,1", "s,b,2026-01-02,2")
TRAIN = ("store_nbr,family,date,sales,onpromotion", "1,eggs,2017-01-01,3,0")


def test_planned_promotions_are_no_stores(shop: Any) -> None:
    """store_nbr alone would do for the stores table."""
    outcome = shop.ingest(
        shop.file("train.csv", *TRAIN),
        shop.file("test_onpromotion.csv", "store_nbr,family,date,onpromotion", "1,eggs,2017-01-02,1"),
        mapping=load_mapping("favorita"),
    )
    assert list(outcome.tables) == ["sales"]
    assert any("test_onpromotion.csv: left out" in note for note in outcome.notes)


def test_facts_by_their_columns(shop: Any) -> None:
    outcome = shop.ingest(shop.file("march.csv", *SALES))
    assert outcome.counts.rows_kept == 2
    assert any("march.csv: read as sales, by its columns" in note for note in outcome.notes)


def test_attributes_by_most_of_their_columns(shop: Any) -> None:
    wide = "sku,name,category,brand,supplier,unit_cost,price"
    outcome = shop.ingest(shop.file("sales.csv", *SALES), shop.file("list.csv", wide, "a,A,c,b,s,1,2"))
    assert outcome.tables["products"].rows_kept == 1
    outcome = shop.ingest(shop.file("sales.csv", *SALES), shop.file("list.csv", "sku,name,shelf", "a,A,3"))
    assert "products" not in outcome.tables
    assert any("list.csv: left out" in note for note in outcome.notes)


def test_a_table_that_has_its_file_takes_no_other_by_columns(shop: Any) -> None:
    outcome = shop.ingest(shop.file("sales.csv", *SALES), shop.file("forecast.csv", SALES[0], "s,a,2026-01-03,9"))
    assert outcome.counts.rows_in == 2
    assert any("forecast.csv: left out" in note for note in outcome.notes)


def test_the_person_decides(shop: Any) -> None:
    outcome = shop.ingest(
        shop.file("sales.csv", *SALES), ("sales", shop.file("other.csv", SALES[0], "s,a,2026-01-03,9"))
    )
    assert outcome.counts.rows_in == 3


def test_an_unknown_table_and_a_table_without_entry(shop: Any) -> None:
    path = shop.file("sales.csv", *SALES)
    with pytest.raises(MappingError, match="no table 'slaes'"):
        shop.ingest(("slaes", path))
    with pytest.raises(MappingError, match="says nothing about receipts"):
        shop.ingest(("receipts", path), mapping=load_mapping("favorita"))


def test_nothing_but_strangers(shop: Any) -> None:
    with pytest.raises(MappingError, match=r"has no table for .*notes\.csv") as refused:
        shop.ingest(shop.file("notes.csv", "a,b", "1,2"))
    assert "name the table yourself" in str(refused.value.hint)
    assert not shop.storage.root.exists()


def test_a_dataset_needs_sales_but_an_addition_does_not(shop: Any) -> None:
    stock = shop.file("stock.csv", "store,sku,date,on_hand", "s,a,2026-01-02,5")
    with pytest.raises(MappingError, match="none of the files holds sales"):
        shop.ingest(stock)
    shop.ingest(shop.file("sales.csv", *SALES))
    assert shop.append(stock).tables["stock"].rows_kept == 1
    assert shop.check().read("stock", "s").num_rows == 1
