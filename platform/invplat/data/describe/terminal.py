"""A description on a terminal: sixty lines at most, as wide as asked, plain where colour is not wanted."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING

from invplat.core.page.wording import compact, day, harmless, number, percent, plural
from invplat.data.describe import findings
from invplat.data.describe.description import Description, Trouble

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LINES = 60
# Items shown of findings, categories, quarantined, repaired, lacking: less and less until everything fits.
LIMITS = ((12, 8, 8, 8, 12), (12, 5, 6, 5, 6), (12, 4, 4, 4, 4), (12, 3, 3, 3, 3), (8, 3, 2, 2, 2), (5, 2, 1, 1, 1))
NARROWEST = 40
BARS = "▁▂▃▄▅▆▇█"


def render_terminal(description: Description, console_width: int, colour: bool) -> str:
    text = ""
    for limits in LIMITS:
        text = _render(description, max(console_width, NARROWEST), colour, limits)
        if text.count("\n") <= LINES:
            break
    return text


def sparkline(values: Sequence[float], width: int) -> str:
    """Blocks from the lowest to the highest; several values share a block where there are more than places."""
    if not values:
        return ""
    count = min(len(values), width)
    edges = [round(place * len(values) / count) for place in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    lowest, span = min(means), max(means) - min(means)
    if span <= 1e-9 * max(map(abs, means)):
        return BARS[3] * count
    return "".join(BARS[min(7, int(8 * (mean - lowest) / span))] for mean in means)


def _render(described: Description, width: int, colour: bool, limits: Sequence[int]) -> str:
    from rich.console import Console

    stream = StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    _head(console, described, width)
    _tables(console, described)
    _categories(console, described, width, limits[1])
    _list(console, "What stands out", findings.standing_out(described), limits[0])
    _quarantined(console, described, limits[2])
    mended = sorted((*described.repaired, *described.merged), key=lambda trouble: -trouble.count)
    _list(console, "Repaired and merged", [_counted(trouble) for trouble in mended], limits[3])
    lacking = [
        f"no {item.table}{'.' + item.column if item.column else ''}, so {item.costs}" for item in described.absent
    ]
    _list(console, "Not there", lacking, limits[4])
    _list(console, "Notes", [harmless(note) for note in described.notes], limits[3])
    return "\n".join(line.rstrip() for line in stream.getvalue().rstrip().split("\n")) + "\n"


def _head(console: Console, described: Description, width: int) -> None:
    span = f"{day(described.start)} – {day(described.end)}" if described.start else "no dates"
    console.print(f"{described.tenant}, version {described.version}", style="bold")
    console.print(f"{described.frequency}, {span}")
    sizes = [
        plural(described.stores, "store"),
        plural(described.series, "series", "series"),
        plural(described.skus, "SKU"),
        f"{number(described.units)} units",
    ]
    console.print(" · ".join(sizes))
    total = described.demand.total
    if len(total) > 1:
        ends = f" {compact(min(total))} to {compact(max(total))} a {described.period}"
        console.print("demand " + sparkline(total, min(120, max(8, width - 8 - len(ends)))) + ends)
    console.print()


def _tables(console: Console, described: Description) -> None:
    table = _table("table", "rows in", "kept", "merged", "quarantined")
    rows = [(item.name, item.counts) for item in described.tables]
    if len(rows) != 1:
        rows.append(("all", described.counts))
    for name, counts in rows:
        cells = (counts.rows_in, counts.rows_kept, counts.rows_merged, counts.rows_quarantined)
        table.add_row(name, *(f"{cell:,}" for cell in cells))
    console.print(table)
    console.print()


def _categories(console: Console, described: Description, width: int, limit: int) -> None:
    from rich.text import Text

    lines = described.demand.categories
    if len(lines) < 2 or described.units <= 0:
        return
    table = _table("demand by category", "share", "over time", right=(1,))
    for line in lines[:limit]:
        spark = sparkline(line.values, max(8, min(80, width - 44)))
        table.add_row(Text(findings.name(line.label)), percent(max(line.units, 0) / described.units), spark)
    console.print(table)
    _more(console, len(lines) - limit)
    console.print()


def _quarantined(console: Console, described: Description, limit: int) -> None:
    console.print(findings.arrived(described), style="bold")
    width = max((len(f"{trouble.count:,}") for trouble in described.quarantined[:limit]), default=0)
    for trouble in described.quarantined[:limit]:
        said = f"  {trouble.count:>{width},} × {_where(trouble)}: {trouble.says}"
        console.print(harmless(said), no_wrap=True, overflow="ellipsis")
        if trouble.examples:
            first = trouble.examples[0]
            file = first.file.rsplit("/", 1)[-1]
            place = f"{file}, row {first.row:,}" if first.row is not None else file
            example = f"{' ' * (width + 5)}“{first.value}” in {place}"
            console.print(harmless(example), style="dim", no_wrap=True, overflow="ellipsis")
    _more(console, len(described.quarantined) - limit)
    console.print()


def _list(console: Console, title: str, sentences: Sequence[str], limit: int) -> None:
    from rich.padding import Padding

    if not sentences:
        return
    console.print(title, style="bold")
    for sentence in sentences[:limit]:
        console.print(Padding(sentence, (0, 0, 0, 2)))
    _more(console, len(sentences) - limit)
    console.print()


def _more(console: Console, left: int) -> None:
    if left > 0:
        console.print(f"  and {left:,} more", style="dim")


def _table(*names: str, right: Sequence[int] | None = None) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for place, name in enumerate(names):
        at_right = place in right if right is not None else place > 0
        table.add_column(name, justify="right" if at_right else "left", no_wrap=True, overflow="ellipsis")
    return table


def _where(trouble: Trouble) -> str:
    return f"{trouble.table}.{trouble.column}" if trouble.column else trouble.table


def _counted(trouble: Trouble) -> str:
    place = _where(trouble)
    return harmless(f"{number(trouble.count)} × {trouble.says}{f' ({place})' if place else ''}")
