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
SPARE = 1 << 16  # room for the record that a block cuts in two, and for a last newline
CACHED = 1 << 18  # bytes compared at a time

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Whole records. `data` ends with the end of a record, and is good until the next block is asked for."""

    data: memoryview
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
        letters = np.frombuffer(self.data, np.uint8)
        steps = range(0, len(letters), CACHED)
        return sum(int(np.count_nonzero(letters[at : at + CACHED] == NEWLINE)) for at in steps)  # bytes.count is slower

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
        return bytes(self.data[int(self.starts[index]) : int(self.ends[index]) + 1])

    def without(self, dropped: npt.NDArray[np.bool_]) -> bytes:
        kept = np.flatnonzero(~dropped)
        return b"".join(self.record(int(index)) for index in kept)

    def rest(self, index: int) -> Block:
        """The records from `index` on."""
        start = self._end_of(index) if index < self.count else len(self.data)
        ends = None if self.known_ends is None else self.known_ends[index:] - start
        return Block(self.data[start:], self.first_row + index, self.first_byte + start, self.quoted_newlines, ends)

    def _end_of(self, records: int) -> int:
        """Where the first so many records end: where they are few, without looking at all."""
        near = Block(self.data[:CACHED], 1, 0, self.quoted_newlines, self.known_ends)
        ends = near.ends if len(near.ends) >= records else self.ends
        return int(ends[records - 1]) + 1 if records else 0


def blocks(
    fill: Callable[[memoryview], int], delimiters: str, name: str, *, size: int, longest: int = LONGEST
) -> Iterator[Block]:
    """Blocks of about `size` bytes. All stand in one room, one after the other: fresh memory for each would cost more
    than looking through it."""
    room = bytearray(size + SPARE)
    held, row, byte, more = 0, 1, 0, True
    while more:
        if len(room) <= held + size:
            room = room[:held] + bytearray(held + size + SPARE)
        got = fill(memoryview(room)[held : held + size])
        more, end = got > 0, held + got
        if not more and end and room[end - 1] not in (NEWLINE, RETURN):
            room[end] = NEWLINE
            end += 1
        if not end:
            continue
        cut, quoted, ends, opened = _cut(room, end, delimiters, more)
        if cut:
            block = Block(memoryview(room)[:cut].toreadonly(), row, byte, quoted, ends)
            yield block
            row, byte = row + block.count, byte + cut
        held = end - cut
        if held > longest or (held and not more):
            raise _endless(name, row, opened, longest)
        room[:held] = room[cut:end]


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


def _cut(room: bytearray, end: int, delimiters: str, more: bool) -> tuple[int, bool, Positions | None, bool]:
    """Where whole records end, whether newlines stand in quotes, the ends (None: every newline), an open quote."""
    quotes = room.find(b'"', 0, end) >= 0
    # A lone carriage return ends a record for every parser, but only files from old tills have any.
    returns = room.find(b"\r", 0, end) >= 0 and room.count(b"\r", 0, end) != room.count(b"\r\n", 0, end)
    if not quotes and not returns:
        return room.rfind(b"\n", 0, end) + 1, False, None, False
    letters = np.frombuffer(room, np.uint8, end)
    ends = np.flatnonzero(letters == NEWLINE)
    if returns:
        ends = _with_returns(letters, ends, more)
    if not quotes:
        return (int(ends[-1]) + 1 if len(ends) else 0), False, ends, False
    marks = _marks(letters, delimiters)
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


def _marks(letters: npt.NDArray[np.uint8], delimiters: str) -> Positions:
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
        for found in pattern.finditer(letters.data)
        for position in ((found.start(1), found.end(1)) if found[2] else (found.start(1),))
    ]
    return np.array(spans, dtype=np.int64)
