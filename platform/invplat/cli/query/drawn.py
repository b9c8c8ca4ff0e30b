"""Tables of an answer: figures whole and under each other, names cut where there is no room, as wide as the terminal.

Where it is too narrow for all, the columns that can best be spared are left out. Knows nothing of what they mean.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

import click

from invplat.cli.output import WIDE
from invplat.core.page.wording import harmless

NOTHING = "–"
GAP = "  "
NARROWEST = 10  # that a name is cut to before a column is left out
LEAST = 4


@dataclass(frozen=True)
class Column:
    name: str
    side: Literal["left", "right"] = "right"
    cut: bool = False  # a name: may be shortened
    spare: int = 0  # left out where it is too narrow, the highest first; 0: never


def draw(columns: Sequence[Column], rows: Iterable[Sequence[str | None]], under: Sequence[str] = ()) -> None:
    """`under`: a sentence below each row."""
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    cells = [[NOTHING if cell is None else harmless(cell) for cell in row] for row in rows]
    shown, widths = _fitted(columns, cells, room)
    head = _line([columns[place].name for place in shown], [columns[place] for place in shown], widths)
    click.echo(click.style(head, bold=True))
    click.echo("─" * min(room, sum(widths) + len(GAP) * (len(widths) - 1)))
    for number, row in enumerate(cells):
        click.echo(_line([row[place] for place in shown], [columns[place] for place in shown], widths))
        if under:
            for line in wrap(harmless(under[number]), max(20, min(room, 120) - 4)):
                click.echo(click.style(f"    {line}", dim=True))


def units(value: float | None, decimals: int = 1) -> str | None:
    """As many decimals for all, so that they stand under each other."""
    return None if value is None else f"{value + 0.0:,.{decimals}f}"


def decimals(values: Iterable[float]) -> int:
    """That say something of the largest."""
    most = max(map(abs, values), default=0.0)
    return 1 if most >= 10 else 2 if most >= 0.5 or not most else 4


def money(value: float | None) -> str | None:
    return None if value is None else f"{value + 0.0:,.2f}"


def risk(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}" if share == 0 or share >= 0.005 else "<1%"


def more(total: int, shown: int) -> str:
    return f"… and {total - shown:,} more: --rows N shows them, --json, --csv and --arrow have all"


def _fitted(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int) -> tuple[list[int], list[int]]:
    """Which columns are shown, and how wide each is."""
    from rich.cells import cell_len

    full = [
        max(cell_len(text) for text in (column.name, *(row[place] for row in cells)))
        for place, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))
    while True:
        widths = [full[place] for place in shown]
        spared = max(shown, key=lambda place: columns[place].spare)
        last = columns[spared].spare == 0
        over = sum(widths) + len(GAP) * (len(widths) - 1) - room
        while over > 0:
            wide = [number for number, place in enumerate(shown) if columns[place].cut]
            widest = max(wide, key=lambda number: widths[number], default=None)
            if widest is None or widths[widest] <= (LEAST if last else NARROWEST):
                break
            widths[widest] -= 1
            over -= 1
        if over <= 0 or last:
            return shown, widths
        shown.remove(spared)


def _line(texts: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    from rich.cells import cell_len, set_cell_size

    parts = []
    for text, column, width in zip(texts, columns, widths, strict=True):
        if cell_len(text) > width:
            text = set_cell_size(text, width - 1).rstrip() + "…"
        space = " " * (width - cell_len(text))
        parts.append(text + space if column.side == "left" else space + text)
    return GAP.join(parts).rstrip()
