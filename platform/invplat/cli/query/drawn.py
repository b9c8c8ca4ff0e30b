"""Tables of an answer: names made harmless, figures under each other, as wide as the terminal and no wider.

Knows nothing of what the figures mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from invplat.cli.output import WIDE
from invplat.core.page.wording import harmless

NOTHING = "–"


@dataclass(frozen=True)
class Column:
    name: str
    side: Literal["left", "right"] = "right"
    fold: bool = False  # may be broken into lines; others keep to one, names cut where there is no room


def draw(columns: Sequence[Column], rows: Iterable[Sequence[str | None]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        wraps = column.fold
        table.add_column(
            Text(column.name),
            justify=column.side,
            overflow="fold" if wraps else "ellipsis",
            no_wrap=not wraps,
            min_width=None if column.side == "left" else len(column.name),
        )
    for row in rows:
        table.add_row(*(Text(NOTHING if cell is None else harmless(cell)) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(table, crop=False)


def units(value: float | None) -> str | None:
    """One decimal for all, so that they stand under each other."""
    return None if value is None else f"{value + 0.0:,.1f}"


def money(value: float | None) -> str | None:
    return None if value is None else f"{value + 0.0:,.2f}"


def risk(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}" if share == 0 or share >= 0.005 else "<1%"


def more(total: int, shown: int) -> str:
    return f"… and {total - shown:,} more: --rows N shows them, --json, --csv and --arrow have all"
