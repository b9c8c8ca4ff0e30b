"""The same files give the same bytes: here, on Ray, in one piece or in many."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.data.ingest.shop import Shop

FIRST = date(2025, 1, 1)
SMALL = 20_000  # bytes: a few hundred rows


def fill(shop: Shop) -> list[Any]:
    """Stores of unlike size over several files; SKUs and suppliers first seen in another order by every file."""
    lines: list[list[str]] = [[], [], []]
    for store, skus in (("big", 40), ("small", 3), ("zed", 11)):
        for sku in range(skus):
            for day in range(30):
                at = FIRST + timedelta(days=day)
                lines[(sku + len(store)) % 3].append(f"{store},sku-{sku * 7 % 40:02d},{at},{sku + day % 7},{1 + sku}")
    lines[1].reverse()
    lines[2] += ["small,sku-00,never,1,1", "small,sku-00,2025-01-01,-2,1", lines[2][0]]
    files = [shop.file(f"sales_{n}.csv", "store,sku,date,quantity,price", *part) for n, part in enumerate(lines)]
    receipts = [
        f"{'big' if n % 2 else 'zed'},sku-{n % 11:02d},2025-01-0{1 + n % 3},2025-01-09,5,s{n * 5 % 7}"
        for n in range(50)
    ]
    files.append(shop.file("receipts.csv", "store,sku,ordered_on,received_on,quantity,supplier", *receipts))
    files.append(shop.file("products.csv", "sku,category", *(f"sku-{n:02d},c{n % 4}" for n in reversed(range(40)))))
    return files


def hashes(shop: Shop) -> dict[tuple[str, str, str], str]:
    manifest = shop.dataset().manifest
    return {
        (name, file.store, file.key.rsplit("/", 1)[1]): file.hash
        for name, record in manifest.tables.items()
        for file in record.files
    }


def parts(shop: Shop, store: str) -> int:
    return sum(name == "sales" and of == store for name, of, _ in hashes(shop))


def test_again_in_another_process_order(make_shop: Any) -> None:
    one, two = make_shop("one"), make_shop("two")
    one.ingest(*fill(one))
    two.ingest(*reversed(fill(two)))
    assert hashes(one) == hashes(two)
    assert one.dataset().manifest.content_hash == two.dataset().manifest.content_hash


def test_a_small_budget_cuts_a_store_by_skus(make_shop: Any) -> None:
    whole, cut = make_shop("whole"), make_shop("cut")
    assert whole.ingest(*fill(whole)).counts == cut.ingest(*fill(cut), budget=SMALL).counts
    assert parts(whole, "big") == 1
    assert parts(cut, "big") > 3
    assert parts(cut, "small") == 1
    for name in ("sales", "receipts", "products"):
        assert whole.check().read(name).equals(cut.check().read(name))
    assert whole.dataset().quarantine().drop_columns("file").equals(cut.dataset().quarantine().drop_columns("file"))
    assert whole.dataset().manifest.series == cut.dataset().manifest.series


def test_cut_the_same_whether_it_waited_on_disk_or_not(make_shop: Any) -> None:
    """A budget between the bytes that the facts have and those that a row may have."""
    one, two = make_shop("one"), make_shop("two")
    one.ingest(*fill(one), budget=70_000)
    two.ingest(*fill(two), budget=70_000 + 7)  # a few bytes more change no cut
    assert hashes(one) == hashes(two)


@pytest.mark.parametrize("budget", [SMALL, 70_000, 64 << 20])
def test_on_ray(make_shop: Any, ray: str, budget: int) -> None:
    here, there = make_shop("here"), make_shop("there")
    one = here.ingest(*fill(here), budget=budget)
    two = there.ingest(*fill(there), budget=budget, workers=2)
    assert hashes(here) == hashes(there)
    assert (one.counts, one.tables, one.rules) == (two.counts, two.tables, two.rules)
    assert one.manifest.content_hash == two.manifest.content_hash
    there.check()
    for log in ("quarantine", "repairs"):
        mine, theirs = getattr(here.dataset(), log)(), getattr(there.dataset(), log)()
        assert mine.drop_columns("file").equals(theirs.drop_columns("file"))
    assert not [key for key in there.objects() if "scratch" in key]


def test_appending_on_ray(make_shop: Any, ray: str) -> None:
    here, there = make_shop("here"), make_shop("there")
    for shop, workers in ((here, 0), (there, 2)):
        shop.ingest(*fill(shop), budget=SMALL)
        days = [f"big,sku-{n:02d},2025-01-{20 + n % 20},{n}" for n in range(10)]
        shop.append(shop.file("sales_more.csv", "store,sku,date,quantity", *days), workers=workers, budget=SMALL)
        shop.check()
    assert hashes(here) == hashes(there)
