"""The terminal: never wider than asked, never long, plain where asked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from rich.cells import cell_len

from invplat.core.page.wording import compact, harmless, number, percent, plural
from invplat.data.describe import findings
from invplat.data.describe.figures import describe
from invplat.data.describe.terminal import render_terminal, sparkline
from tests.data.describe.made import make_dataset, sales_of, world

BAD = {"table": "sales", "column": "date", "reason": "unparsable_date", "file": "till.csv", "row": 3}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> object:
    reasons = [
        "unparsable_date",
        "future_date",
        "missing_value",
        "not_finite",
        "bad_name",
        "unknown_unit",
        "undecodable",
    ]
    lines = [{**BAD, "reason": reason, "column": "a" * 50, "value": "💥\x1b[31m[red]" * 9} for reason in reasons]
    rules = {f"sales.{rule}": 5 for rule in ("return", "zero_price", "outlier", "trimmed", "duplicate_row", "replaced")}
    notes = tuple(f"note {n} " + "with a long text " * 6 for n in range(9))
    tables = world(stores=6, skus=12, days=120, seed=6)
    return describe(make_dataset(tmp_path_factory.mktemp("d"), tables, quarantine=lines, rules=rules, notes=notes))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("colour", [True, False])
def test_it_fits(full, width: int, colour: bool) -> None:  # type: ignore[no-untyped-def]
    text = render_terminal(full, width, colour)
    assert ("\x1b[" in text) == colour
    assert text.count("\n") <= 60 or width < 80
    if not colour:
        assert max(cell_len(line) for line in text.splitlines()) <= width


def test_it_says_what_matters(full) -> None:  # type: ignore[no-untyped-def]
    text = render_terminal(full, 160, False)
    for words in (
        "version 1",
        "6 stores",
        "rows in",
        "What stands out",
        "could not be used",
        "till.csv, row 3",
        "[red]",
    ):
        assert words in text
    assert findings.delivered(full) in text


def test_little_is_said_of_nothing(tmp_path: Path) -> None:
    empty = describe(make_dataset(tmp_path, {"sales": sales_of([]).head(0)}))
    assert "No store has a usable sale" in render_terminal(empty, 80, False)


def test_one_row(tmp_path: Path) -> None:
    text = render_terminal(
        describe(make_dataset(tmp_path, {"sales": sales_of([("A", "1", date(2024, 1, 1), 3.0)])})), 80, False
    )
    assert "1 store · 1 series · 1 SKU · 3 units" in text
    assert "The one row could be used" in text


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ([], 8, ""),
        ([2.0, 2.0], 8, "▄▄"),
        ([0.0, 7.0], 8, "▁█"),
        ([0.0, 0.0, 4.0, 4.0], 2, "▁█"),
        ([-1.0, 1.0], 4, "▁█"),
    ],
)
def test_sparklines(values: list[float], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (number(1234567.0), "1,234,567"),
        (number(3.14159), "3.1"),
        (number(0.0421), "0.042"),
        (compact(12_500), "12.5k"),
        (compact(999_999_999), "1,000M"),
        (compact(3_000_000), "3M"),
        (percent(0.00001), "< 0.01 %"),
        (percent(0.99999), "> 99.9 %"),
        (percent(1.0), "100 %"),
        (percent(0.5), "50 %"),
        (plural(1, "store"), "1 store"),
        (plural(2, "category", "categories"), "2 categories"),
        (harmless("a\x1b[0m\u202eb"), "a·[0m·b"),
    ],
)
def test_wording(said: str, expected: str) -> None:
    assert said == expected
