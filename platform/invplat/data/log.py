"""What happened to rows: the log behind `quarantine` and `repairs`, and the counts by rule.

Quarantined rows are always all logged; repairs and merges are counted exactly and logged up to a limit a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from invplat.data.arrow import fixed, strings
from invplat.data.dataset import LOG_SCHEMA
from invplat.data.facts import NO_DATE

FAR = 700_000  # days from 1970 that a calendar can show
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
    rows = np.array([line.row for line in ordered], np.int64)
    days = np.array([NO_DATE if line.day is None or abs(line.day) > FAR else line.day for line in ordered], np.int32)
    texts = {name: strings([getattr(line, name) for line in ordered]) for name in ("table", "file", "column", "reason", "store", "sku")}
    values = strings([None if line.value is None else line.value[:200] for line in ordered])
    columns = {**texts, "row": fixed(rows, pa.int64()), "value": values, "date": fixed(days, pa.date32(), days == NO_DATE)}
    return pa.table([columns[name] for name in LOG_SCHEMA.names], schema=LOG_SCHEMA)
