"""What a foreign file looks like: its header and what the first rows of each column hold.

Looks at about two thousand rows; knows nothing of our tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from invplat.core.errors import MappingError
from invplat.data.entry import Formats
from invplat.data.intake.distinct import Distinct, encode
from invplat.data.intake.facts import NO_DATE
from invplat.data.intake.values import AMBIGUOUS, UNAMBIGUOUS, choose_date_format, read_dates, read_numbers
from invplat.data.sources.base import Source

ROWS = 2_000
MOST = 0.9  # of the values must be of a kind for the column to be
COMMA = Formats(decimal=",", thousands=".")
_DIGITS = re.compile(r"\d{8}")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d{1,2}|[+-]?\d+\.\d{4,}|[+-]?\d{4,}\.\d+")
FLAGS = frozenset(
    ("0", "1", "0.0", "1.0", "true", "false", "yes", "no", "y", "n", "t", "f", "ja", "nein", "si", "oui", "non")
)


@dataclass(frozen=True)
class Column:
    name: str
    cells: Distinct

    @staticmethod
    def of(name: str, texts: list[str]) -> Column:
        return Column(name, encode(pa.chunked_array([pa.array(texts, pa.string())])))

    @property
    def size(self) -> int:
        return len(self.cells.values)

    @cached_property
    def texts(self) -> list[str]:
        return [str(value).strip() for value in self.cells.values.to_pylist()]

    @property
    def is_text(self) -> bool:
        return bool(pa.types.is_string(self.cells.values.type) or pa.types.is_large_string(self.cells.values.type))

    @cached_property
    def comma(self) -> bool:
        """Decimal commas: some value has one and none has a decimal point."""
        if not self.is_text:
            return False
        return any(_DECIMAL_COMMA.fullmatch(text) for text in self.texts) and not any(
            _DECIMAL_POINT.fullmatch(text) for text in self.texts
        )

    @cached_property
    def numbers(self) -> npt.NDArray[np.float64]:
        if pa.types.is_temporal(self.cells.values.type):
            return np.full(self.size, np.nan)
        array = read_numbers(self.cells.values, COMMA if self.comma else Formats()).array
        return array.astype(np.float64)

    @cached_property
    def numeric(self) -> bool:
        return self.size > 0 and float(np.isfinite(self.numbers).mean()) >= MOST

    @property
    def whole(self) -> bool:
        finite = self.numbers[np.isfinite(self.numbers)]
        return self.numeric and bool(np.all(finite == np.floor(finite)))

    @cached_property
    def date_formats(self) -> tuple[str, ...] | None:
        """None: no dates. Empty: dates as the file's own type. One: that format. More: can't be told apart."""
        values = self.cells.values
        if pa.types.is_temporal(values.type):
            return ()
        if self.size == 0 or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type):
            return None
        if self.numeric and not all(_DIGITS.fullmatch(text) for text in self.texts):
            return None
        texts = pa.array(self.texts, pa.string())
        try:
            first = choose_date_format(texts, (), self.name)[0]
        except MappingError:
            return tuple(form for form in AMBIGUOUS if _share(texts, form) >= MOST)
        return (first,) if _share(texts, first) >= MOST else None

    @cached_property
    def days(self) -> npt.NDArray[np.int64]:
        """The distinct days, in order; empty for what is no date."""
        if self.date_formats is None or len(self.date_formats) > 1:
            return np.zeros(0, np.int64)
        values = self.cells.values if self.date_formats == () else pa.array(self.texts, pa.string())
        array = read_dates(values, self.date_formats or UNAMBIGUOUS).array
        return np.unique(array[array != NO_DATE]).astype(np.int64)

    def reads_as(self, form: str) -> bool:
        return _share(pa.array(self.texts, pa.string()), form) >= MOST

    @property
    def flag(self) -> bool:
        return 0 < self.size <= 4 and all(text.lower() in FLAGS for text in self.texts)


@dataclass(frozen=True)
class Profile:
    """One file, looked at."""

    source: Source
    header: tuple[str, ...]
    columns: dict[str, Column]
    rows: int  # looked at

    @property
    def label(self) -> str:
        return self.source.label


def look(source: Source) -> Profile:
    header = source.columns()
    named = list(dict.fromkeys(name for name in header if name.strip()))
    parts: list[pa.Table] = []
    rows = 0
    for batch in source.batches(named):
        parts.append(batch.table.slice(0, ROWS - rows))
        rows += parts[-1].num_rows
        if rows >= ROWS:
            break
    table = pa.concat_tables(parts) if parts else pa.table({name: pa.array([], pa.string()) for name in named})
    return Profile(source, tuple(header), {name: Column(name, _filled(table.column(name))) for name in named}, rows)


def _filled(column: pa.ChunkedArray) -> Distinct:
    """Blank cells are empty ones; lists and records are only text here."""
    if pa.types.is_nested(column.type):
        column = pa.chunked_array([pa.array([str(value) for value in column.to_pylist()], pa.string())])
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), pa.scalar(None, column.type), column)
    return encode(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))


def _share(values: pa.Array, form: str) -> float:
    return float((read_dates(values, (form,)).array != NO_DATE).mean()) if len(values) else 0.0
