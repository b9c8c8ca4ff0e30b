"""The rows of one batch while they are judged: every column's values spread to rows, the first fault of each row.

A row with a fault is quarantined under that one reason; what was only mended is kept and logged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from invplat.data.entry import Field
from invplat.data.intake.column import ColumnReader
from invplat.data.intake.distinct import Distinct
from invplat.data.intake.facts import NO_DATE, ROW_BITS, Array, Facts, Index
from invplat.data.intake.log import Line, Log
from invplat.data.intake.values import Values
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.rules import QUARANTINE
from invplat.data.tables import Column

REASONS = ("", *QUARANTINE)
_CODE = {reason: number for number, reason in enumerate(REASONS)}
UNITS = {
    **dict.fromkeys(("", "each", "ea", "pc", "pcs", "piece", "unit", "units"), 1.0),
    **{"pair": 2.0, "dozen": 12.0, "dz": 12.0, "gross": 144.0},
}
LONGEST_LEAD = 730  # days


@dataclass
class Parsed:
    facts: Facts  # of every row
    good: Index | None  # those that can be used; None: all
    rows_in: int
    rows_quarantined: int
    log: Log
    quarantine: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    """What holds for every batch of one file."""

    file: str
    index: int  # of the file among all
    columns: dict[str, Field]
    reader: ColumnReader
    vocabulary: Vocabulary
    date_formats: Callable[[str, Distinct], tuple[str, ...]]


class Rows:
    """The rows of one batch while they are read: each column's values, and the first fault of each row."""

    def __init__(self, judge: Judge, fields: dict[str, Distinct], numbers: npt.NDArray[np.int64]) -> None:
        self.judge, self.table = judge, judge.reader.table
        self.fields, self.numbers = fields, numbers
        self.reason = np.zeros(len(numbers), np.uint8)
        self.guilty = np.zeros(len(numbers), np.uint8)  # which column, by position in `order`
        self.order = [column.name for column in self.table.columns if column.name in fields] + sorted(
            name for name in fields if self.table.column(name) is None
        )
        self.arrays: dict[str, Array] = {}
        self.repairs: list[tuple[str, str, npt.NDArray[np.bool_]]] = []

    def read(self) -> Parsed:
        for name in self.order:
            if name == "unit" and self.table.column("unit") is None:
                continue
            column = self.table.column(name) or Column(name, "number")
            values = self._read(column)
            self._faults(column, values)
            self._repairs(name, values)
            self._gather(column, values)
        if "unit" in self.fields:
            self._units()
        if self.table.name == "receipts":
            self._lead_times()
        return self._finish()

    def _read(self, column: Column) -> Values:
        judge, distinct = self.judge, self.fields[column.name]
        source = judge.columns.get(column.name)
        return judge.reader.read(column, source, distinct.values, lambda: judge.date_formats(column.name, distinct))

    def _faults(self, column: Column, values: Values) -> None:
        """The first fault of a row is its reason. In a column that may be empty a bad value is only unknown."""
        distinct = self.fields[column.name]
        if not column.required:
            for index, rule in list(values.fault.items()):
                if column.kind == "number":
                    values.array[index] = np.nan
                elif column.kind == "date":
                    values.array[index] = NO_DATE
                if rule != "missing_value" and rule != "not_finite":
                    values.repair[index] = "bad_optional"
            values.fault = {index: rule for index, rule in values.fault.items() if rule == "negative_value"}
            for index in values.fault:
                values.repair.pop(index, None)
        empty = column.required and bool((distinct.codes < 0).any())
        if not values.fault and not empty:
            return
        codes = np.zeros(len(distinct.values), np.uint8)
        for index, rule in values.fault.items():
            codes[index] = _CODE[rule]
        self._blame(column.name, distinct.gather(codes, _CODE["missing_value"] if column.required else 0))

    def _blame(self, name: str, reasons: npt.NDArray[np.generic]) -> None:
        fresh = (self.reason == 0) & (reasons != 0)
        self.reason = np.where(fresh, reasons, self.reason).astype(np.uint8)
        self.guilty[fresh] = self.order.index(name)

    def _repairs(self, name: str, values: Values) -> None:
        distinct = self.fields[name]
        for rule in sorted(set(values.repair.values())):
            which = np.zeros(len(distinct.values), bool)
            which[[index for index, found in values.repair.items() if found == rule]] = True
            rows = distinct.gather(which, False)
            if rows.any():
                self.repairs.append((rule, name, rows.astype(bool)))

    def _gather(self, column: Column, values: Values) -> None:
        distinct = self.fields[column.name]
        if column.kind in ("name", "text"):
            self.arrays[column.name] = distinct.gather(self.judge.vocabulary.codes(values.texts), -1)
            return
        if column.kind == "date":
            source = self.judge.columns.get(column.name)
            if source is not None and source.rule == "days_after":
                after = self.arrays[str(source.options["after"])].astype(np.float64)
                days = after + distinct.gather(values.array.astype(np.float64), np.nan)
                known = np.isfinite(days) & (np.abs(days) < 1e6)
                self.arrays[column.name] = np.where(known, np.floor(np.where(known, days, 0)), NO_DATE).astype(np.int32)
            else:
                self.arrays[column.name] = distinct.gather(values.array.astype(np.int32), NO_DATE)
            return
        if column.negative == "return":
            below = values.array < 0
            self.arrays[column.name] = distinct.gather(np.where(below, 0.0, values.array), np.nan)
            if "returned" not in self.fields and below.any():
                self.arrays["returned"] = distinct.gather(np.where(below, -values.array, 0.0), 0.0)
        else:
            self.arrays[column.name] = distinct.gather(values.array, np.nan)

    def _units(self) -> None:
        distinct, known = self.fields["unit"], {**UNITS, **self.judge.reader.entry.units}
        factors = np.array(
            [known.get(str(value).strip().lower(), np.nan) for value in distinct.values.to_pylist()], np.float64
        )
        self._blame("unit", distinct.gather(np.where(np.isnan(factors), _CODE["unknown_unit"], 0).astype(np.uint8), 0))
        factor = distinct.gather(factors, 1.0)
        changed = np.isfinite(factor) & (factor != 1.0)
        if changed.any():
            for name in ("quantity", "returned"):
                if name in self.arrays:
                    self.arrays[name] = np.where(changed, self.arrays[name] * factor, self.arrays[name])
            self.repairs.append(("unit_converted", "unit", changed))

    def _lead_times(self) -> None:
        ordered, received = self.arrays["ordered_on"].astype(np.int64), self.arrays["received_on"].astype(np.int64)
        days = received - ordered
        reasons = np.where(
            days < 0, _CODE["received_before_ordered"], np.where(days > LONGEST_LEAD, _CODE["absurd_lead_time"], 0)
        )
        if reasons.any():
            self._blame("received_on", reasons.astype(np.uint8))

    def _finish(self) -> Parsed:
        rows = len(self.numbers)
        log, lines = Log(), []
        bad = np.flatnonzero(self.reason)
        for code, count in zip(*np.unique(self.reason[bad], return_counts=True), strict=True):
            log.counts[f"{self.table.name}.{REASONS[code]}"] += int(count)
        for position in sorted(set(self.guilty[bad].tolist())):  # np.unique would load numpy.ma here: 8 ms
            which = bad[self.guilty[bad] == position]
            lines += self._lines(which, self.order[position], [REASONS[code] for code in self.reason[which].tolist()])
        for rule, name, where in self.repairs:
            which = np.flatnonzero(where & (self.reason == 0))
            if len(which):
                room = log.count(self.table.name, rule, len(which))
                log.lines += self._lines(which[:room], name, [rule] * min(room, len(which)))
        good = np.flatnonzero(self.reason == 0) if len(bad) else None
        place = np.int64(self.judge.index) << np.int64(ROW_BITS)
        facts = Facts(self.table, {**self.arrays, "row": self.numbers + place})
        return Parsed(facts, good, rows, len(bad), log, lines)

    def _lines(self, which: npt.NDArray[np.intp], name: str, reasons: list[str]) -> list[Line]:
        source = self.judge.columns.get(name)
        theirs = "+".join(source.columns) if source and source.columns else name
        values = self.fields[name].text(which)
        known = {ours: self._known(ours, which) for ours in ("store", "sku")}
        day = self.arrays["date"][which].tolist() if "date" in self.arrays else [int(NO_DATE)] * len(which)
        return [
            Line(
                self.table.name,
                self.judge.file,
                number,
                theirs,
                value,
                reason,
                store,
                sku,
                None if when == int(NO_DATE) else when,
            )
            for number, value, reason, store, sku, when in zip(
                self.numbers[which].tolist(), values, reasons, known["store"], known["sku"], day, strict=True
            )
        ]

    def _known(self, ours: str, which: npt.NDArray[np.intp]) -> list[str | None]:
        """A store or SKU by name, where the name itself is not the fault."""
        if ours not in self.arrays:
            return [None] * len(which)
        names = self.judge.vocabulary.texts(self.arrays[ours][which].astype(np.int32))
        fault = (self.reason[which] != 0) & (self.guilty[which] == self.order.index(ours))
        return [None if bad else name for name, bad in zip(names, fault.tolist(), strict=True)]
