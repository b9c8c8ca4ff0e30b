from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from invplat.data import rules

SALES = {
    "missing_value", "unparsable_date", "impossible_date", "future_date", "unparsable_number", "not_finite",
    "absurd_quantity", "bad_name", "return", "zero_price", "negative_price", "outlier", "unknown_sku", "unknown_store",
    "unit_converted", "trimmed", "duplicate_row", "repeated_key",
}  # fmt: skip
EXPECTED = {"quarantine": rules.QUARANTINE, "repair": rules.REPAIR, "merge": rules.MERGE}


def planted(world: Any, tenant: str, *named: str) -> list[dict[str, Any]]:
    return [fault for fault in world.truth(tenant, "planted") if not named or fault["rule"] in named]


@pytest.fixture(scope="module")
def sheets(dirty: Any) -> dict[tuple[str, str], list[dict[str, str]]]:
    """Every dirty file as rows of named cells, read once; row n of a spreadsheet is item n - 2."""
    found = {}
    for tenant in dirty.tenants:
        for name in dirty.told["tenants"][tenant]["rows"]:
            header, *rows = dirty.text(tenant, f"{name}.csv")
            found[tenant, f"{name}.csv"] = [dict(zip(header, row, strict=True)) for row in rows]
    return found


def test_each_fault_is_where_the_list_says(dirty: Any, sheets: Any) -> None:
    for tenant in dirty.tenants:
        for fault in planted(dirty, tenant):
            row = sheets[tenant, fault["file"]][fault["row"] - 2]
            assert fault["rule"] in EXPECTED[fault["expect"]]
            if fault["column"]:
                assert row[fault["column"]] == fault["value"]
            else:
                assert ",".join(row.values()).startswith(fault["value"])


def test_every_kind_is_planted_at_least_three_times(dirty: Any) -> None:
    for tenant in dirty.tenants:
        counts = Counter((f["file"], f["rule"]) for f in planted(dirty, tenant))
        roomy = SALES - {"unit_converted", "outlier"}
        assert min(counts["sales.csv", rule] for rule in roomy) >= 3
        assert counts["receipts.csv", "received_before_ordered"] >= 3
        assert counts["receipts.csv", "absurd_lead_time"] >= 3
        assert counts["receipts.csv", "missing_value"] >= 3
        assert counts["stock.csv", "missing_value"] >= 3
        assert counts["products.csv", "duplicate_row"] >= 2
    everywhere = Counter(f["rule"] for tenant in dirty.tenants for f in planted(dirty, tenant))
    assert min(everywhere[rule] for rule in (*SALES, "number_format")) >= 3


def test_about_one_row_in_a_hundred_is_dirty(dirty: Any) -> None:
    for tenant, told in dirty.told["tenants"].items():
        faults = [f for f in planted(dirty, tenant) if f["file"] == "sales.csv"]
        assert 0.004 < len(faults) / told["rows"]["sales"] < 0.015
        assert sum(told["planted"].values()) == len(planted(dirty, tenant))


def test_no_two_faults_meet(dirty: Any) -> None:
    for tenant in dirty.tenants:
        touched = [(f["file"], row) for f in planted(dirty, tenant) for row in (f["row"], f.get("first")) if row]
        assert len(touched) == len(set(touched))


def test_nothing_else_was_changed(clean: Any, dirty: Any, sheets: Any) -> None:
    """With the faults taken out and the split days put together, the clean files are back but for the altered rows."""
    for tenant in dirty.tenants:
        by_file: dict[str, list[dict[str, Any]]] = {}
        for fault in planted(dirty, tenant):
            by_file.setdefault(fault["file"], []).append(fault)
        for name in clean.told["tenants"][tenant]["rows"]:
            _, *before = clean.text(tenant, f"{name}.csv")
            faults = by_file.get(f"{name}.csv", [])
            rows = sheets[tenant, f"{name}.csv"]
            inserted = {f["row"] for f in faults if f["expect"] == "merge" or f["rule"].startswith("unknown_")}
            for fault in faults:
                if fault["rule"] == "repeated_key":
                    first = rows[fault["first"] - 2]
                    rows[fault["first"] - 2] = {**first, "quantity": str(int(first["quantity"]) + int(fault["value"]))}
            altered = {f["row"]: f for f in faults if f["row"] not in inserted}
            after = [(n, row) for n, row in enumerate(rows, start=2) if n not in inserted]
            assert len(after) == len(before)
            for (number, row), line in zip(after, before, strict=True):
                unit = row.get("unit")
                now = list(row.values())[: len(line)]
                differing = [c for c, a, b in zip(row, now, line, strict=False) if a != b]
                assert differing == ([altered[number]["column"]] if number in altered else [])
                if name == "sales":
                    dozen = number in altered and altered[number]["rule"] == "unit_converted"
                    assert unit == ("dozen" if dozen else "each")


def test_merged_rows_belong_together(dirty: Any, sheets: Any) -> None:
    for tenant in dirty.tenants:
        for fault in planted(dirty, tenant, "duplicate_row"):
            rows = sheets[tenant, fault["file"]]
            assert fault["first"] < fault["row"]
            assert rows[fault["row"] - 2] == rows[fault["first"] - 2]
        for fault in planted(dirty, tenant, "repeated_key"):
            one, two = (sheets[tenant, "sales.csv"][row - 2] for row in (fault["first"], fault["row"]))
            assert {k: v for k, v in one.items() if k != "quantity"} == {
                k: v for k, v in two.items() if k != "quantity"
            }
            assert one["quantity"] != two["quantity"]


def test_repairs_can_be_judged_by_the_truth(dirty: Any, clean: Any, sheets: Any) -> None:
    for tenant in dirty.tenants:
        true = {
            (name, *row[:3]): float(row[3])
            for name in ("sales.csv", "stock.csv")
            for row in clean.text(tenant, name)[1:]
        }
        for fault in planted(dirty, tenant, "unit_converted", "outlier", "number_format", "return"):
            row = sheets[tenant, fault["file"]][fault["row"] - 2]
            right = true[fault["file"], row["store"], row["sku"], row["date"]]
            factor = {"unit_converted": 1 / 12, "outlier": 1000, "number_format": 1, "return": -1}[fault["rule"]]
            assert float(fault["value"].replace(" ", "")) == pytest.approx(right * factor)


def test_an_outlier_stands_far_above_a_known_series(dirty: Any, clean: Any, sheets: Any) -> None:
    for tenant in dirty.tenants:
        sales = clean.table(tenant, "sales")
        for fault in planted(dirty, tenant, "outlier"):
            row = sheets[tenant, "sales.csv"][fault["row"] - 2]
            series = sales.filter(store=row["store"], sku=row["sku"])["quantity"]
            assert len(series) >= 20
            assert int(fault["value"]) >= 500 * series.filter(series > 0).median()


def test_receipts_are_impossible_only_in_the_way_that_was_meant(dirty: Any, sheets: Any) -> None:
    end = date.fromisoformat(dirty.told["end"])
    for tenant in dirty.tenants:
        for fault in planted(dirty, tenant, "received_before_ordered", "absurd_lead_time"):
            row = sheets[tenant, "receipts.csv"][fault["row"] - 2]
            ordered, received = date.fromisoformat(row["ordered_on"]), date.fromisoformat(row["received_on"])
            assert received <= end
            late = (received - ordered).days
            assert late < 0 if fault["rule"] == "received_before_ordered" else late > 1800


def test_strangers_are_unknown_to_the_other_files(dirty: Any, sheets: Any) -> None:
    for tenant in dirty.tenants:
        skus = {row["sku"] for row in sheets[tenant, "products.csv"]}
        stores = {row["store"] for row in sheets[tenant, "stores.csv"]}
        assert not skus & {f["value"] for f in planted(dirty, tenant, "unknown_sku")}
        assert not stores & {f["value"] for f in planted(dirty, tenant, "unknown_store")}


def test_the_truth_is_the_same_with_dirt(clean: Any, dirty: Any) -> None:
    for tenant in dirty.tenants:
        assert dirty.demand(tenant).equals(clean.demand(tenant))
        assert clean.truth(tenant, "planted") == []
