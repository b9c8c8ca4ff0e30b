"""One batch of a source becomes facts: columns found, values read, rows that can't be used set aside.

Works on distinct values (see `distinct`), row by row only where two columns must be compared. Knows one row at a time:
what needs a whole series (duplicates, outliers) is `merge`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.core.errors import MappingError
from invplat.data.arrow import fixed, strings
from invplat.data.distinct import Distinct, constant, encode, joined, stacked
from invplat.data.facts import NO_DATE, ROW_BITS, Array, Facts
from invplat.data.log import Line, Log
from invplat.data.mapping import Entry, Field
from invplat.data.rules import QUARANTINE
from invplat.data.sources.base import Batch
from invplat.data.tables import TABLES, Column
from invplat.data.values import Values, choose_date_format, read_dates, read_names, read_numbers, read_texts
from invplat.data.vocabulary import Vocabulary

REASONS = ("", *QUARANTINE)
_CODE = {reason: number for number, reason in enumerate(REASONS)}
UNITS = {"": 1.0, "each": 1.0, "ea": 1.0, "pc": 1.0, "pcs": 1.0, "piece": 1.0, "unit": 1.0, "units": 1.0, "pair": 2.0, "dozen": 12.0, "dz": 12.0, "gross": 144.0}
LONGEST_LEAD = 730  # days


@dataclass
class Parsed:
    facts: Facts
    rows_in: int
    rows_quarantined: int
    log: Log
    quarantine: list[Line] = field(default_factory=list)


def match_columns(entry: Entry, header: list[str], where: str) -> tuple[dict[str, Field], list[str], list[str]]:
    """The entry's columns with theirs as spelt in this file, which of theirs to read, and notes on what is lacking."""
    spelt = {_plain(name): name for name in reversed(header)} | {name: name for name in header}
    found: dict[str, Field] = {}
    notes: list[str] = []
    table = TABLES[entry.table]
    for ours, source in entry.columns.items():
        theirs = [spelt.get(name, spelt.get(_plain(name), "")) for name in source.columns]
        if all(theirs):
            found[ours] = Field(tuple(theirs), source.rule, source.options)
            continue
        lacking = source.columns[theirs.index("")]
        column = table.column(ours)
        if column is not None and column.required:
            near = get_close_matches(_plain(lacking), list(map(_plain, header)), n=1, cutoff=0.5) or get_close_matches(ours, list(map(_plain, header)), n=1, cutoff=0.4)
            looks = f"; {spelt[near[0]]!r} looks like it" if near else ""
            raise MappingError(
                f"{where} has no column {lacking!r}, which {entry.table}.{ours} needs{looks}",
                hint=f"its columns are: {', '.join(header[:30])}{' …' if len(header) > 30 else ''}; write a mapping with `invplat data suggest`",
            )
        if ours not in entry.optional:
            notes.append(f"{where} has no column {lacking!r}: {entry.table}.{ours} stays unknown")
    needed = dict.fromkeys(name for source in found.values() for name in source.columns)
    needed.update(dict.fromkeys(spelt.get(name, name) for name in entry.where if spelt.get(name, name) in header))
    if entry.unpivot is not None:
        wide = unpivot_columns(entry, header, {name for source in found.values() for name in source.columns})
        if not wide:
            raise MappingError(f"{where} has no columns to turn into rows", hint=f"looked for {', '.join(entry.unpivot.columns) or entry.unpivot.format}")
        needed.update(dict.fromkeys(wide))
    return found, list(needed), notes


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def unpivot_columns(entry: Entry, header: list[str], taken: set[str]) -> list[str]:
    unpivot = entry.unpivot
    assert unpivot is not None  # callers look first
    if unpivot.columns:
        return [name for name in header if name not in taken and any(fnmatchcase(name.lower(), pattern.lower()) for pattern in unpivot.columns)]
    days = read_dates(strings(header), (unpivot.format,)).array
    return [name for name, day in zip(header, days.tolist(), strict=True) if day != int(NO_DATE) and name not in taken]


class Parser:
    """Carries one entry out on one file; the date format, once chosen from the first batch, holds for the whole file."""

    def __init__(self, entry: Entry, header: list[str], *, file: str, index: int, vocabulary: Vocabulary, today: date) -> None:
        self.entry, self.table = entry, TABLES[entry.table]
        self.file, self.index, self.vocabulary = file, index, vocabulary
        self.today = (today - date(1970, 1, 1)).days
        self.columns, self.wanted, self.notes = match_columns(entry, header, file)
        self.header = header
        self._formats: dict[str, tuple[str, ...]] = {}

    def parse(self, batch: Batch) -> Parsed:
        theirs = {name: encode(batch.table.column(name)) for name in batch.table.column_names}
        numbers = batch.rows if batch.rows is not None else np.arange(batch.first_row, batch.first_row + batch.table.num_rows, dtype=np.int64)
        if self.entry.where:
            keep = self._where(theirs, len(numbers))
            theirs, numbers = {name: column.take(keep) for name, column in theirs.items()}, numbers[keep]
        fields = {ours: self._source(field_, theirs, len(numbers)) for ours, field_ in self.columns.items()}
        if self.entry.unpivot is not None:
            fields, numbers = self._unpivot(theirs, fields, numbers)
        reader = _Reader(self, fields, numbers)
        parsed = reader.read()
        for reject in batch.rejects:
            parsed.rows_in += 1
            parsed.rows_quarantined += 1
            parsed.log.counts[f"{self.table.name}.{reject.reason}"] += 1
            parsed.quarantine.append(Line(self.table.name, self.file, reject.row, "", reject.text, reject.reason))
        return parsed

    def _source(self, source: Field, theirs: dict[str, Distinct], rows: int) -> Distinct:
        if source.rule == "constant":
            return constant(str(source.options.get("value", "")), rows)
        parts = [theirs[name] for name in source.columns]
        return parts[0] if len(parts) == 1 else joined(parts)

    def _where(self, theirs: dict[str, Distinct], rows: int) -> npt.NDArray[np.bool_]:
        keep = np.ones(rows, bool)
        for name, test in self.entry.where.items():
            column = theirs.get(name) or theirs[next(other for other in theirs if _plain(other) == _plain(name))]
            keep &= column.gather(np.array([_holds(value, test) for value in column.values.to_pylist()], bool), _holds(None, test))
        return keep

    def _unpivot(self, theirs: dict[str, Distinct], fields: dict[str, Distinct], numbers: npt.NDArray[np.int64]) -> tuple[dict[str, Distinct], npt.NDArray[np.int64]]:
        """One fact a filled cell; an empty cell states nothing and is no row."""
        unpivot = self.entry.unpivot
        assert unpivot is not None
        wide = unpivot_columns(self.entry, self.header, {name for source in self.columns.values() for name in source.columns})
        filled = [np.flatnonzero(theirs[name].codes >= 0) for name in wide]
        rows = np.concatenate(filled)
        fields = {ours: column.take(rows) for ours, column in fields.items()}
        fields[unpivot.value] = stacked([theirs[name].take(which) for name, which in zip(wide, filled, strict=True)])
        codes = np.repeat(np.arange(len(wide), dtype=np.int32), [len(which) for which in filled])
        names = strings(wide)
        if unpivot.into == "date" and unpivot.origin:
            first = np.datetime64(unpivot.origin) + np.array([_digits(name) for name in wide]) * unpivot.step
            names = fixed(first.astype("datetime64[D]").astype(np.int32), pa.date32())
        fields[unpivot.into] = Distinct(names, codes)
        return fields, numbers[rows]

    def date_formats(self, ours: str, column: Distinct) -> tuple[str, ...]:
        if ours not in self._formats:
            source = self.columns.get(ours)
            given = self.entry.formats.date
            if self.entry.unpivot is not None and ours == self.entry.unpivot.into and self.entry.unpivot.format:
                given = (self.entry.unpivot.format,)
            self._formats[ours] = choose_date_format(column.values, given, f"{self.file}, column {source.columns[0] if source and source.columns else ours}")
        return self._formats[ours]


def _holds(value: object, test: str) -> bool:
    """A filter of the mapping: '>0', '<0', '!=x', or the text itself; '' is an empty cell."""
    text = "" if value is None else str(value).strip()
    if test[:1] in "<>" and test:
        try:
            return float(text) > float(test[1:]) if test[0] == ">" else float(text) < float(test[1:])
        except ValueError:
            return False
    if test.startswith("!="):
        return text.lower() != test[2:].strip().lower()
    return text.lower() == test.lower()


def _digits(name: str) -> int:
    """d_1 is the first day: the number in a wide column's name, counted from one."""
    digits = "".join(character for character in name if character.isdigit())
    if not digits:
        raise MappingError(f"wide column {name!r} has no number", hint="give unpivot a `format` for dates, or name only the numbered columns")
    return int(digits) - 1


class _Reader:
    """The rows of one batch while they are read: each column's values, and the first fault of each row."""

    def __init__(self, parser: Parser, fields: dict[str, Distinct], numbers: npt.NDArray[np.int64]) -> None:
        self.parser, self.table, self.entry = parser, parser.table, parser.entry
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
            values = self._values(column)
            self._faults(column, values)
            self._repairs(name, values)
            self._gather(column, values)
        if "unit" in self.fields:
            self._units()
        if self.table.name == "receipts":
            self._lead_times()
        return self._finish()

    def _values(self, column: Column) -> Values:
        source, distinct = self.parser.columns.get(column.name), self.fields[column.name]
        rule, options = (source.rule, source.options) if source else ("", {})
        if column.kind == "name":
            return read_names(distinct.values)
        if column.kind == "text":
            return read_texts(distinct.values)
        if column.kind == "date":
            if rule == "days_after":
                return read_numbers(distinct.values, self.entry.formats)
            if rule == "day_number":
                values = read_numbers(distinct.values, self.entry.formats)
                origin = (date.fromisoformat(str(options["origin"])) - date(1970, 1, 1)).days
                days = np.clip(origin + np.nan_to_num(values.array, nan=0, posinf=0, neginf=0) * float(options.get("step", 1)), -1e6, 1e6)
                values.array = days.astype(np.int32)
                return values
            values = read_dates(distinct.values, self.parser.date_formats(column.name, distinct))
            if not self.table.future:
                values.fault.update({index: "future_date" for index in np.flatnonzero(values.array > self.parser.today).tolist() if index not in values.fault})
            return values
        return self._number(column, distinct, rule, options)

    def _number(self, column: Column, distinct: Distinct, rule: str, options: dict[str, Any]) -> Values:
        if rule == "size":
            from invplat.data.sizes import millilitres

            sizes = [millilitres(str(value)) for value in distinct.values.to_pylist()]
            return Values(np.array([np.nan if size is None else size for size in sizes], np.float64))
        if rule == "flag":
            texts = [str(value).strip().lower() for value in distinct.values.to_pylist()]
            return Values(np.array([float(text not in ("", "0", "0.0", "no", "n", "false", "f", "none", "nan")) for text in texts], np.float64))
        if pa.types.is_string(distinct.values.type) and rule == "not":
            lowered = [str(value).strip().lower() for value in distinct.values.to_pylist()]
            if lowered and all(text in ("true", "false", "yes", "no") for text in lowered):
                return Values(np.array([float(text in ("false", "no")) for text in lowered]))
        values = read_numbers(_truths(distinct.values), self.entry.formats)
        if rule == "not":
            values.array = 1.0 - values.array
        elif rule == "share_out":
            values.array = np.clip(1.0 - values.array / float(options.get("of", 24)), 0.0, 1.0)
        if "scale" in options:
            values.array = values.array * float(options["scale"])
        array = values.array
        if column.name == "quantity" and self.table.name == "sales":
            self._mark(values, np.abs(array) > self.entry.max_quantity, "absurd_quantity")
        if column.negative == "quarantine":
            self._mark(values, array < 0, "negative_value")
        elif column.negative == "unknown":
            self._mend(values, array < 0, "negative_price")
        elif column.negative == "return":
            self._mend(values, array < 0, "return", keep=True)
        if column.zero == "unknown":
            self._mend(values, array == 0, "zero_price")
        return values

    def _mark(self, values: Values, where: npt.NDArray[np.bool_], rule: str) -> None:
        for index in np.flatnonzero(where & np.isfinite(values.array)).tolist():
            values.fault.setdefault(index, rule)

    def _mend(self, values: Values, where: npt.NDArray[np.bool_], rule: str, keep: bool = False) -> None:
        for index in np.flatnonzero(where).tolist():
            if index not in values.fault:
                values.repair[index] = rule
                if not keep:
                    values.array[index] = np.nan

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
            values.fault.clear() if column.negative != "quarantine" else self._keep_negative(values)
        empty = column.required and bool((distinct.codes < 0).any())
        if not values.fault and not empty:
            return
        codes = np.zeros(len(distinct.values), np.uint8)
        for index, rule in values.fault.items():
            codes[index] = _CODE[rule]
        self._blame(column.name, distinct.gather(codes, _CODE["missing_value"] if column.required else 0))

    def _keep_negative(self, values: Values) -> None:
        for index in [index for index, rule in values.fault.items() if rule != "negative_value"]:
            del values.fault[index]
        for index in values.fault:
            values.repair.pop(index, None)

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
            self.arrays[column.name] = distinct.gather(self.parser.vocabulary.codes(values.texts), -1)
            return
        if column.kind == "date":
            source = self.parser.columns.get(column.name)
            if source is not None and source.rule == "days_after":
                after = self.arrays[str(source.options["after"])].astype(np.float64)
                days = after + distinct.gather(values.array, np.nan)
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
        distinct, known = self.fields["unit"], {**UNITS, **self.entry.units}
        factors = np.array([known.get(str(value).strip().lower(), np.nan) for value in distinct.values.to_pylist()], np.float64)
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
        reasons = np.where(days < 0, _CODE["received_before_ordered"], np.where(days > LONGEST_LEAD, _CODE["absurd_lead_time"], 0))
        if reasons.any():
            self._blame("received_on", reasons.astype(np.uint8))

    def _finish(self) -> Parsed:
        parser, rows = self.parser, len(self.numbers)
        log, lines = Log(), []
        bad = np.flatnonzero(self.reason)
        for code, count in zip(*np.unique(self.reason[bad], return_counts=True), strict=True):
            log.counts[f"{self.table.name}.{REASONS[code]}"] += int(count)
        for position in np.unique(self.guilty[bad]).tolist():
            which = bad[self.guilty[bad] == position]
            lines += self._lines(which, self.order[position], [REASONS[code] for code in self.reason[which].tolist()])
        for rule, name, where in self.repairs:
            which = np.flatnonzero(where & (self.reason == 0))
            if len(which):
                room = log.count(self.table.name, rule, len(which))
                log.lines += self._lines(which[:room], name, [rule] * min(room, len(which)))
        good = self.reason == 0
        place = np.int64(parser.index) << np.int64(ROW_BITS)
        facts = Facts(self.table, {**self.arrays, "row": self.numbers + place})
        return Parsed(facts.take(good) if len(bad) else facts, rows, len(bad), log, lines)

    def _lines(self, which: npt.NDArray[np.intp], name: str, reasons: list[str]) -> list[Line]:
        source = self.parser.columns.get(name)
        theirs = "+".join(source.columns) if source and source.columns else name
        values = self.fields[name].text(which)
        known = {ours: self._known(ours, which) for ours in ("store", "sku")}
        day = self.arrays["date"][which].tolist() if "date" in self.arrays else [int(NO_DATE)] * len(which)
        return [
            Line(self.table.name, self.parser.file, number, theirs, value, reason, store, sku, None if when == int(NO_DATE) else when)
            for number, value, reason, store, sku, when in zip(
                self.numbers[which].tolist(), values, reasons, known["store"], known["sku"], day, strict=True
            )
        ]

    def _known(self, ours: str, which: npt.NDArray[np.intp]) -> list[str | None]:
        """A store or SKU by name, where the name itself is not the fault."""
        if ours not in self.arrays:
            return [None] * len(which)
        names = self.parser.vocabulary.texts(self.arrays[ours][which].astype(np.int32))
        fault = (self.reason[which] != 0) & (self.guilty[which] == self.order.index(ours))
        return [None if bad else name for name, bad in zip(names, fault.tolist(), strict=True)]


def _truths(values: pa.Array) -> pa.Array:
    """true and false as text are 1 and 0."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values
    texts = values.to_pylist()
    lowered = {str(text).strip().lower() for text in texts[:50]}
    if lowered & {"true", "false", "yes", "no"}:
        words = {"true": "1", "yes": "1", "false": "0", "no": "0"}
        return strings([words.get(str(text).strip().lower(), str(text)) for text in texts])
    return values
