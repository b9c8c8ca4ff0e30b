"""One column of a mapping entry: its distinct values read by the column's kind and rule, and held against its limits.

Knows the rules of `mapping` and `tables`; knows nothing of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.entry import Entry, Field
from invplat.data.intake.arrow import strings
from invplat.data.intake.values import Values, read_dates, read_names, read_numbers, read_texts
from invplat.data.sizes import millilitres
from invplat.data.tables import Column, Table

FALSE = frozenset({"", "0", "0.0", "no", "n", "false", "f", "none", "nan"})
TRUTHS = {"true": "1", "yes": "1", "false": "0", "no": "0"}


@dataclass(frozen=True)
class ColumnReader:
    entry: Entry
    table: Table
    today: int  # days since 1970: later facts have not happened yet

    def read(
        self, column: Column, source: Field | None, values: pa.Array, formats: Callable[[], tuple[str, ...]]
    ) -> Values:
        """`formats` chooses the date formats, and is asked only for a column of dates."""
        if column.kind == "name":
            return read_names(values)
        if column.kind == "text":
            return read_texts(values)
        rule, options = (source.rule, source.options) if source else ("", {})
        if column.kind == "number":
            return self._limited(column, self._number(values, rule, options))
        if rule == "days_after":
            return read_numbers(values, self.entry.formats)
        if rule == "day_number":
            return self._numbered_days(values, options)
        found = read_dates(values, formats())
        if not self.table.future:
            late = [index for index in np.flatnonzero(found.array > self.today).tolist() if index not in found.fault]
            found.fault.update(dict.fromkeys(late, "future_date"))
        return found

    def _numbered_days(self, values: pa.Array, options: dict[str, Any]) -> Values:
        found = read_numbers(values, self.entry.formats)
        origin = (date.fromisoformat(str(options["origin"])) - date(1970, 1, 1)).days
        counted = np.nan_to_num(found.array, nan=0, posinf=0, neginf=0) * float(options.get("step", 1))
        found.array = np.clip(origin + counted, -1e6, 1e6).astype(np.int32)
        return found

    def _number(self, values: pa.Array, rule: str, options: dict[str, Any]) -> Values:
        if rule == "size":
            sizes = [millilitres(str(value)) for value in values.to_pylist()]
            return Values(np.array([np.nan if size is None else size for size in sizes], np.float64))
        if rule == "flag":
            return Values(np.array([float(_lowered(value) not in FALSE) for value in values.to_pylist()], np.float64))
        found = read_numbers(_truths(values), self.entry.formats)
        if rule == "not":
            found.array = 1.0 - found.array
        elif rule == "share_out":
            found.array = np.clip(1.0 - found.array / float(options.get("of", 24)), 0.0, 1.0)
        if "scale" in options:
            found.array = found.array * float(options["scale"])
        return found

    def _limited(self, column: Column, values: Values) -> Values:
        array = values.array
        if column.name == "quantity" and self.table.name == "sales":
            _mark(values, np.abs(array) > self.entry.max_quantity, "absurd_quantity")
        if column.negative == "quarantine":
            _mark(values, array < 0, "negative_value")
        elif column.negative == "unknown":
            _mend(values, array < 0, "negative_price", np.nan)
        elif column.negative == "return":
            _mend(values, array < 0, "return", None)
        if column.zero == "unknown":
            _mend(values, array == 0, "zero_price", np.nan)
        return values


def _mark(values: Values, where: npt.NDArray[np.bool_], rule: str) -> None:
    for index in np.flatnonzero(where & np.isfinite(values.array)).tolist():
        values.fault.setdefault(index, rule)


def _mend(values: Values, where: npt.NDArray[np.bool_], rule: str, instead: float | None) -> None:
    for index in np.flatnonzero(where).tolist():
        if index not in values.fault:
            values.repair[index] = rule
            if instead is not None:
                values.array[index] = instead


def _lowered(value: object) -> str:
    return str(value).strip().lower()


def _truths(values: pa.Array) -> pa.Array:
    """true and false as text are 1 and 0."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        return values
    texts = values.to_pylist()
    if not TRUTHS.keys() & {_lowered(text) for text in texts[:50]}:
        return values
    return strings([TRUTHS.get(_lowered(text), str(text)) for text in texts])
