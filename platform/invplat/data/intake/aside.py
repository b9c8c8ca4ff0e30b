"""Rows that could not be used, on their way to the quarantine's files: only a part of them is ever held in memory.

What is left over at the end is sorted whole, so a small quarantine is one file, the same however the work was split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from invplat.data.intake.commit import Writer
from invplat.data.intake.log import Line, place
from invplat.data.manifest import DataFile

PART = 50_000  # lines a file


@dataclass
class Aside:
    name: str = "rest"  # of this collector's files, one for each process
    lines: list[Line] = field(default_factory=list)
    files: list[DataFile] = field(default_factory=list)
    examples: dict[tuple[str, str], Line] = field(default_factory=dict)  # the first of each table and reason
    written: int = 0

    def add(self, lines: Sequence[Line], writer: Writer) -> None:
        for line in lines:
            self.examples.setdefault((line.table, line.reason), line)
        self.lines += sorted(lines, key=place)
        while len(self.lines) >= PART:
            self._write(self.lines[:PART], writer)
            del self.lines[:PART]

    def adopt(self, other: Aside, writer: Writer) -> None:
        """What another process set aside."""
        self.files += other.files
        self.add(other.lines, writer)
        for key, line in other.examples.items():
            self.examples.setdefault(key, line)

    def finished(self, writer: Writer) -> tuple[DataFile, ...]:
        if self.lines:
            self._write(self.lines, writer)
            self.lines = []
        return tuple(self.files)

    def _write(self, lines: list[Line], writer: Writer) -> None:
        self.files.append(writer.put_log(lines, f"quarantine/{self.name}-{self.written:05d}"))
        self.written += 1
