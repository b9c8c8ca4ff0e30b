"""Parquet as Arrow batches in its own types, plain ones: no dictionaries, no large or view strings.

Knows nothing of what columns mean. Rows are numbered from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from invplat.core.errors import SourceError
from invplat.data.mapping import Formats
from invplat.data.sources.base import Batch, Source
from invplat.data.sources.files import Place
from invplat.data.sources.wanted import all_there

ROWS = 200_000


class ParquetSource:
    text = False

    def __init__(self, place: Place, *, batch_rows: int = ROWS) -> None:
        self.place = place
        self.batch_rows = batch_rows
        self.name, self.label, self.size = place.name, place.label, place.size
        self.notes: list[str] = []

    def with_formats(self, formats: Formats) -> Source:
        """Typed values need no formats."""
        return self

    def columns(self) -> list[str]:
        with self.place.reading(), self.place.open() as stream:
            names: list[str] = self._opened(stream).schema_arrow.names
        return names

    def fingerprint(self) -> str:
        return self.place.fingerprint()

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        first = 1
        with self.place.reading(), self.place.open() as stream:
            file = self._opened(stream)
            all_there(columns, file.schema_arrow.names, self.name)
            try:
                for batch in file.iter_batches(batch_size=self.batch_rows, columns=list(columns)):
                    table = plain(pa.Table.from_batches([batch]).select(list(columns)))
                    yield Batch(table, first)
                    first += batch.num_rows
            except pa.ArrowInvalid as error:
                raise self._refused(error) from error

    def _opened(self, stream: BinaryIO) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(stream, memory_map=False, pre_buffer=False)
        except pa.ArrowInvalid as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> SourceError:
        short = str(error).split(".")[0]
        return SourceError(
            f"{self.name} is no whole Parquet file: {short}", hint="write or copy it again; a CSV should be named .csv"
        )


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries, large and view strings as what they stand for: one reader for all writers."""
    for position, column in enumerate(table.schema):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        if kind != column.type:
            table = table.set_column(position, column.name, table.column(position).cast(kind))
    return table
