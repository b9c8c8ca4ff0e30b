"""One batch of a source becomes facts: columns found, values read, rows that can't be used set aside.

Works on distinct values (see `distinct`), row by row only where two columns must be compared. Knows one row at a time:
what needs a whole series (duplicates, outliers) is `merge`'s.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.entry import Entry, Field
from invplat.data.intake.arrow import fixed, strings
from invplat.data.intake.column import ColumnReader
from invplat.data.intake.distinct import Distinct, constant, encode, joined, stacked
from invplat.data.intake.log import Line
from invplat.data.intake.match import holds, match_columns, plain, unpivot_columns, wide_number
from invplat.data.intake.rows import Judge, Parsed, Rows
from invplat.data.intake.values import choose_date_format
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.sources.base import Batch
from invplat.data.tables import TABLES


class Parser:
    """Carries one entry out on one file; the date format, chosen from the first batch, holds for the whole file."""

    def __init__(
        self, entry: Entry, header: list[str], *, file: str, index: int, vocabulary: Vocabulary, today: date
    ) -> None:
        self.entry, self.table = entry, TABLES[entry.table]
        self.file = file
        self.columns, self.wanted, self.notes = match_columns(entry, header, file)
        self.header = header
        self._formats: dict[str, tuple[str, ...]] = {}
        reader = ColumnReader(entry, self.table, (today - date(1970, 1, 1)).days)
        self.judge = Judge(file, index, self.columns, reader, vocabulary, self._date_formats)

    def parse(self, batch: Batch) -> Parsed:
        theirs = {name: encode(batch.table.column(name)) for name in batch.table.column_names}
        numbers = (
            batch.rows
            if batch.rows is not None
            else np.arange(batch.first_row, batch.first_row + batch.table.num_rows, dtype=np.int64)
        )
        if self.entry.where:
            keep = self._where(theirs, len(numbers))
            theirs, numbers = {name: column.take(keep) for name, column in theirs.items()}, numbers[keep]
        fields = {ours: self._source(field_, theirs, len(numbers)) for ours, field_ in self.columns.items()}
        if self.entry.unpivot is not None:
            fields, numbers = self._unpivot(theirs, fields, numbers)
        parsed = Rows(self.judge, fields, numbers).read()
        for reject in batch.rejects:
            parsed.rows_in += 1
            parsed.rows_quarantined += 1
            parsed.log.counts[f"{self.table.name}.{reject.reason}"] += 1
            parsed.quarantine.append(Line(self.table.name, self.file, reject.row, "", reject.text, reject.reason))
        return parsed

    def _source(self, source: Field, theirs: dict[str, Distinct], rows: int) -> Distinct:
        if source.rule == "constant":
            return constant(str(source.options.get("value", "")), rows)
        parts = [theirs[name] for name in source.columns]
        return parts[0] if len(parts) == 1 else joined(parts)

    def _where(self, theirs: dict[str, Distinct], rows: int) -> npt.NDArray[np.bool_]:
        keep = np.ones(rows, bool)
        for name, test in self.entry.where.items():
            column = theirs.get(name) or theirs[next(other for other in theirs if plain(other) == plain(name))]
            keep &= column.gather(
                np.array([holds(value, test) for value in column.values.to_pylist()], bool), holds(None, test)
            )
        return keep

    def _unpivot(
        self, theirs: dict[str, Distinct], fields: dict[str, Distinct], numbers: npt.NDArray[np.int64]
    ) -> tuple[dict[str, Distinct], npt.NDArray[np.int64]]:
        """One fact a filled cell; an empty cell states nothing and is no row."""
        unpivot = self.entry.unpivot
        assert unpivot is not None
        wide = unpivot_columns(
            self.entry, self.header, {name for source in self.columns.values() for name in source.columns}
        )
        filled = [np.flatnonzero(theirs[name].codes >= 0) for name in wide]
        rows = np.concatenate(filled)
        fields = {ours: column.take(rows) for ours, column in fields.items()}
        fields[unpivot.value] = stacked([theirs[name].take(which) for name, which in zip(wide, filled, strict=True)])
        codes = np.repeat(np.arange(len(wide), dtype=np.int32), [len(which) for which in filled])
        names = strings(wide)
        if unpivot.into == "date" and unpivot.origin:
            first = np.datetime64(unpivot.origin) + np.array([wide_number(name) for name in wide]) * unpivot.step
            names = fixed(first.astype("datetime64[D]").astype(np.int32), pa.date32())
        fields[unpivot.into] = Distinct(names, codes)
        return fields, numbers[rows]

    def _date_formats(self, ours: str, column: Distinct) -> tuple[str, ...]:
        if ours not in self._formats:
            source = self.columns.get(ours)
            given = self.entry.formats.date
            if self.entry.unpivot is not None and ours == self.entry.unpivot.into and self.entry.unpivot.format:
                given = (self.entry.unpivot.format,)
            self._formats[ours] = choose_date_format(
                column.values, given, f"{self.file}, column {source.columns[0] if source and source.columns else ours}"
            )
        return self._formats[ours]
