"""CSV sources in memory, and all that is read of one."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from invplat.data.mapping import Formats
from invplat.data.sources.base import Batch, Reject
from invplat.data.sources.csv import CsvSource
from invplat.data.sources.files import told


class Bytes:
    """A place in memory."""

    name = label = "sales.csv"

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size: int | None = len(data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)

    def reading(self) -> Any:
        return told(self.name)

    def fingerprint(self) -> str:
        return ""


def source(data: str | bytes, formats: Formats | None = None, **settings: int) -> CsvSource:
    return CsvSource(Bytes(data.encode() if isinstance(data, str) else data), formats, **settings)


def read(found: CsvSource) -> tuple[dict[int, tuple[str | None, ...]], list[Reject]]:
    """Every row by its number, and what was rejected."""
    rows: dict[int, tuple[str | None, ...]] = {}
    rejects: list[Reject] = []
    for batch in found.batches(found.columns()):
        numbers = numbers_of(batch)
        assert len(numbers) == len(batch.table)
        rows.update(zip(numbers, (tuple(row.values()) for row in batch.table.to_pylist()), strict=True))
        rejects.extend(batch.rejects)
    return rows, rejects


def numbers_of(batch: Batch) -> list[int]:
    if batch.rows is None:
        return list(range(batch.first_row, batch.first_row + len(batch.table)))
    return [int(number) for number in batch.rows]
