"""Facts on their way from files to a dataset: a table as plain arrays.

Names and texts are codes of a vocabulary, dates are days since 1970, numbers are float64 with NaN for unknown.
`row` says where a fact came from: source index × 2^40 + row number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.intake.arrow import booleans, fixed, flags, floats, integers, longs, strings
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.tables import Table

Array = npt.NDArray[Any]  # of whatever a column is made of
Index = npt.NDArray[np.intp]  # of rows
NO_DATE = np.int32(-(2**31))
ROW_BITS = 40


@dataclass
class Facts:
    table: Table
    arrays: dict[str, Array]  # always with "row"

    def __len__(self) -> int:
        return len(self.arrays["row"])

    @property
    def names(self) -> list[str]:
        return [name for name in self.arrays if name != "row"]

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def take(self, which: Array | slice) -> Facts:
        return Facts(self.table, {name: array[which] for name, array in self.arrays.items()})

    def kind(self, name: str) -> str:
        column = self.table.column(name)
        return column.kind if column is not None else "number"


def empty_column(kind: str, size: int) -> Array:
    if kind == "number":
        return np.full(size, np.nan)
    return np.full(size, NO_DATE if kind == "date" else -1, np.int32)


def concatenate(parts: Sequence[Facts]) -> Facts:
    """One table of several; a column that some lack is unknown there."""
    if len(parts) == 1:
        return parts[0]
    table = parts[0].table
    names: dict[str, None] = {}
    for part in parts:
        names.update(dict.fromkeys(part.arrays))
    arrays = {}
    for name in names:
        kind = parts[0].kind(name)
        arrays[name] = np.concatenate(
            [part.arrays[name] if name in part.arrays else empty_column(kind, len(part)) for part in parts]
        )
    return Facts(table, arrays)


class Heap:
    """Facts piled up batch by batch in arrays that only grow: fresh memory is touched once, and never copied whole."""

    def __init__(self, table: Table, rows: int) -> None:
        self.table, self.size = table, 0
        self._room = max(rows, 1)
        self._arrays: dict[str, Array] = {}

    def add(self, facts: Facts, which: Index | None = None) -> None:
        """All of the facts, or the rows that are wanted: picked on the way, so that nothing is copied twice."""
        size = len(facts) if which is None else len(which)
        end = self.size + size
        if end > self._room:
            self._room = max(end, 2 * self._room)
            self._arrays = {name: self._grown(array) for name, array in self._arrays.items()}
        for name, array in facts.arrays.items():
            if name not in self._arrays:
                self._arrays[name] = np.empty(self._room, array.dtype)  # untouched memory costs nothing
                self._arrays[name][: self.size] = empty_column(facts.kind(name), self.size)
            if which is None:
                self._arrays[name][self.size : end] = array
            else:  # any mode but "raise" writes where it is told to, without a copy between
                np.take(array, which, out=self._arrays[name][self.size : end], mode="clip")
        for name in self._arrays.keys() - facts.arrays.keys():
            self._arrays[name][self.size : end] = empty_column(facts.kind(name), size)
        self.size = end

    def _grown(self, array: Array) -> Array:
        larger = np.empty(self._room, array.dtype)
        larger[: self.size] = array[: self.size]
        return larger

    @property
    def nbytes(self) -> int:
        return self.size * sum(array.itemsize for array in self._arrays.values())

    def facts(self) -> Facts:
        """What is piled up, as views: use them up before adding more."""
        return Facts(self.table, {name: array[: self.size] for name, array in self._arrays.items()})

    def clear(self) -> None:
        """Empty, the arrays kept for what comes next."""
        self.size = 0

    def release(self) -> None:
        self.size, self._arrays = 0, {}


def ordered_names(facts: Facts) -> list[str]:
    """Our columns in the table's order, then a business's own by name."""
    ours = [column.name for column in facts.table.columns if column.name in facts.arrays]
    return ours + sorted(name for name in facts.names if facts.table.column(name) is None)


def to_arrow(facts: Facts, vocabulary: Vocabulary, *, rows: bool = False, encoded: bool = False) -> pa.Table:
    """As Arrow; `encoded` keeps names as dictionaries (small on the way), otherwise they are plain strings."""
    columns: dict[str, pa.Array] = {}
    for name in ordered_names(facts):
        array, kind = facts.arrays[name], facts.kind(name)
        if array.dtype == np.bool_:
            columns[name] = booleans(array)
        elif kind == "number":
            columns[name] = fixed(array, pa.float64(), np.isnan(array))
        elif kind == "date":
            columns[name] = fixed(array, pa.date32(), array == NO_DATE)
        else:
            columns[name] = _names(array, vocabulary, encoded)
    if rows:
        columns["row"] = fixed(facts.arrays["row"], pa.int64())
    return pa.table(columns)


def _names(codes: Array, vocabulary: Vocabulary, encoded: bool) -> pa.Array:
    # Runs of one name (data sorted by store and SKU) make the distinct codes cheap to find.
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(codes), 1), bool), codes[1:] != codes[:-1]]))
    firsts = codes[starts]
    found, where = np.unique(firsts, return_index=True)
    distinct = found[np.argsort(where)]  # in the order of the rows: a code says only which name was read first
    distinct = distinct[distinct >= 0]
    place = np.full(int(found[-1]) + 2 if len(distinct) else 1, -1, np.int32)  # the last slot is where -1 looks
    place[distinct] = np.arange(len(distinct), dtype=np.int32)
    few = len(starts) * 4 < len(codes)
    indices = np.repeat(place[firsts], np.diff(starts, append=len(codes))) if few else place[codes]
    array = pa.DictionaryArray.from_arrays(fixed(indices, pa.int32(), indices < 0), strings(vocabulary.texts(distinct)))
    return array if encoded else array.dictionary_decode()


def from_arrow(data: pa.Table, table: Table, vocabulary: Vocabulary) -> Facts:
    """The way back, from a spill file or an earlier version of a dataset."""
    arrays: dict[str, Array] = {}
    for name in data.column_names:
        column = data.column(name).combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        if name == "row":
            arrays[name] = longs(column)
        elif pa.types.is_date(column.type):
            arrays[name] = integers(column, int(NO_DATE))
        elif pa.types.is_boolean(column.type):
            arrays[name] = flags(column)
        elif pa.types.is_floating(column.type):
            arrays[name] = floats(column)
        elif pa.types.is_null(column.type):
            found = table.column(name)
            arrays[name] = empty_column(found.kind if found else "number", len(column))
        else:
            if not pa.types.is_dictionary(column.type):
                column = column.dictionary_encode()
            values = vocabulary.codes(column.dictionary.to_pylist())
            arrays[name] = np.append(values, np.int32(-1))[integers(column.indices, -1)]
    if "row" not in arrays:
        arrays["row"] = np.full(len(data), -1, np.int64)
    return Facts(table, arrays)
