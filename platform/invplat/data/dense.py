"""Long rows to dense arrays: one row of cells a series, one column a period.

Cells are integer codes (series × length + period); every function is one pass over arrays, none loops over series.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """A number or flag column; NaN where it is empty."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    found: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()  # Arrow makes empty cells NaN here
    return found


def days(column: pa.ChunkedArray) -> Ints:
    found: Ints = column.cast(pa.date32()).cast(pa.int32()).to_numpy().astype(np.int64)
    return found


def summed(cells: Ints, values: npt.NDArray[np.float64], shape: tuple[int, int]) -> Floats:
    """Values of one cell add up; unknown values count as nothing."""
    known = np.isfinite(values)
    if not known.all():
        cells, values = cells[known], values[known]
    size = shape[0] * shape[1]
    return np.bincount(cells, weights=values, minlength=size)[:size].reshape(shape).astype(np.float32)


def placed(cells: Ints, values: npt.NDArray[np.float64], shape: tuple[int, int]) -> Floats:
    """NaN where nothing is known; of several values of one cell the last known counts."""
    known = np.isfinite(values)
    grid = np.full(shape[0] * shape[1], np.nan, np.float32)
    if known.all():
        grid[cells] = values
    else:
        grid[cells[known]] = values[known]
    return grid.reshape(shape)


def marked(cells: Ints, shape: tuple[int, int]) -> Bools:
    grid = np.zeros(shape[0] * shape[1], np.bool_)
    grid[cells] = True
    return grid.reshape(shape)


def last_seen(known: Bools) -> npt.NDArray[np.int32]:
    """For each cell the latest period, itself included, where `known` holds; -1 where none does."""
    steps = np.where(known, np.arange(known.shape[-1], dtype=np.int32), np.int32(-1))
    found: npt.NDArray[np.int32] = np.maximum.accumulate(steps, axis=-1)
    return found


def carried(values: Floats, limit: int | None = None) -> Floats:
    """Each unknown (NaN) takes the last known value before it, not older than `limit` periods."""
    known = np.isfinite(values)
    if known.all():
        return values
    last = last_seen(known)
    found = np.take_along_axis(values, np.maximum(last, 0).astype(np.int64), axis=-1)
    lost = last < 0
    if limit is not None:
        lost |= np.arange(values.shape[-1], dtype=np.int32) - last > limit
    found[lost] = np.nan
    return found
