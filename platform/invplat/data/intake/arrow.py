"""Arrow arrays made and read by their buffers.

pa.array() and pa.scalar() look whether pandas could help and import it, which takes longer than a small ingest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def strings(texts: Sequence[str | None]) -> pa.Array:
    present = _bits([text is not None for text in texts]) if None in texts else None
    known = [text or "" for text in texts]
    whole = "".join(known)
    data = _bytes(whole)
    lengths = map(len, known) if len(data) == len(whole) else (len(_bytes(text)) for text in known)
    offsets = np.zeros(len(known) + 1, np.int32)
    np.cumsum(np.fromiter(lengths, np.int32, len(known)), out=offsets[1:])
    return pa.Array.from_buffers(pa.string(), len(known), [present, pa.py_buffer(offsets), pa.py_buffer(data)])


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def fixed(array: npt.NDArray[np.generic], kind: pa.DataType, empty: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers and days; `empty` says which are null. The array must be of the kind's own width."""
    present = _bits(~empty) if empty is not None and empty.any() else None
    return pa.Array.from_buffers(kind, len(array), [present, pa.py_buffer(np.ascontiguousarray(array))])


def booleans(array: npt.NDArray[np.generic]) -> pa.Array:
    return pa.Array.from_buffers(pa.bool_(), len(array), [None, _bits(array)])


def _bits(flags: npt.ArrayLike) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.asarray(flags, bool), bitorder="little"))


def integers(array: pa.Array, empty: int) -> npt.NDArray[np.int32]:
    """An int32 or date array as NumPy, its empty places filled. Read-only where it is a view."""
    array = array if array.type in (pa.int32(), pa.date32()) else array.cast(pa.int32())
    numbers: npt.NDArray[np.int32] = _filled(array, np.int32(empty))
    return numbers


def longs(array: pa.Array) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = _filled(array, np.int64(-1))
    return numbers


def floats(array: pa.Array) -> npt.NDArray[np.float64]:
    """Numbers as float64, NaN where empty. Read-only where it is a view."""
    array = array if array.type == pa.float64() else array.cast(pa.float64(), safe=False)
    numbers: npt.NDArray[np.float64] = _filled(array, np.float64(np.nan))
    return numbers


def flags(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Booleans; empty is false."""
    valid, data = array.buffers()
    there = _unpacked(data, array)
    return there & _unpacked(valid, array) if array.null_count else there


def _filled(array: pa.Array, empty: np.generic) -> Any:
    valid, data = array.buffers()
    if data is None:
        return np.full(len(array), empty)
    numbers = np.frombuffer(data, empty.dtype)[array.offset : array.offset + len(array)]
    return np.where(_unpacked(valid, array), numbers, empty) if array.null_count else numbers


def _unpacked(buffer: pa.Buffer | None, array: pa.Array) -> npt.NDArray[np.bool_]:
    if buffer is None:
        return np.zeros(len(array), bool)
    bits = np.unpackbits(np.frombuffer(buffer, np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)
