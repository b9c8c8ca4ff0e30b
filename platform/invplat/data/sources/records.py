"""A stream of bytes cut into blocks of whole CSV records, with every record's place known.

A newline inside quotes ends nothing; a quote inside an unquoted field is a letter. Both are judged exactly as
pyarrow's parser (and Python's) judges them, so that a record's number is the row a spreadsheet shows.
Knows nothing of columns or encodings beyond being a superset of ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from invplat.core.errors import SourceError

LONGEST = 64 << 20  # bytes of one record; beyond it is no CSV, or a quote was never closed
NEWLINE, RETURN, QUOTE = 10, 13, 34

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Whole records. `data` ends with the end of a record."""

    data: bytes
    first_row: int  # the number of the first record, header = 1
    first_byte: int
    quoted_newlines: bool
    known_ends: Positions | None = None

    @cached_property
    def ends(self) -> Positions:
        """Where each record's last byte is."""
        if self.known_ends is not None:
            return self.known_ends
        return np.flatnonzero(np.frombuffer(self.data, np.uint8) == NEWLINE)

    @cached_property
    def count(self) -> int:
        if self.known_ends is not None:
            return len(self.known_ends)
        return int(np.count_nonzero(np.frombuffer(self.data, np.uint8) == NEWLINE))  # bytes.count is slower

    @cached_property
    def starts(self) -> Positions:
        return np.concatenate(([0], self.ends[:-1] + 1)).astype(np.int64)

    @cached_property
    def blank(self) -> npt.NDArray[np.bool_]:
        """Records that are empty lines: a parser skips them, a spreadsheet counts them."""
        letters = np.frombuffer(self.data, np.uint8)
        length = self.ends - self.starts
        blank: npt.NDArray[np.bool_] = (length == 0) | ((length == 1) & (letters[self.starts] == RETURN))
        return blank

    def record(self, index: int) -> bytes:
        return self.data[int(self.starts[index]) : int(self.ends[index]) + 1]

    def without(self, dropped: npt.NDArray[np.bool_]) -> bytes:
        kept = np.flatnonzero(~dropped)
        return b"".join(self.record(int(index)) for index in kept)

    def rest(self, index: int) -> Block:
        """The records from `index` on."""
        start = int(self.starts[index]) if index < self.count else len(self.data)
        ends = None if self.known_ends is None else self.known_ends[index:] - start
        return Block(self.data[start:], self.first_row + index, self.first_byte + start, self.quoted_newlines, ends)


def blocks(
    read: Callable[[int], bytes], delimiters: str, name: str, *, size: int, longest: int = LONGEST
) -> Iterator[Block]:
    """Blocks of about `size` bytes; memory is a few blocks whatever the stream's length."""
    row, byte, rest, more = 1, 0, b"", True
    while more:
        data = read(size)
        more = bool(data)
        buffer = rest + data if rest else data
        if not more and buffer and not buffer.endswith((b"\n", b"\r")):
            buffer += b"\n"
        if not buffer:
            continue
        cut, quoted, ends, opened = _cut(buffer, delimiters, more)
        if cut:
            block = Block(buffer if cut == len(buffer) else buffer[:cut], row, byte, quoted, ends)
            yield block
            row, byte = row + block.count, byte + cut
        rest = buffer[cut:]
        if len(rest) > longest or (rest and not more):
            raise _endless(name, row, opened, longest)


def _endless(name: str, row: int, opened: bool, longest: int) -> SourceError:
    if opened:
        return SourceError(
            f"{name}: a quote opened in row {row} is never closed",
            hint=f'add the missing " in row {row}, or remove the stray one',
        )
    return SourceError(
        f"{name}: row {row} is longer than {longest >> 20} MB; is this a CSV?",
        hint="give a text file with one record a line",
    )


def _cut(buffer: bytes, delimiters: str, more: bool) -> tuple[int, bool, Positions | None, bool]:
    """Where whole records end, whether newlines stand in quotes, the ends (None: every newline), an open quote."""
    quotes = b'"' in buffer
    # A lone carriage return ends a record for every parser, but only files from old tills have any.
    returns = b"\r" in buffer and buffer.count(b"\r") != buffer.count(b"\r\n")
    if not quotes and not returns:
        return buffer.rfind(b"\n") + 1, False, None, False
    letters = np.frombuffer(buffer, np.uint8)
    ends = np.flatnonzero(letters == NEWLINE)
    if returns:
        ends = _with_returns(letters, ends, more)
    if not quotes:
        return (int(ends[-1]) + 1 if len(ends) else 0), False, ends, False
    marks = _marks(buffer, letters, delimiters)
    inside = np.searchsorted(marks, ends) % 2 == 1
    outside = ends[~inside]
    cut = int(outside[-1]) + 1 if len(outside) else 0
    quoted = bool(inside[: len(ends)].any())
    return cut, quoted, outside if quoted or returns else None, len(marks) % 2 == 1


def _with_returns(letters: npt.NDArray[np.uint8], newlines: Positions, more: bool) -> Positions:
    lone = np.flatnonzero(letters == RETURN)
    following = np.append(letters, 0)[lone + 1]
    # The very last byte may be the first half of \r\n: only the next read tells.
    lone = lone[(following != NEWLINE) & ~((lone == len(letters) - 1) & more)]
    return np.union1d(newlines, lone)


def _marks(buffer: bytes, letters: npt.NDArray[np.uint8], delimiters: str) -> Positions:
    """Positions where quoted text begins and ends, alternating."""
    quotes = np.flatnonzero(letters == QUOTE)
    openers = quotes[::2]
    before = letters[openers - 1]  # for an opener at 0 this looks at the last byte; allowed below
    fair = np.isin(before, np.frombuffer(b'\r\n"' + delimiters.encode(), np.uint8)) | (openers == 0)
    if fair.all():
        return quotes
    # Some quote stands inside an unquoted field (5" pipe): counting pairs would misread, so look at every quoted field.
    pattern = re.compile(rb'(?:\A|[%s\r\n])("[^"]*+(?:""[^"]*+)*+)("?)' % re.escape(delimiters.encode()))
    spans = [
        position
        for found in pattern.finditer(buffer)
        for position in ((found.start(1), found.end(1)) if found[2] else (found.start(1),))
    ]
    return np.array(spans, dtype=np.int64)
