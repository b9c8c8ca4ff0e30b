"""Arrow arrays made and read by their buffers.

pa.array() and pa.scalar() look whether pandas could help and import it, which takes longer than a small ingest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def strings(texts: Sequence[str | None]) -> pa.Array:
    pieces = [b"" if text is None else text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.zeros(len(pieces) + 1, np.int32)
    np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
    present = _bits([text is not None for text in texts]) if None in texts else None
    return pa.Array.from_buffers(pa.string(), len(pieces), [present, pa.py_buffer(offsets), pa.py_buffer(b"".join(pieces))])


def fixed(array: npt.NDArray[np.generic], kind: pa.DataType, empty: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Numbers and days; `empty` says which are null. The array must be of the kind's own width."""
    present = _bits(~empty) if empty is not None and empty.any() else None
    return pa.Array.from_buffers(kind, len(array), [present, pa.py_buffer(np.ascontiguousarray(array))])


def booleans(array: npt.NDArray[np.generic]) -> pa.Array:
    return pa.Array.from_buffers(pa.bool_(), len(array), [None, _bits(array)])


def _bits(flags: npt.ArrayLike) -> pa.Buffer:
    return pa.py_buffer(np.packbits(np.asarray(flags, bool), bitorder="little"))


def integers(array: pa.Array, empty: int) -> npt.NDArray[np.int32]:
    """An int32 or date array as NumPy, its empty places filled."""
    if array.type != pa.int32() and array.type != pa.date32():
        array = array.cast(pa.int32())
    valid, data = array.buffers()
    if data is None:
        return np.full(len(array), empty, np.int32)
    numbers = np.frombuffer(data, np.int32)[array.offset : array.offset + len(array)]
    if array.null_count:
        present = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[array.offset : array.offset + len(array)]
        numbers = np.where(present.astype(bool), numbers, np.int32(empty))
    return numbers
