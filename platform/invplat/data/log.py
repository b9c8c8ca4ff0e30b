"""What happened to rows: the log behind `quarantine` and `repairs`, and the counts by rule.

Quarantined rows are always all logged; repairs and merges are counted exactly and logged up to a limit a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pyarrow as pa

from invplat.data.dataset import LOG_SCHEMA

LIMIT = 20_000  # repairs logged a rule and table; beyond that only the count says more


@dataclass(frozen=True)
class Line:
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

    def count(self, table: str, rule: str, rows: int) -> int:
        """Count rows under a rule and say how many of them may still be logged."""
        before = self.counts[f"{table}.{rule}"]
        self.counts[f"{table}.{rule}"] += rows
        return max(0, LIMIT - before)

    def add(self, other: Log) -> None:
        self.lines.extend(other.lines)
        self.counts.update(other.counts)


def to_arrow(lines: Sequence[Line]) -> pa.Table:
    """Sorted by table, file and row, so the same faults give the same bytes in whatever order they were found."""
    ordered = sorted(lines, key=lambda line: (line.table, line.file, line.row, line.column, line.reason))
    columns = {
        "table": [line.table for line in ordered],
        "file": [line.file for line in ordered],
        "row": [line.row for line in ordered],
        "column": [line.column for line in ordered],
        "value": [None if line.value is None else line.value[:200] for line in ordered],
        "reason": [line.reason for line in ordered],
        "store": [line.store for line in ordered],
        "sku": [line.sku for line in ordered],
        "date": [_date(line.day) for line in ordered],
    }
    return pa.table(columns, LOG_SCHEMA)


def _date(day: int | None) -> date | None:
    try:
        return None if day is None else date(1970, 1, 1) + timedelta(days=day)
    except OverflowError:
        return None
