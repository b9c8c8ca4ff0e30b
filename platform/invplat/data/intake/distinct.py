"""A column as its distinct values and a code a row, so that every rule runs once a value, not once a row.

A year of sales has a few hundred dates and prices; parsing those, not a million cells, is where the speed comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from invplat.data.intake.arrow import fixed, flags, integers, strings
from invplat.data.intake.vocabulary import Codes


@dataclass(frozen=True)
class Distinct:
    values: pa.Array  # no nulls, no repeats; strings, or the source's own type
    codes: Codes  # -1 is empty

    def gather(self, of_values: npt.NDArray[Any], empty: object) -> npt.NDArray[Any]:
        """A result for each value becomes a result for each row."""
        return np.append(of_values, np.array([empty], of_values.dtype))[self.codes]

    def text(self, which: npt.NDArray[np.intp]) -> list[str | None]:
        texts = [None if value is None else str(value) for value in self.values.to_pylist()]
        return [texts[code] if code >= 0 else None for code in self.codes[which].tolist()]

    def take(self, which: npt.NDArray[Any]) -> Distinct:
        return Distinct(self.values, self.codes[which])


def encode(column: pa.ChunkedArray) -> Distinct:
    if not pa.types.is_dictionary(column.type):
        if pa.types.is_null(column.type):
            return Distinct(strings([]), np.full(len(column), -1, np.int32))
        column = column.dictionary_encode()
    if column.num_chunks > 1:
        column = column.unify_dictionaries()
    chunks = column.chunks
    if not chunks:
        return Distinct(strings([]), np.zeros(0, np.int32))
    values = chunks[0].dictionary
    codes = np.concatenate([integers(chunk.indices, -1) for chunk in chunks])
    if values.null_count:  # a null inside the dictionary
        keep = np.flatnonzero(flags(pc.is_valid(values)))
        place = np.full(len(values) + 1, -1, np.int32)
        place[keep] = np.arange(len(keep), dtype=np.int32)
        values, codes = values.take(fixed(keep.astype(np.int64), pa.int64())), place[codes]
    return Distinct(values, codes)


def constant(value: str, rows: int) -> Distinct:
    return Distinct(strings([value]), np.zeros(rows, np.int32))


def joined(parts: Sequence[Distinct], separator: str = "-") -> Distinct:
    """Several columns as one name; empty where any part is empty."""
    first = parts[0]
    texts = [str(value) for value in first.values.to_pylist()]
    codes = first.codes.astype(np.int64)
    for part in parts[1:]:
        others = [str(value) for value in part.values.to_pylist()]
        width = max(len(others), 1)
        pair = np.where((codes < 0) | (part.codes < 0), -1, codes * width + part.codes)
        found, inverse = np.unique(pair, return_inverse=True)
        texts = [
            texts[code // width] + separator + others[code % width] if code >= 0 else "" for code in found.tolist()
        ]
        codes = inverse.astype(np.int64)
        if len(found) and found[0] < 0:
            texts, codes = texts[1:], codes - 1
    return Distinct(strings(texts), codes.astype(np.int32))


def stacked(parts: Sequence[Distinct]) -> Distinct:
    """Columns one below the other: the cells of a wide table."""
    if len({part.values.type for part in parts}) > 1:
        parts = [Distinct(pc.cast(part.values, pa.string()), part.codes) for part in parts]
    offsets = np.cumsum([0] + [len(part.values) for part in parts[:-1]])
    values = pa.concat_arrays([part.values for part in parts])
    codes = np.concatenate(
        [np.where(part.codes < 0, -1, part.codes + offset) for part, offset in zip(parts, offsets, strict=True)]
    )
    again = encode(pa.chunked_array([values]))  # the same number in many columns is one value
    return Distinct(again.values, np.append(again.codes, np.int32(-1))[codes])
