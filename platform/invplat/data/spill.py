"""Facts gathered until whole series can be put together, within a memory budget.

Up to the budget they stay in memory; beyond it they go to files, one a bucket of stores, so that later one bucket at a
time is read back. A bucket that is still too large is read in slices of SKUs. What comes out never depends on where it waited.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from invplat.data.facts import Facts, concatenate, from_arrow, to_arrow
from invplat.data.tables import Table
from invplat.data.vocabulary import Vocabulary
from invplat.storage import Storage

Index = npt.NDArray[np.intp]
BUDGET = 64 << 20  # bytes of facts held at a time
BUCKETS = 64


class Spill:
    def __init__(self, table: Table, vocabulary: Vocabulary, scratch: Storage, prefix: str, *, budget: int = BUDGET, buckets: int = BUCKETS) -> None:
        self.table, self.vocabulary = table, vocabulary
        self.scratch, self.prefix = scratch, prefix
        self.budget, self.buckets = budget, buckets
        self._held: list[Facts] = []
        self._bytes = 0
        self._sizes: dict[str, int] = {}
        self._bucket_of = np.zeros(0, np.uint8)
        self._parts: dict[int, list[str]] = {}
        self._flushes = 0

    def add(self, facts: Facts) -> None:
        if len(facts) == 0:
            return
        self._held.append(facts)
        self._bytes += facts.nbytes
        if self._bytes > self.budget and self.table.by_store:
            self.flush()

    def adopt(self, parts: dict[int, list[str]]) -> None:
        """Files that another worker wrote for the same table and number of buckets."""
        for bucket, paths in parts.items():
            self._parts.setdefault(bucket, []).extend(paths)

    def flush(self) -> dict[int, list[str]]:
        """Move what is held to files; returns all files so far, by bucket."""
        held, self._held, self._bytes = self._held, [], 0
        if not held:
            return self._parts
        self._flushes += 1
        split = [self._split(facts) for facts in held]
        for number in range(self.buckets):  # gathered from all batches at once: no copy of the whole is made
            pieces = [
                facts.take(order[bounds[number] : bounds[number + 1]])
                for facts, (order, bounds) in zip(held, split, strict=True)
                if bounds[number] < bounds[number + 1]
            ]
            if pieces:
                self._write(number, concatenate(pieces))
        return self._parts

    def _split(self, facts: Facts) -> tuple[Index, Index]:
        """The facts' order by bucket, and where in it each bucket begins."""
        bucket = self._buckets_of(facts)
        order = np.argsort(bucket, kind="stable")
        return order, np.searchsorted(bucket[order], np.arange(self.buckets + 1))

    def _write(self, number: int, facts: Facts) -> None:
        key = f"{self.prefix}/{self.table.name}-{number:03d}-{self._flushes:05d}.arrow"
        data = to_arrow(facts, self.vocabulary, rows=True, encoded=True)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, data.schema) as writer:
            writer.write_table(data)
        written = sink.getvalue()
        self.scratch.write(key, written, durable=False)
        self._parts.setdefault(number, []).append(key)
        self._sizes[key] = written.size

    def _buckets_of(self, facts: Facts) -> npt.NDArray[np.uint8]:
        if not self.table.by_store:
            return np.zeros(len(facts), np.uint8)
        # By the name's own checksum: the same store falls in the same bucket in every process.
        known = len(self._bucket_of)
        if known < len(self.vocabulary):
            fresh = [zlib.crc32(name.encode()) % self.buckets for name in self.vocabulary.names[known:]]
            self._bucket_of = np.concatenate([self._bucket_of, np.array(fresh, np.uint8)])
        return self._bucket_of[facts.arrays["store"]]

    def whole(self) -> Iterator[Facts]:
        """All facts, in pieces that hold whole series; stores never interleave between pieces of one bucket."""
        if not self._parts:
            if self._held:
                held, self._held = self._held, []
                yield concatenate(held)
            return
        self.flush()
        for number in sorted(self._parts):
            yield from self.bucket(self._parts[number])

    def bucket(self, paths: list[str]) -> Iterator[Facts]:
        pieces = -(-sum(self._size(key) for key in paths) // self.budget) if self.table.by_store else 1
        if pieces <= 1:
            yield self._read(paths)
            return
        slices = self._slices(paths, pieces)
        for store, skus in slices:
            parts = []
            for path in paths:
                part = self._read([path])
                mask = np.isin(part.arrays["store"], store) & (np.isin(part.arrays["sku"], skus) if skus is not None else True)
                if mask.any():
                    parts.append(part.take(mask))
            if parts:
                yield concatenate(parts)

    def _slices(self, paths: list[str], pieces: int) -> list[tuple[list[int], npt.NDArray[np.int64] | None]]:
        """Stores grouped to fit the budget; a store too large for it alone is cut by ranges of SKUs, in name order."""
        counts: dict[tuple[int, int], int] = {}
        for path in paths:
            part = self._read([path])
            pair = part.arrays["store"].astype(np.int64) << 32 | part.arrays["sku"].astype(np.int64)
            for key, count in zip(*(array.tolist() for array in np.unique(pair, return_counts=True)), strict=True):
                counts[(key >> 32, key & 0xFFFFFFFF)] = counts.get((key >> 32, key & 0xFFFFFFFF), 0) + count
        names = self.vocabulary.names
        limit = max(1, sum(counts.values()) // pieces)
        stores: dict[int, int] = {}
        for (store, _), count in counts.items():
            stores[store] = stores.get(store, 0) + count
        result: list[tuple[list[int], npt.NDArray[np.int64] | None]] = []
        together: list[int] = []
        room = limit
        for store in sorted(stores, key=names.__getitem__):
            if stores[store] > limit:
                skus = sorted((sku for other, sku in counts if other == store), key=names.__getitem__)
                run: list[int] = []
                held = 0
                for sku in skus:
                    run.append(sku)
                    held += counts[(store, sku)]
                    if held >= limit:
                        result.append(([store], np.array(run, np.int64)))
                        run, held = [], 0
                if run:
                    result.append(([store], np.array(run, np.int64)))
                continue
            if stores[store] > room and together:
                result.append((together, None))
                together, room = [], limit
            together.append(store)
            room -= stores[store]
        if together:
            result.append((together, None))
        return result

    def _size(self, key: str) -> int:
        if key not in self._sizes:
            with self.scratch.open(key) as stream:
                self._sizes[key] = stream.seek(0, 2)
        return self._sizes[key]

    def _read(self, paths: list[str]) -> Facts:
        parts = []
        for key in paths:
            data = pa.ipc.open_file(pa.py_buffer(self.scratch.read(key))).read_all()
            parts.append(from_arrow(data, self.table, self.vocabulary))
        return concatenate(parts)
