"""The page: well-formed, harmless whatever names come in, and there for every kind of dataset."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from invplat.core.errors import StorageError
from invplat.data.describe.figures import describe
from invplat.data.describe.page import render_page, write_page
from tests.data.describe.made import make_dataset, sales_of, world

EVIL = ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "🍎 Früchte", "مخزن الرياض", "& co", "\u202eabc"]
VOID = {"meta", "br", "img", "link"}
DAY = date(2024, 2, 29)


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def checked(text: str) -> Balance:
    page = Balance()
    page.feed(text)
    page.close()
    assert page.open == []
    assert not page.seen & {"script", "link", "img", "iframe", "object", "base", "form"}
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", text, re.IGNORECASE)
    assert not re.search(r"\bNone\b|\b-?nan\b|\b-?inf\b", text)
    return page


def evil_tables() -> dict[str, pl.DataFrame]:
    tables = world(stores=len(EVIL), skus=5, days=60, seed=5)
    renamed = {f"Shop {n:03d}": name for n, name in enumerate(EVIL)}
    for name in ("sales", "stock", "receipts", "stores"):
        tables[name] = tables[name].with_columns(pl.col("store").replace(renamed))
    tables["receipts"] = tables["receipts"].with_columns(supplier=pl.lit("<b>Supplier</b>"))
    tables["products"] = tables["products"].with_columns(
        name=pl.lit("</td><script>x</script>"), category=pl.lit("</section><script>y</script>")
    )
    return tables


def test_names_from_outside_stay_text(tmp_path: Path) -> None:
    bad = {"table": "sales", "column": "<u>", "reason": "unparsable_date", "row": 2, "value": "<script>v</script>"}
    dataset = make_dataset(
        tmp_path,
        evil_tables(),
        quarantine=[{**bad, "file": "<script>.csv", "store": EVIL[0]}],
        notes=("<script>note</script>",),
        mapping="<i>m</i>",
    )
    page = checked(render_page(describe(dataset)))
    text = "".join(page.text)
    for name in (*EVIL[:5], "<b>Supplier</b>", "<script>note</script>", "<i>m</i>"):
        assert name in text
    assert "\u202e" not in text


def one(**changes: Any) -> dict[str, Any]:
    return {"tables": {"sales": sales_of([("A", "1", DAY, 3.0)])}, **changes}


CASES: dict[str, dict[str, Any]] = {
    "one day": one(),
    "nothing": one(tables={"sales": sales_of([]).head(0)}),
    "nothing sold": one(tables={"sales": sales_of([("A", "1", DAY, 0.0), ("A", "2", DAY, 0.0)])}),
    "monthly": one(
        tables={"sales": sales_of([("A", "1", date(2020 + n // 12, n % 12 + 1, 1), float(n)) for n in range(40)])},
        frequency="monthly",
        gaps="missing",
    ),
    "weekly": one(
        tables={"sales": sales_of([("A", "1", DAY + timedelta(days=7 * n), float(n % 3)) for n in range(60)])},
        frequency="weekly",
    ),
    "a century": one(
        tables={"sales": sales_of([("A", "1", date(1900, 1, 1), 1.0), ("B", "1", date(2100, 12, 31), 2.0)])}
    ),
    "negative demand": one(
        tables={"sales": sales_of([("A", "1", DAY, -3.0), ("A", "1", DAY + timedelta(days=1), -1.0)])}
    ),
    "huge": one(tables={"sales": sales_of([("A", str(n), DAY + timedelta(days=n), 1e300) for n in range(3)])}),
    "no categories": one(
        tables={"sales": sales_of([("A", "1", DAY, 3.0)]), "products": pl.DataFrame({"sku": ["1"], "name": ["x"]})}
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_dataset_has_a_page(tmp_path: Path, case: str) -> None:
    checked(render_page(describe(make_dataset(tmp_path, **CASES[case]))))


def test_many_stores_are_forty_and_the_rest_together(tmp_path: Path) -> None:
    sales = sales_of([(f"Store {n:03d}", "1", DAY + timedelta(days=n % 9), float(n)) for n in range(150)])
    described = describe(make_dataset(tmp_path, {"sales": sales}))
    assert len(described.by_store) == 150
    assert [row.stores for row in described.coverage.rows] == [1] * 40 + [110]
    text = render_page(described)
    checked(text)
    assert "110 more, on average" in text
    assert len(text) < 100_000


def test_a_page_is_written_whole(tmp_path: Path) -> None:
    described = describe(make_dataset(tmp_path / "data", one()["tables"]))
    path = write_page(described, tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == render_page(described)
    assert [item.name for item in path.parent.iterdir()] == ["page.html"]


def test_a_page_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    described = describe(make_dataset(tmp_path / "data", one()["tables"]))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="can't be written"):
        write_page(described, tmp_path / "file" / "page.html")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(StorageError, match="folder"):
        write_page(described, tmp_path / "folder")
    assert [item.name for item in (tmp_path / "folder").iterdir()] == ["inside"]
