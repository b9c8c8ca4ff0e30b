"""Facts gathered until whole series can be put together, within a memory budget.

Up to the budget they stay in memory; beyond it they go to files, one a bucket of stores, so that later one bucket at a
time is read back. A bucket that is still too large is read in pieces. What comes out never depends on where it waited.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.intake.facts import Array, Facts, Heap, Index, concatenate, from_arrow, to_arrow
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.tables import Table
from invplat.storage import Storage

USUAL_ROW = 40  # bytes of a fact, to begin with
BUDGET = 64 << 20  # bytes of facts held at a time
BUCKETS = 64


@dataclass(frozen=True)
class Piece:
    """Facts with all of their series' rows. Of a store that was cut: the SKUs after one name, up to another."""

    facts: Facts
    after: str | None = None
    upto: str | None = None

    @property
    def cut(self) -> bool:
        return self.after is not None or self.upto is not None


class Spill:
    def __init__(
        self,
        table: Table,
        vocabulary: Vocabulary,
        scratch: Storage,
        prefix: str,
        *,
        budget: int = BUDGET,
        buckets: int = BUCKETS,
    ) -> None:
        self.table, self.vocabulary = table, vocabulary
        self.scratch, self.prefix = scratch, prefix
        self.budget, self.buckets = budget, buckets
        self._held = Heap(table, budget // USUAL_ROW if table.by_store else 0)
        self._bucket_of = np.zeros(0, np.uint8)
        self._parts: dict[int, list[str]] = {}
        self._flushes = 0

    def add(self, facts: Facts, which: Index | None = None) -> None:
        """All of the facts, or the rows that are wanted."""
        if len(facts) == 0 or (which is not None and len(which) == 0):
            return
        self._held.add(facts, which)
        if self._held.nbytes > self.budget and self.table.by_store:
            self.flush()

    def adopt(self, parts: dict[int, list[str]]) -> None:
        """Files that another worker wrote for the same table and number of buckets."""
        for bucket, paths in parts.items():
            self._parts.setdefault(bucket, []).extend(paths)

    def flush(self) -> dict[int, list[str]]:
        """Move what is held to files; returns all files so far, by bucket."""
        if self._held.size == 0:
            return self._parts
        facts = self._held.facts()
        bucket = self._buckets_of(facts)
        order = np.argsort(bucket, kind="stable")
        bounds = np.searchsorted(bucket[order], np.arange(self.buckets + 1))
        self._flushes += 1
        for number in np.flatnonzero(np.diff(bounds)).tolist():
            self._write(number, facts.take(order[bounds[number] : bounds[number + 1]]))
        self._held.clear()
        return self._parts

    def _write(self, number: int, facts: Facts) -> None:
        key = f"{self.prefix}/{self.table.name}-{number:03d}-{self._flushes:05d}-{len(facts)}.arrow"
        data = to_arrow(facts, self.vocabulary, rows=True, encoded=True)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, data.schema) as writer:
            writer.write_table(data)
        self.scratch.write(key, sink.getvalue(), durable=False)
        self._parts.setdefault(number, []).append(key)

    def _buckets_of(self, facts: Facts) -> npt.NDArray[np.uint8]:
        if not self.table.by_store:
            return np.zeros(len(facts), np.uint8)
        # By the name's own checksum: the same store falls in the same bucket in every process.
        known = len(self._bucket_of)
        if known < len(self.vocabulary):
            fresh = [zlib.crc32(name.encode()) % self.buckets for name in self.vocabulary.names[known:]]
            self._bucket_of = np.concatenate([self._bucket_of, np.array(fresh, np.uint8)])
        bucket: npt.NDArray[np.uint8] = self._bucket_of[facts.arrays["store"]]
        return bucket

    def whole(self) -> Iterator[Piece]:
        """All facts, in pieces that hold whole series; stores never interleave between pieces of one bucket."""
        if not self._parts:
            if self._held.size:
                facts = self._held.facts()
                yield from self._pieces(lambda: iter([facts]), together=True)
            return
        self.flush()
        self._held.release()
        for number in sorted(self._parts):
            yield from self.bucket(self._parts[number])

    def bucket(self, paths: list[str]) -> Iterator[Piece]:
        if not self.table.by_store or sum(map(_rows, paths)) <= self._limit:
            yield Piece(self._read(paths))
        else:
            yield from self._pieces(lambda: (self._read([path]) for path in paths))

    @property
    def _limit(self) -> int:
        """Rows in a piece. Of the table and the budget alone: stores are cut at the same SKUs wherever they waited."""
        width = 8 + sum(8 if column.kind == "number" else 4 for column in self.table.columns)
        return max(1, self.budget // width)

    def _pieces(self, parts: Callable[[], Iterator[Facts]], together: bool = False) -> Iterator[Piece]:
        """Stores grouped to fit the budget (or `together`); one too large for it alone is cut by ranges of SKUs."""
        count = _tally(part.arrays["store"] for part in parts()) if self.table.by_store else np.zeros(0, np.intp)
        large = set(np.flatnonzero(count > self._limit).tolist())
        if together and not large:
            yield from map(Piece, parts())
            return
        names: list[str] = self.vocabulary.names
        room = self._limit
        group: list[int] = []
        for store in sorted(np.flatnonzero(count).tolist(), key=lambda code: names[code]):
            if store in large:
                yield from self._ranges(parts, store)
            elif together or count[store] <= room or not group:
                group.append(store)
                room -= int(count[store])
            else:
                yield Piece(_only(parts(), "store", group))
                group, room = [store], self._limit - int(count[store])
        if group:
            yield Piece(_only(parts(), "store", group))

    def _ranges(self, parts: Callable[[], Iterator[Facts]], store: int) -> Iterator[Piece]:
        """One store's facts, so many SKUs at a time in the order of their names."""

        def of_store() -> Iterator[Facts]:
            return (part.take(part.arrays["store"] == store) for part in parts())

        count, names = _tally(part.arrays["sku"] for part in of_store()), self.vocabulary.names
        skus = sorted(np.flatnonzero(count).tolist(), key=lambda code: names[code])
        after, held = None, 0
        run: list[int] = []
        for sku in skus:
            run.append(sku)
            held += int(count[sku])
            if held >= self._limit or sku == skus[-1]:
                upto = None if sku == skus[-1] else names[sku]
                yield Piece(_only(of_store(), "sku", run), after, upto)
                after, run, held = upto, [], 0

    def _read(self, paths: list[str]) -> Facts:
        parts = []
        for key in paths:
            data = pa.ipc.open_file(pa.py_buffer(self.scratch.read(key))).read_all()
            parts.append(from_arrow(data, self.table, self.vocabulary))
        return concatenate(parts)


def _rows(key: str) -> int:
    """A spill file's name ends in its number of rows."""
    return int(key.removesuffix(".arrow").rsplit("-", 1)[1])


def _tally(codes: Iterable[Array]) -> Index:
    """How many rows each code has."""
    total = np.zeros(0, np.intp)
    for part in codes:
        count = np.bincount(part)
        total = np.pad(total, (0, max(0, len(count) - len(total))))
        total[: len(count)] += count
    return total


def _only(parts: Iterable[Facts], name: str, codes: list[int]) -> Facts:
    wanted = np.array(codes)
    return concatenate([part.take(np.isin(part.arrays[name], wanted)) for part in parts])
