"""A file of stock: what is on hand and on order of each item, and whatever else is known of its terms."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path
from typing import Any

from invplat.core.errors import SourceError

NAMED = ("store", "sku")
DELIMITERS = (",", ";", "\t", "|")


def read_stock(path: Path) -> list[dict[str, Any]]:
    """A row an item: store, sku, and figures by the API's names; an empty cell says nothing."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            delimiter = max(DELIMITERS, key=head.count)
            return _items(path, csv.reader(stream, delimiter=delimiter, strict=True))
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}", hint="name a CSV file of stock") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
    except csv.Error as error:
        raise SourceError(f"{path} is not CSV: {error}", hint="a row an item, its figures apart by commas") from error


def _items(path: Path, reader: Any) -> list[dict[str, Any]]:
    columns = [name.strip() for name in next(reader, [])]
    lacking = [name for name in NAMED if name not in columns]
    if lacking or len(set(columns)) < len(columns):
        trouble = f"no column {' and no column '.join(lacking)}" if lacking else "two columns of one name"
        raise SourceError(
            f"{path} has {trouble}: {', '.join(columns)[:200] or 'it is empty'}",
            hint="its first line names them: store,sku,on_hand,on_order,lead_time",
        )
    items = []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(columns):
            raise SourceError(
                f"{path}, line {reader.line_num}: {len(row)} cells where {len(columns)} are named",
                hint="put quotes around a name that has a comma",
            )
        cells = zip(columns, row, strict=True)
        items.append({name: _cell(path, reader.line_num, name, cell) for name, cell in cells if cell.strip()})
    return items


def _cell(path: Path, line: int, name: str, cell: str) -> Any:
    if name in NAMED:
        return cell
    try:
        value = float(cell)
        if not isfinite(value):
            raise ValueError
    except ValueError as error:
        raise SourceError(
            f"{path}, line {line}: {name} is {cell[:40]!r}, which is no number", hint="write 12 or 12.5, or nothing"
        ) from error
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
