"""Quarantine of any size: every row of it logged, in parts, the same parts each time, and never all in memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import pytest

from invplat.data.ingest import ingest
from invplat.data.intake import aside, log
from invplat.data.mapping import load_mapping
from invplat.data.sources.locate import locate
from tests.data.ingest.shop import Shop, rows

HEADER = "store,sku,date,quantity"
GOOD = "n,a,2025-01-01,1"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "PART", 10)


def hashes(shop: Shop) -> list[str]:
    return [file.hash for file in shop.dataset().manifest.quarantine]


@pytest.mark.usefixtures("small_parts")
def test_many_bad_rows_make_many_parts(make_shop: Any) -> None:
    one, two = make_shop("one"), make_shop("two")
    for shop in (one, two):
        bad = [f"n,a,bad{number},1" for number in range(34)]
        paths = [
            shop.file("sales_1.csv", HEADER, GOOD, *bad[:17]),
            shop.file("sales_2.csv", HEADER, *bad[17:]),
            shop.file("receipts.csv", "store,sku,ordered_on,received_on,quantity", "n,a,2025-01-02,2025-01-01,1"),
        ]
        shop.ingest(*paths)
        shop.check()
    lines = rows(one.dataset().quarantine(), "table", "row", "value")
    expected = [("sales", row, f"bad{row - 3}") for row in range(3, 20)]
    expected += [("sales", row, f"bad{row + 15}") for row in range(2, 19)]
    assert sorted(lines) == sorted([*expected, ("receipts", 2, "2025-01-01")])
    assert [file.rows for file in one.dataset().manifest.quarantine] == [10, 10, 10, 5]
    assert one.dataset().quarantine().drop_columns("file").equals(two.dataset().quarantine().drop_columns("file"))


@pytest.mark.usefixtures("small_parts")
def test_refused_skus_too(shop: Shop) -> None:
    generic = load_mapping("generic")
    strict = replace(generic, entries=tuple(replace(entry, unknown_sku="quarantine") for entry in generic.entries))
    ghosts = [f"n,ghost{number:02d},2025-01-01,1" for number in range(25)]
    outcome = shop.ingest(
        shop.file("products.csv", "sku,category", "a,c"), shop.file("sales.csv", HEADER, GOOD, *ghosts), mapping=strict
    )
    dataset = shop.check()
    assert outcome.rules == {"sales.unknown_sku_refused": 25}
    assert len(dataset.manifest.quarantine) == 3
    assert sorted(dataset.quarantine().column("sku").to_pylist()) == [f"ghost{number:02d}" for number in range(25)]


@pytest.mark.usefixtures("small_parts")
def test_on_ray(make_shop: Any, ray: str) -> None:
    here, there = make_shop("here"), make_shop("there")
    for shop, workers in ((here, 0), (there, 2)):
        bad = [f"n,a,bad{number},1" for number in range(34)]
        files = [shop.file(f"sales_{n}.csv", HEADER, GOOD, *bad[n * 9 : n * 9 + 17]) for n in range(3)]
        shop.ingest(*files, workers=workers)
        shop.check()
    key = ("row", "value", "reason", "store", "sku")
    assert sorted(rows(here.dataset().quarantine(), *key)) == sorted(rows(there.dataset().quarantine(), *key))


def test_memory_does_not_grow_with_the_bad_rows(make_shop: Any) -> None:
    """What Python holds at once: the batch that is read and one part, not all lines."""

    def peak(bad: int) -> int:
        shop = make_shop(str(bad))
        path = shop.root / "sales.csv"
        with path.open("w") as file:
            file.write(f"{HEADER}\n{GOOD}\n")
            file.writelines(f"n,a,2025-01-01,bad{number % 1000}\n" for number in range(bad))
        (source,) = locate([str(path)])
        source.block_size = 1 << 18  # type: ignore[attr-defined]
        tracemalloc.start()
        outcome = ingest(shop.storage, shop.tenant, load_mapping("generic"), [(source, None)])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert outcome.counts.rows_quarantined == bad
        assert sum(file.rows for file in shop.dataset().manifest.quarantine) == bad
        return found

    peak(1000)  # what the first run alone takes
    assert peak(240_000) < 1.3 * peak(80_000)


def test_repairs_are_all_counted_and_the_first_are_logged(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invplat.data.intake.log.LIMIT", 5)
    monkeypatch.setattr("invplat.data.intake.settle.LIMIT", 5)
    monkeypatch.setattr("invplat.data.intake.rows.LIMIT", 5, raising=False)
    monkeypatch.setattr("invplat.data.intake.read.LIMIT", 5)
    assert log.LIMIT == 5
    returns = [f"n,a,2025-01-{day:02d},-1" for day in range(1, 21)]
    copies = [returns[0]] * 8
    outcome = shop.ingest(shop.file("sales.csv", HEADER, *returns, *copies))
    dataset = shop.check()
    assert outcome.rules == {"sales.duplicate_row": 8, "sales.return": 28}
    logged = rows(dataset.repairs(), "reason", "row")
    assert logged == [(reason, row) for reason, row in sorted(logged, key=lambda line: line[1])]
    assert [row for reason, row in logged if reason == "return"] == [2, 3, 4, 5, 6]
    assert [row for reason, row in logged if reason == "duplicate_row"] == [22, 23, 24, 25, 26]
