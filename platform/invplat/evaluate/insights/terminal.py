"""Insights on a terminal: what to mend first, a few rows each, as wide as asked; what could not be had, at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from invplat.core.page.wording import compact, day, harmless, number, percent, short
from invplat.evaluate.insights.insight import Insight
from invplat.evaluate.insights.wording import money

if TYPE_CHECKING:
    from rich.console import Console

NARROWEST = 60
Shown = tuple[tuple[str, str, Callable[[Any], str]], ...]  # column, its head, how its values are written
SHOWN: dict[str, Shown] = {
    "dead": (
        ("store", "store", str),
        ("sku", "SKU", str),
        ("name", "name", str),
        ("on_hand", "units", number),
        ("days_unsold", "days unsold", compact),
        ("worth", "cost", money),
    ),
    "slow": (
        ("store", "store", str),
        ("sku", "SKU", str),
        ("on_hand", "units", number),
        ("weeks_of_cover", "weeks of sales", number),
        ("excess", "too many", number),
        ("reason", "because", str),
        ("at_stake", "at stake", money),
    ),
    "stockouts": (
        ("store", "store", str),
        ("sku", "SKU", str),
        ("name", "name", str),
        ("empty_share", "empty", percent),
        ("lost_a_year", "units lost", number),
        ("margin_a_year", "margin lost", money),
    ),
    "transfers": (
        ("sku", "SKU", str),
        ("from", "from", str),
        ("from_weeks", "weeks there", number),
        ("to", "to", str),
        ("to_weeks", "weeks there", number),
        ("to_empty_share", "empty", percent),
        ("move", "move", number),
        ("saves", "saves", money),
    ),
    "suppliers": (
        ("supplier", "supplier", str),
        ("deliveries", "deliveries", number),
        ("usual", "days", number),
        ("slow", "1 in 10", number),
        ("late_share", "late", percent),
        ("beside_others", "× others", number),
        ("verdict", "verdict", str),
        ("costs_a_year", "a year", money),
    ),
    "turnover": (
        ("by", "by", str),
        ("name", "name", str),
        ("sold_cost", "sold a year", money),
        ("mean_worth", "mean stock", money),
        ("turns", "turns", number),
        ("days", "days", number),
        ("costs", "costs a year", money),
    ),
    "capital": (
        ("store", "store", str),
        ("category", "category", str),
        ("worth", "stock at cost", money),
        ("share", "of stock", percent),
        ("sold_share", "of sales", percent),
    ),
    "classes": (
        ("sku", "SKU", str),
        ("name", "name", str),
        ("class", "class", str),
        ("revenue", "revenue", money),
        ("share", "share", percent),
        ("variation", "varies by", percent),
        ("worth", "stock", money),
    ),
    "patterns": (
        ("store", "store", str),
        ("sku", "SKU", str),
        ("pattern", "pattern", str),
        ("interval", "periods apart", number),
        ("spread", "CV²", number),
        ("revenue", "revenue", money),
        ("worth", "stock", money),
    ),
    "segments": (
        ("sku", "SKU", str),
        ("segment", "sells", str),
        ("unlike_others", "unlike others", lambda found: "yes" if found else "no"),
        ("revenue", "revenue", money),
        ("worth", "stock", money),
    ),
    "service": (
        ("class", "class", str),
        ("level", "service", percent),
        ("holding_a_year", "holding a year", money),
        ("lost_a_year", "margin lost", money),
        ("point_costs", "a point costs", money),
        ("point_saves", "and saves", money),
    ),
}
TELLING = {"service": (0.9, 0.95, 0.96, 0.98, 0.99)}  # of the curve of all classes


def render_terminal(found: Sequence[Insight], tenant: str, width: int, colour: bool, rows: int = 3) -> str:
    from rich.console import Console
    from rich.padding import Padding

    stream = StringIO()
    console = Console(
        file=stream,
        width=max(width, NARROWEST),
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    told = [one for one in found if one.known]
    until = day(next((one.as_of for one in found), ""))
    console.print(f"{tenant}, by what was known on {until}; money as the business counts it", style="bold")
    for place, insight in enumerate(told, 1):
        _one(console, place, insight, rows)
    lacking: dict[str, list[str]] = {}
    for one in found:
        for note in one.lacking if not one.known else ():
            lacking.setdefault(note, []).append(one.title)
    _notes(console, "Not to be had", [f"{', '.join(titles)}: {note}" for note, titles in lacking.items()])
    _notes(console, "Bear in mind", list(dict.fromkeys(note for one in told for note in one.lacking)))
    if any(len(one.rows) > rows for one in told):
        console.print()
        console.print(Padding("--csv FOLDER writes every row, --rows N shows more, --only NAME one insight", (0, 0)))
    return "\n".join(line.rstrip() for line in stream.getvalue().rstrip().split("\n")) + "\n"


def _one(console: Console, place: int, insight: Insight, limit: int) -> None:
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console.print()
    head = Text(f"{place}. {insight.title}", style="bold")
    amount = insight.money.amount
    if amount:
        head.append(f"  {money(amount)}{' a year' if insight.money.per == 'year' else ''}", style="bold cyan")
        head.append(f"  {insight.severity}" if insight.act and insight.severity != "none" else "", style="dim")
    head.append(f"  --only {insight.name}", style="dim")
    console.print(head)
    console.print(Padding(harmless(insight.sentence), (0, 0, 0, 3)))
    shown = _rows(insight, limit)
    if shown:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
        columns = _columns(insight.name, shown, console.width - 3)
        for cells, right in columns:
            table.add_column(Text(cells[0]), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
        for row in list(zip(*(cells for cells, _ in columns), strict=True))[1:]:
            table.add_row(*(Text(cell) for cell in row))
        console.print(Padding(table, (0, 0, 0, 3)))
    for threshold in (*insight.thresholds, *((f"money: {insight.money.counted}",) if amount is not None else ())):
        console.print(Padding(threshold, (0, 0, 0, 3)), style="dim")


def _columns(name: str, shown: Sequence[dict[str, Any]], width: int) -> list[tuple[list[str], bool]]:
    """Cells with their head, and whether they are numbers. Numbers take what they need, texts share what is left."""
    found = []
    for column, head, written in SHOWN[name]:
        values = [row[column] for row in shown]
        cells = ["–" if value is None else harmless(written(value)) for value in values]
        found.append(([head, *cells], written in (number, money, percent, compact)))
    texts = sorted(max(map(len, cells)) for cells, right in found if not right)
    left = width - 3 * (len(found) - 1) - sum(max(map(len, cells)) for cells, right in found if right)
    room = left
    for place, needed in enumerate(texts):
        room = left // (len(texts) - place)
        if needed > room:
            break
        left -= needed
        room = max(room, needed)
    return [([cell if right else short(cell, max(room, 6)) for cell in cells], right) for cells, right in found]


def _rows(insight: Insight, limit: int) -> list[dict[str, Any]]:
    if insight.name not in TELLING:
        return insight.rows.head(limit).to_dicts()
    telling = TELLING[insight.name]
    rows = insight.rows.to_dicts()
    return [row for row in rows if row["class"] == "all" and round(row["level"], 3) in telling][:limit]


def _notes(console: Console, title: str, notes: Sequence[str]) -> None:
    from rich.padding import Padding

    if notes:
        console.print()
        console.print(title, style="bold")
        for note in notes:
            console.print(Padding(harmless(note), (0, 0, 0, 3)))
