"""Faults planted in a tenant's files after they were written, with an exact list of what was planted where.

Works on the text of the files, as a careless export or a tired clerk would. No two faults share a row or a key, so each
is judged alone. Knows the rules a cleaner should name, and nothing about how a cleaner finds them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

SHARE = 0.007  # of the sales rows
FEWEST = 3  # of each kind, when there is room
DOZEN = 12
HISTORY = 30  # sale rows a series needs before a typing error stands out
CONTROL = ("\x07", "\x1b", "\x0b")

Expect = Literal["quarantine", "repair", "merge"]
Candidates = NDArray[np.bool_]
Added = tuple[str, int | None, "Fault"]  # what to put in, the line it repeats, why
Change = Callable[[int, list[str]], tuple[str, str]]  # (how many before, cells) -> the column and what to write


@dataclass
class Fault:
    file: str
    rule: str
    expect: Expect
    column: str  # empty when it is the whole row
    value: str
    row: int = 0  # as a spreadsheet counts: the header is row 1
    first: int | None = None  # the row that this one repeats or adds to

    def entry(self) -> dict[str, Any]:
        entry = {"file": self.file, "row": self.row, "column": self.column, "kind": self.rule, "value": self.value}
        return {**entry, "expect": self.expect, "rule": self.rule, **({"first": self.first} if self.first else {})}


@dataclass
class Sheet:
    """One CSV file on the table: lines to change, lines to put in, and which rows are already spoken for."""

    path: Path
    rng: np.random.Generator
    columns: list[str] = field(init=False)
    lines: list[str] = field(init=False)
    taken: Candidates = field(init=False)
    changed: dict[int, Fault] = field(default_factory=dict)
    added: dict[int, list[Added]] = field(default_factory=dict)  # by the line after which they come

    def __post_init__(self) -> None:
        header, *self.lines = self.path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        self.columns = header.split(",")
        self.taken = np.zeros(len(self.lines), dtype=bool)

    def take(self, count: int, where: Candidates | None = None) -> list[int]:
        """Up to `count` free rows, and no more than a tenth of what there is to choose from."""
        free = np.flatnonzero(~self.taken if where is None else ~self.taken & where)
        chosen = self.rng.choice(free, size=min(count, -(-len(free) // 10)), replace=False)
        self.taken[chosen] = True
        return sorted(chosen.tolist())

    def alter(self, rule: str, expect: Expect, count: int, change: Change, where: Candidates | None = None) -> None:
        for number, line in enumerate(self.take(count, where)):
            cells = self.lines[line].split(",")
            column, value = change(number, cells)
            cells[self.columns.index(column)] = value
            self.lines[line] = ",".join(cells)
            self.changed[line] = Fault(self.path.name, rule, expect, column, value)

    def repeat(self, count: int) -> None:
        """Exact copies, somewhere further down."""
        for line in self.take(count):
            after = int(self.rng.integers(line, len(self.lines)))
            fault = Fault(self.path.name, "duplicate_row", "merge", "", self.lines[line])
            self.added.setdefault(after, []).append((self.lines[line], line, fault))

    def split(self, count: int, quantity: NDArray[np.int64]) -> None:
        """A day's sales of one key in two unlike lines that add up to it."""
        at = self.columns.index("quantity")
        for line in self.take(count, quantity >= 3):
            whole = int(quantity[line])
            less = int(self.rng.integers(1, (whole + 1) // 2))
            cells = self.lines[line].split(",")
            cells[at] = str(whole - less)
            self.lines[line] = ",".join(cells)
            cells[at] = str(less)
            after = int(self.rng.integers(line, min(line + 50, len(self.lines))))
            fault = Fault(self.path.name, "repeated_key", "merge", "quantity", str(less))
            self.added.setdefault(after, []).append((",".join(cells), line, fault))

    def invent(self, rule: str, count: int, column: str, name: str) -> None:
        """New rows about something that no other file knows; each is a copy of a sale, so only that is new.

        A name is used again as long as no key would come twice: a slip in a file is seldom a new slip each time.
        """
        seen = set()
        for line in self.take(count):
            cells = self.lines[line].split(",")
            for number in range(1, count + 1):
                cells[self.columns.index(column)] = value = f"{name}{number:04d}"
                if tuple(cells[:3]) not in seen:  # store, sku, date
                    break
            seen.add(tuple(cells[:3]))
            fault = Fault(self.path.name, rule, "repair", column, value)
            self.added.setdefault(line, []).append((",".join(cells), None, fault))

    def write(self) -> list[Fault]:
        """The file with its faults, which now know their rows."""
        row, rows, faults = 1, {}, []
        with self.path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(self.columns) + "\n")
            for line, text in enumerate(self.lines):
                row += 1
                rows[line] = row
                file.write(text + "\n")
                if line in self.changed:
                    self.changed[line].row = row
                    faults.append(self.changed[line])
                for extra, first, fault in self.added.get(line, ()):
                    row += 1
                    fault.row, fault.first = row, None if first is None else rows[first]
                    file.write(extra + "\n")
                    faults.append(fault)
        return faults


def plant(folder: Path, rng: np.random.Generator, end: date) -> tuple[list[Fault], dict[str, int]]:
    """Plant in every file of the folder; returns the faults and how many rows each table has now."""
    sheets = {path.stem: Sheet(path, rng) for path in sorted(folder.glob("*.csv"))}
    _sales(sheets["sales"], end)
    _receipts(sheets["receipts"])
    _stock(sheets["stock"])
    sheets["products"].repeat(FEWEST)
    faults = [fault for sheet in sheets.values() for fault in sheet.write()]
    added = {name: sum(map(len, sheet.added.values())) for name, sheet in sheets.items()}
    return faults, {name: len(sheet.lines) + added[name] for name, sheet in sheets.items()}


def _sales(sheet: Sheet, end: date) -> None:
    known = pl.read_csv(sheet.path, columns=["store", "sku", "quantity"], schema_overrides={"store": pl.String})
    quantity = known["quantity"].to_numpy()
    sold = quantity > 0
    sheet.columns.append("unit")
    sheet.lines = [f"{line},each" for line in sheet.lines]
    count = max(FEWEST, round(len(sheet.lines) * SHARE / 18))
    later = end + timedelta(days=3652)
    # the choosy ones first, while there is room for them
    _dozens(sheet, count, quantity)
    sheet.alter("number_format", "repair", count, _cycle("quantity", _spaced), quantity >= 1000)
    sheet.alter("outlier", "repair", count, _cycle("quantity", lambda n, cells: f"{cells[3]}000"), _ordinary(known))
    sheet.split(count, quantity)
    sheet.alter("return", "repair", count, _cycle("quantity", lambda n, cells: f"-{cells[3]}"), sold)
    sheet.alter("zero_price", "repair", count, _always("price", "0", "0.00"), sold)
    sheet.alter("negative_price", "repair", count, _cycle("price", lambda n, cells: f"-{cells[4]}"), sold)
    sheet.alter("missing_value", "quarantine", count, _missing("store", "sku", "date", "quantity"))
    sheet.alter("unparsable_date", "quarantine", count, _always("date", "31/31/2024", "yesterday", "2024-02-30"))
    sheet.alter("impossible_date", "quarantine", count, _always("date", "9999-01-01", "1812-06-24"))
    sheet.alter("future_date", "quarantine", count, _cycle("date", lambda n, cells: str(later + timedelta(days=n))))
    sheet.alter("unparsable_number", "quarantine", count, _always("quantity", "12abc", "#REF!", "n.v."))
    sheet.alter("not_finite", "quarantine", count, _always("quantity", "inf", "-inf", "nan"))
    sheet.alter("absurd_quantity", "quarantine", count, _always("quantity", "1000000000000", "1e12"))
    sheet.alter("bad_name", "quarantine", count, _cycle("sku", _unspeakable))
    padded = (("store", " {} "), ("sku", "{}  "), ("sku", " {}"))
    sheet.alter("trimmed", "repair", count, lambda n, c: (padded[n % 3][0], padded[n % 3][1].format(c[n % 3 > 0])))
    sheet.invent("unknown_sku", count, "sku", "GHOST-")
    sheet.invent("unknown_store", count, "store", "NOWHERE-")
    sheet.repeat(count)


def _receipts(sheet: Sheet) -> None:
    count = max(FEWEST, round(len(sheet.lines) * SHARE / 3))
    needed = _missing("store", "sku", "ordered_on", "received_on", "quantity")
    sheet.alter("missing_value", "quarantine", count, needed)
    early = _cycle("received_on", lambda n, cells: str(date.fromisoformat(cells[2]) - timedelta(days=5 + n % 20)))
    sheet.alter("received_before_ordered", "quarantine", count, early)
    # the order is moved back, because moving the receipt forward would make it a receipt from the future too
    long_ago = _cycle("ordered_on", lambda n, cells: str(date.fromisoformat(cells[3]) - timedelta(days=1826 + n)))
    sheet.alter("absurd_lead_time", "quarantine", count, long_ago)


def _stock(sheet: Sheet) -> None:
    count = max(FEWEST, round(len(sheet.lines) * SHARE / 10))
    on_hand = pl.read_csv(sheet.path, columns=["on_hand"])["on_hand"].to_numpy()
    sheet.alter("number_format", "repair", count, _cycle("on_hand", _spaced), on_hand >= 1000)
    sheet.alter("missing_value", "quarantine", count, _missing("store", "sku", "date", "on_hand"))


def _dozens(sheet: Sheet, count: int, quantity: NDArray[np.int64]) -> None:
    def count_in_dozens(number: int, cells: list[str]) -> tuple[str, str]:
        cells[-1] = "dozen"
        return "quantity", str(int(cells[3]) // DOZEN)

    sheet.alter("unit_converted", "repair", count, count_in_dozens, (quantity >= DOZEN) & (quantity % DOZEN == 0))


def _ordinary(sales: pl.DataFrame) -> Candidates:
    """An ordinary day of each well-known series: with three zeros more it is at least a thousand times the median."""
    median = pl.col("quantity").filter(pl.col("quantity") > 0).median()
    of_series = sales.with_row_index("line").with_columns(
        pl.len().over("store", "sku").alias("history"), median.over("store", "sku").alias("median")
    )
    fit = of_series.filter(
        (pl.col("history") >= HISTORY)
        & (pl.col("quantity") > 0)
        & pl.col("quantity").is_between(pl.col("median"), 2 * pl.col("median"))
    )
    one = fit.group_by("store", "sku", maintain_order=True).agg(pl.col("line").get(pl.len() // 2))
    ordinary = np.zeros(len(sales), dtype=bool)
    ordinary[one["line"].to_numpy()] = True
    return ordinary


def _cycle(column: str, value: Callable[[int, list[str]], str]) -> Change:
    return lambda number, cells: (column, value(number, cells))


def _always(column: str, *values: str) -> Change:
    return lambda number, cells: (column, values[number % len(values)])


def _missing(*columns: str) -> Change:
    return lambda number, cells: (columns[number % len(columns)], "")


def _spaced(number: int, cells: list[str]) -> str:
    return f"{int(cells[3]):,}".replace(",", " ")


def _unspeakable(number: int, cells: list[str]) -> str:
    if number % 2:
        return cells[1] + CONTROL[number // 2 % len(CONTROL)] + "x"
    return (cells[1] * 300)[:300]
