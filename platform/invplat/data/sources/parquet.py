"""Parquet as Arrow batches in its own types, plain ones: no dictionaries, no large or view strings.

Knows nothing of what columns mean. Rows are numbered from 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

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
        with self._opened() as file:
            names: list[str] = file.schema_arrow.names
        return names

    def fingerprint(self) -> str:
        return self.place.fingerprint()

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        first = 1
        with self._opened() as file:
            all_there(columns, file.schema_arrow.names, self.name)
            for batch in file.iter_batches(batch_size=self.batch_rows, columns=list(columns)):
                yield Batch(plain(pa.Table.from_batches([batch]).select(list(columns))), first)
                first += batch.num_rows

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        with self.place.reading(), self.place.open() as stream:
            try:
                yield pq.ParquetFile(stream, memory_map=False, pre_buffer=False)
            except (pa.ArrowException, OSError) as error:
                # pyarrow says OSError without a number for damage; one of the stream's own passes through it unchanged.
                if isinstance(error, OSError) and (type(error) is not OSError or error.errno):
                    raise
                raise SourceError(
                    f"{self.name} is no whole Parquet file: {str(error).splitlines()[0].split('. ')[0]}",
                    hint="write or copy it again; a CSV should be named .csv",
                ) from error


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries, large and view strings as what they stand for: one reader for all writers."""
    for position, column in enumerate(table.schema):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            kind = pa.string()
        if kind != column.type:
            table = table.set_column(position, column.name, table.column(position).cast(kind))
    return table
