"""What every source of rows gives: Arrow batches with the row number a person would see.

A source knows bytes and rows; it knows nothing of our tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.entry import Formats


@dataclass(frozen=True)
class Reject:
    """A line that is no row at all: too few or too many fields, bytes that are not text."""

    row: int
    reason: str  # a name from rules.QUARANTINE
    text: str  # what stood there, cut to a readable length


@dataclass(frozen=True)
class Batch:
    """Rows as they came. Text sources give strings only, plain or as dictionaries; typed sources their own types."""

    table: pa.Table
    first_row: int  # the number of the first row; a spreadsheet's numbering for text (header = 1), from 1 elsewhere
    rows: npt.NDArray[np.int64] | None = None  # each row's number where they don't run on from `first_row`
    rejects: tuple[Reject, ...] = field(default=())


class Source(Protocol):
    name: str  # what a person calls it: path, path::member, URL::table; secrets hidden
    label: str  # the plain file or table name that a mapping's patterns are held against
    size: int | None  # bytes, where known beforehand
    text: bool  # values come as strings

    notes: list[str]  # what a person should know of how it was read, such as an encoding found by looking

    def with_formats(self, formats: Formats) -> Source:
        """The same rows read with a mapping entry's delimiter and encoding; itself where that means nothing."""
        ...

    def columns(self) -> list[str]:
        """The header. Raises SourceError for an empty file."""
        ...

    def fingerprint(self) -> str:
        """Names the content: equal for equal content, without parsing it."""
        ...

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """Only the named columns, in this order, batch by batch; memory stays flat."""
        ...
