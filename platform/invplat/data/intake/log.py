"""What happened to rows: the log behind `quarantine` and `repairs`, and the counts by rule.

Quarantined rows are always all logged; repairs and merges are counted exactly and logged up to a limit a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from invplat.data.dataset import LOG_SCHEMA
from invplat.data.intake.arrow import fixed, strings
from invplat.data.intake.facts import NO_DATE

FAR = 700_000  # days from 1970 that a calendar can show
LIMIT = 20_000  # repairs logged a rule and table; beyond that only the count says more


class Line(NamedTuple):  # half as long in the making as a frozen dataclass
    table: str
    file: str
    row: int
    column: str
    value: str | None
    reason: str
    store: str | None = None
    sku: str | None = None
    day: int | None = None  # since 1970


@dataclass
class Log:
    lines: list[Line] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # "table.rule"
    room: int = 4 * LIMIT  # lines held before they are cut to the limit

    def count(self, table: str, rule: str, rows: int) -> int:
        """Count rows under a rule and say how many of them may still be logged."""
        before = self.counts[f"{table}.{rule}"]
        self.counts[f"{table}.{rule}"] += rows
        return max(0, LIMIT - before)

    def keep(self, lines: Sequence[Line]) -> None:
        """Take lines in; memory stays bounded however many come."""
        self.lines.extend(lines)
        if len(self.lines) > self.room:
            self.lines = limited(self.lines)
            self.room = 2 * len(self.lines) + 4 * LIMIT

    def add(self, other: Log) -> None:
        self.keep(other.lines)
        self.counts.update(other.counts)


def limited(lines: Sequence[Line]) -> list[Line]:
    """The first so many of each rule and table, by file and row: the same ones in whatever order they came."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for line in sorted(lines, key=place):
        seen[(line.table, line.reason)] += 1
        if seen[(line.table, line.reason)] <= LIMIT:
            kept.append(line)
    return kept


def place(line: Line) -> tuple[str, str, int, str, str, str, int]:
    """What lines are sorted by; a wide row may have several faults of one kind, so the value and day count too."""
    return (line.table, line.file, line.row, line.column, line.reason, line.value or "", line.day or 0)


def to_arrow(lines: Sequence[Line]) -> pa.Table:
    """Sorted by table, file and row, so the same faults give the same bytes in whatever order they were found."""
    told = zip(*sorted(lines, key=place), strict=True) if lines else ((),) * len(Line._fields)
    parts: dict[str, tuple[Any, ...]] = dict(zip(Line._fields, told, strict=True))
    rows = np.array(parts.pop("row"), np.int64)
    days = [NO_DATE if day is None or abs(day) > FAR else day for day in parts.pop("day")]
    dates = np.array(days, np.int32)
    parts["value"] = tuple(None if value is None else value[:200] for value in parts["value"])
    columns = {name: strings(texts) for name, texts in parts.items()}
    columns |= {"row": fixed(rows, pa.int64()), "date": fixed(dates, pa.date32(), dates == NO_DATE)}
    return pa.table([columns[name] for name in LOG_SCHEMA.names], schema=LOG_SCHEMA)
