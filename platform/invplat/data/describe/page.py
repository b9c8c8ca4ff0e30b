"""A description as one HTML file: no script, nothing fetched, light and dark. Written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from invplat.core.files import write_whole
from invplat.core.page.markup import file_name, name, safe
from invplat.core.page.sheet import sheet
from invplat.core.page.wording import compact, day, number
from invplat.data.describe import cleaning, sections
from invplat.data.describe.description import Description

ORDER = (
    cleaning.tables,
    sections.coverage,
    sections.demand,
    sections.series,
    sections.products,
    sections.stockouts,
    sections.promotion,
    sections.lead_times,
    sections.dead_stock,
    sections.returns,
    cleaning.quarantined,
    cleaning.mended,
    cleaning.lacking,
)


def write_page(description: Description, path: Path) -> Path:
    """Write the page; what was at `path` before stays until the new one is complete."""
    return write_whole(path, render_page(description).encode())


def render_page(description: Description) -> str:
    sections_there = [part for part in (section(description) for section in ORDER) if part]
    return sheet(
        f"{description.tenant}, version {description.version}",
        [_head(description), *sections_there, _foot(description)],
    )


def _head(described: Description) -> str:
    span = f"{day(described.start)} to {day(described.end)}" if described.start else "no dates"
    if described.start and described.start == described.end:
        span = day(described.start)
    tiles = (
        (number(described.stores), "store" if described.stores == 1 else "stores"),
        (number(described.series), "series"),
        (number(described.skus), "SKU" if described.skus == 1 else "SKUs"),
        (compact(described.units) if described.units >= 1e7 else number(described.units), "units sold"),
        (number(described.counts.rows_in), "rows read"),
        (number(described.counts.rows_quarantined), "quarantined"),
    )
    shown = "".join(f"<div><b>{value}</b><span>{label}</span></div>" for value, label in tiles)
    notes = "".join(f"<li>{safe(note)}</li>" for note in described.notes)
    noted = f'<section><p class="eyebrow">Notes</p><ul>{notes}</ul></section>' if notes else ""
    return (
        f'<header><p class="eyebrow">Dataset, version {described.version}</p><h1>{name(described.tenant)}</h1>'
        f'<p class="meta">{span} · {safe(described.frequency)} · mapping {name(described.mapping)}</p>'
        f'<div class="tiles">{shown}</div>{noted}</header>'
    )


def _foot(described: Description) -> str:
    made = described.created.replace("T", " ")[:16]
    sources = ""
    if described.sources:
        shown = "; ".join(f"{file_name(source.name)} ({number(source.rows)} rows)" for source in described.sources[:20])
        left = len(described.sources) - 20
        sources = f"<p>Read from: {shown}{f'; and {left:,} more' if left > 0 else ''}.</p>"
    parent = f", made from version {described.parent}" if described.parent is not None else ""
    written = f"written {safe(made)} UTC by invplat {safe(described.code)}"
    return f"<footer>{sources}<p>Version {described.version}{parent}, {written}.</p></footer>"
