"""New days beside the old: a new version, touched stores only, the newer delivery counts, nothing forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from invplat.core.errors import DatasetError, MappingError
from invplat.data.manifest import Counts
from invplat.data.mapping import load_mapping
from tests.data.ingest.shop import Shop, rows

HEADER = "store,sku,date,quantity"
JANUARY = ("n,a,2025-01-01,1", "n,a,2025-01-02,2", "s,a,2025-01-01,3", "s,b,2025-01-01,4", "s,b,soon,4")


@pytest.fixture
def january(shop: Shop) -> Shop:
    shop.ingest(shop.file("sales_jan.csv", HEADER, *JANUARY))
    return shop


def keys(shop: Shop, version: int, store: str, table: str = "sales") -> list[str]:
    files = shop.dataset(version).manifest.tables[table].files
    return [file.key for file in files if file.store == store]


def test_new_days_are_added_and_other_stores_left_alone(january: Shop) -> None:
    outcome = january.append(january.file("sales_feb.csv", HEADER, "n,a,2025-02-01,5", "new,a,2025-02-01,6"))
    dataset = january.check()
    assert (outcome.changed, outcome.rows_replaced) == (True, 0)
    assert outcome.counts == Counts(2, 2, 0, 0)
    assert (dataset.version, dataset.manifest.parent) == (2, 1)
    assert dataset.stores == ["n", "new", "s"]
    assert rows(dataset.read("sales", "n"), "quantity") == [(1.0,), (2.0,), (5.0,)]
    assert keys(january, 2, "s") == keys(january, 1, "s")
    assert keys(january, 2, "n") != keys(january, 1, "n")
    assert (dataset.manifest.start, dataset.manifest.end) == ("2025-01-01", "2025-02-01")


def test_counts_and_rules_are_of_the_whole_lineage(january: Shop) -> None:
    january.append(january.file("sales_feb.csv", HEADER, "n,a,2025-02-01,5", "n,a,2025-02-01,5", "n,a,later,1"))
    manifest = january.check().manifest
    assert manifest.counts == Counts(8, 5, 1, 2)
    assert manifest.rules == {"sales.duplicate_row": 1, "sales.unparsable_date": 2}
    assert sorted(january.dataset().quarantine().column("value").to_pylist()) == ["later", "soon"]
    assert len(manifest.sources) == 2


def test_of_two_deliveries_of_a_day_the_newer_counts(january: Shop) -> None:
    outcome = january.append(january.file("again.csv", HEADER, "n,a,2025-01-02,20", "n,a,2025-01-03,30"))
    manifest = january.check().manifest
    assert rows(january.dataset().read("sales", "n"), "quantity") == [(1.0,), (20.0,), (30.0,)]
    assert (outcome.counts, outcome.rows_replaced) == (Counts(2, 2, 0, 0), 1)
    assert manifest.counts == Counts(7, 5, 1, 1)
    assert manifest.rules["sales.replaced"] == 1


def test_earlier_versions_stay_as_they_were(january: Shop) -> None:
    before = january.dataset().read("sales")
    january.append(january.file("sales_feb.csv", HEADER, "n,a,2025-01-01,9"))
    january.append(january.file("sales_mar.csv", HEADER, "n,a,2025-03-01,9"))
    assert january.check(1).read("sales").equals(before)
    assert [january.check(version).manifest.counts.rows_in for version in (1, 2, 3)] == [5, 6, 7]
    with pytest.raises(DatasetError, match="no dataset version 4"):
        january.dataset(4)


def test_the_same_file_again_changes_nothing(january: Shop) -> None:
    objects = january.objects()
    outcome = january.append(january.root / "sales_jan.csv")
    assert (outcome.changed, outcome.counts, outcome.manifest.version) == (False, Counts(), 1)
    assert any("sales_jan.csv: left out, its content is in the dataset already" in note for note in outcome.notes)
    assert january.objects() == objects


def test_a_folder_with_old_new_and_strange_files(january: Shop, make_shop: Any) -> None:
    january.file("notes.csv", "a,b", "1,2")
    assert january.append(january.root).changed is False  # only the stranger is new
    january.file("sales_feb.csv", HEADER, "n,a,2025-02-01,5")
    outcome = january.append(january.root)
    assert outcome.counts == Counts(1, 1, 0, 0)
    assert january.check().version == 2


def test_a_new_column_and_a_new_table_appear(january: Shop) -> None:
    january.append(
        january.file("sales_feb.csv", f"{HEADER},price", "n,a,2025-02-01,5,1.5"),
        january.file("stock.csv", "store,sku,date,on_hand", "s,a,2025-02-01,7"),
    )
    dataset = january.check()
    assert rows(dataset.read("sales", "n"), "price") == [(None,), (None,), (1.5,)]
    assert "price" in dataset.columns("sales")
    assert "price" in dataset.read("sales").column_names
    assert rows(dataset.read("stock", "s"), "on_hand") == [(7.0,)]


def test_a_column_that_is_lacking_now_stays_known_before(shop: Shop) -> None:
    shop.ingest(shop.file("sales_jan.csv", f"{HEADER},price", "n,a,2025-01-01,1,2.5"))
    shop.append(shop.file("sales_feb.csv", HEADER, "n,a,2025-02-01,5"))
    assert rows(shop.check().read("sales", "n"), "price", "returned") == [(2.5, 0.0), (None, 0.0)]


def test_attributes_are_joined_and_known_to_new_sales(shop: Shop) -> None:
    shop.ingest(
        shop.file("sales.csv", HEADER, "n,a,2025-01-01,1"),
        shop.file("products.csv", "sku,category,price", "a,fruit,1", "b,dairy,2"),
    )
    outcome = shop.append(
        shop.file("sales_2.csv", HEADER, "n,b,2025-02-01,1", "n,c,2025-02-01,1", "n,x,2025-02-01,1"),
        shop.file("products_2.csv", "sku,category,price", "c,bread,3", "b,dairy,4"),
    )
    dataset = shop.check()
    assert rows(dataset.read("products"), "sku", "price") == [("a", 1.0), ("b", 4.0), ("c", 3.0)]
    assert outcome.rules["sales.unknown_sku"] == 1


@pytest.mark.parametrize("budget", [70, 700, 64 << 20])
def test_a_store_cut_by_skus_joins_what_it_had(make_shop: Any, budget: int) -> None:
    """Old SKUs before, between and after the new ones are each there once."""
    shop = make_shop("cut")
    old = [f"s,{sku:02d},2025-01-0{day},{sku + day}" for sku in range(0, 40, 2) for day in (1, 2)]
    new = [f"s,{sku:02d},2025-01-0{day},{sku + 100}" for sku in range(7, 31) for day in (2, 3)]
    shop.ingest(shop.file("sales_1.csv", HEADER, *old))
    outcome = shop.append(shop.file("sales_2.csv", HEADER, *new), budget=budget)
    expected = {tuple(line.split(",")[1:3]): float(line.rsplit(",", 1)[1]) for line in (*old, *new)}
    table = shop.check().read("sales", "s")
    assert {(sku, str(day)): quantity for sku, day, quantity in rows(table, "sku", "date", "quantity")} == expected
    assert outcome.rows_replaced == len(old) + len(new) - len(expected)


def test_a_cut_whose_skus_are_all_refused_keeps_the_old_ones(shop: Shop) -> None:
    generic = load_mapping("generic")
    strict = replace(generic, entries=tuple(replace(e, unknown_sku="quarantine") for e in generic.entries))
    known = [f"k{number}" for number in range(6)]
    shop.ingest(
        shop.file("products.csv", "sku,category", *(f"{sku},c" for sku in known)),
        shop.file("sales_1.csv", HEADER, *(f"s,{sku},2025-01-01,1" for sku in known)),
        mapping=strict,
    )
    shop.append(
        shop.file("sales_2.csv", HEADER, "s,a,2025-01-02,1", "s,k3,2025-01-02,1", "s,z,2025-01-02,1"),
        mapping=strict,
        budget=70,
    )
    dataset = shop.check()
    assert dataset.read("sales", "s").column("sku").to_pylist() == ["k0", "k1", "k2", "k3", "k3", "k4", "k5"]
    assert dataset.manifest.counts.rows_quarantined == 2


def test_weekly_stays_weekly(shop: Shop) -> None:
    weekly = replace(load_mapping("generic"), frequency="weekly")
    shop.ingest(shop.file("sales_1.csv", HEADER, "s,a,2025-01-06,1"), mapping=weekly)
    shop.append(shop.file("sales_2.csv", HEADER, "s,a,2025-01-13,1"), mapping=weekly)
    assert shop.check().frequency == "weekly"
    with pytest.raises(MappingError, match="mapping generic is daily, tenant shop's dataset is weekly"):
        shop.append(shop.file("sales_3.csv", HEADER, "s,a,2025-01-20,1"))


def test_nothing_to_append_to(shop: Shop) -> None:
    with pytest.raises(DatasetError, match="tenant shop has no dataset"):
        shop.append(shop.file("sales.csv", HEADER, *JANUARY))
