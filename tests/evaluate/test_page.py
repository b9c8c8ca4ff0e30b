"""The page: whole, well-formed, harmless whatever names come in, and saying what it shows."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from invplat.core.errors import StorageError
from invplat.data.manifest import Counts, DataFile, Manifest, TableRecord
from invplat.evaluate.charts import charts
from invplat.evaluate.compare import OURS, Comparison
from invplat.evaluate.figures import Figure
from invplat.evaluate.insights.insight import Insight, Money, unknown
from invplat.evaluate.page import Report, render, write_page
from invplat.testing.panels import Case, made_panel
from tests.evaluate.compared import compared

EVIL = "<script>alert(1)</script>"
QUOTED = '"><img src=x onerror=alert(2)>'
VOID = {"meta", "br"}
FILES = tuple(DataFile(f"sales/{store}", 9, 5, 1, "", store, "2024-01-01", "2024-04-29") for store in ("a", EVIL))
MANIFEST = Manifest(
    tenant="shop",
    version=3,
    parent=None,
    created="2026-01-01T00:00:00",
    code="0.1.0",
    mapping="generic",
    mapping_hash="",
    frequency="daily",
    gaps="zero",
    known=(),
    counts=Counts(),
    tables={"sales": TableRecord(Counts(), ("quantity",), FILES)},
    rules={},
    sources=(),
    quarantine=(),
    repairs=(),
    content_hash="abcdef0123456789ff",
)


class Checked(HTMLParser):
    """Every tag closed in its place; no attribute that runs anything."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.scopes = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.scopes += ("scope", "col") in attrs
        if tag not in VOID:
            self.open.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        labelled = dict(attrs)
        assert tag != "svg" or labelled.get("role") == "img", "a picture that nobody can read aloud"
        assert tag != "svg" or labelled.get("aria-label")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def said(self) -> str:
        return "".join(self.text)


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    panel = made_panel(Case(series=5, periods=120))
    names = (EVIL, QUOTED, "$x_1$", "مخزن", "& co")
    texts = {**panel.statics.texts, "sku": names, "store": (EVIL,) * 5, "category": (QUOTED,) * 5}
    evil = replace(panel, store=EVIL, skus=names, statics=replace(panel.statics, texts=texts))
    return compared(evil, tenant="shop", name=f"m{EVIL}")


@pytest.fixture(scope="module")
def text(comparison: Comparison) -> str:
    insight = Insight(
        name="dead",
        title=f"Dead {EVIL}",
        sentence=f"Nobody buys {QUOTED}",
        money=Money(1234.0, "at cost", "once"),
        rows=pl.DataFrame(
            {"store": [EVIL], "sku": ["a"], "name": [QUOTED], "on_hand": [3.0], "days_unsold": [99.0], "worth": [None]}
        ),
        thresholds=(),
        severity="high",
    )
    found = replace(comparison, notes=(*comparison.notes, f"a note {EVIL}"))
    told = [insight, unknown("slow", "Not to be known", ("stock",))]
    return render(Report(found, MANIFEST, f"invplat report 'm{EVIL}' --tenant shop", told, ("one more note",)))


def test_names_from_outside_stay_text(text: str) -> None:
    page = Checked(text)
    assert not set(page.seen) & {"script", "link", "img", "iframe", "object", "base", "form", "a"}
    assert EVIL in page.said
    assert QUOTED in page.said
    assert "\u202e" not in page.said


def test_nothing_is_fetched_and_nothing_is_unsaid(text: str) -> None:
    assert not re.search(r"https?:|//[a-z]|@import|javascript:", text, re.IGNORECASE)
    assert "url(" not in text.replace("url(#", "")
    assert not re.search(r"\bNone\b|\b-?nan\b", "".join(Checked(text).text))


def test_the_page_has_all_its_parts(text: str, comparison: Comparison) -> None:
    page = Checked(text)
    drawn = charts(comparison)
    assert page.seen.count("svg") == len(drawn) >= 8
    for chart in drawn:
        assert chart.title in page.said
    for part in ("dataset version 3", "1 Jan 2024 to 29 Apr 2024", "Limits and notes", "A note", "One more note"):
        assert part in page.said
    assert f"invplat report 'm{EVIL}' --tenant shop" in page.said
    assert "content abcdef0123456789," in page.said
    assert page.scopes >= 15, "heads of columns say that they are"


def test_every_figure_of_the_table_is_there(text: str, comparison: Comparison) -> None:
    said = Checked(text).said
    for row in comparison.tables[OURS].rows:
        assert row.model in said
        value = row.figures["rmse"].value
        assert value is not None
        assert f"{value:.2f}" in said


def test_what_a_metric_leaves_out_is_said_once(comparison: Comparison) -> None:
    table = comparison.tables[OURS]
    noted = tuple(
        replace(row, figures={**row.figures, "mape": Figure(0.5, "7 rows with actual 0 left out")})
        for row in table.rows
    )
    found = replace(comparison, tables={OURS: replace(table, rows=noted)})
    said = Checked(render(Report(found, MANIFEST, "invplat report"), drawn=[])).said
    assert said.count("MAPE: 7 rows with actual 0 left out") == 1


def test_insights_are_told_with_their_money_and_rows(text: str) -> None:
    said = Checked(text).said
    assert f"Dead {EVIL} 1,234 once" in said
    assert "Not to be known" not in said
    assert "–" in said


def test_light_and_dark_and_paper_share_one_picture(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    body = text[text.index("<body>") :]
    assert not re.search(r"(fill|stroke): #[0-9a-f]", body)
    used = set(re.findall(r"var\((--[a-z0-9]+)\)", body))
    sheet = text[: text.index("<body>")]
    dark = sheet[sheet.index("prefers-color-scheme") :]
    assert all(f"{name}:" in sheet and f"{name}:" in dark for name in used)


def test_a_page_is_written_whole(comparison: Comparison, tmp_path: Path) -> None:
    report = Report(comparison, MANIFEST, "invplat report")
    path = write_page(report, tmp_path / "new" / "report.html", drawn=[])
    assert path.read_text(encoding="utf-8") == render(report, drawn=[])
    assert [item.name for item in path.parent.iterdir()] == ["report.html"]
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="can't be written"):
        write_page(report, tmp_path / "file" / "report.html", drawn=[])
