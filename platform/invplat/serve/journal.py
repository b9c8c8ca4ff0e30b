"""Forecasts that were given, written down so that they can be held against what comes true. Never slows an answer.

A series' forecast is the same until its model or its data change, so each is written once. Parts are written by a
thread of its own every so often; while the storage is down they wait, and past a limit the oldest are let go and
counted.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from invplat.core.errors import InvplatError
from invplat.registry.database import Database
from invplat.registry.parts import PREDICTED, Part, Shelf
from invplat.registry.rows import new_id
from invplat.serve.books import Volume
from invplat.storage import Storage
from invplat.workload import Prediction

PAUSE = 0.002  # seconds between two parts, for those who wait for an answer
EVERY = 15.0  # seconds between two writings
MOST = 2_000_000  # numbers that wait at most


@dataclass(frozen=True)
class _Entry:
    volume: Volume
    model: str
    rows: np.ndarray[Any, Any]
    mean: np.ndarray[Any, Any]
    quantiles: np.ndarray[Any, Any]
    levels: tuple[float, ...]

    @property
    def size(self) -> int:
        return self.mean.size + self.quantiles.size


class Journal:
    def __init__(self, database: Database, storage: Storage, shelf: Shelf = PREDICTED, every: float = EVERY) -> None:
        """`shelf`: what was told to somebody, or what a challenger would have told."""
        self.database, self.storage, self.shelf, self.every = database, storage, shelf, every
        self.lost = self.written = 0
        self._waiting: deque[_Entry] = deque()
        self._size = 0
        self._parts: list[Part] = []  # that are in the storage, and the registry has yet to be told of
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_on, name="journal", daemon=True)
        self._thread.start()

    def note(self, volume: Volume, rows: Any, said: Prediction) -> None:
        """What was said of these rows of the book (None: all), unless it has been noted."""
        seen = volume.seen
        if isinstance(rows, int):
            if rows in seen:
                return
            seen.add(rows)
            which, keep = np.array([rows]), slice(None)
        else:
            asked = range(len(volume.book)) if rows is None else rows
            if len(seen) == len(volume.book):
                return
            fresh = {row: place for place, row in enumerate(asked) if row not in seen}
            if not fresh:
                return
            seen.update(fresh)
            which, keep = np.array(list(fresh)), np.array(list(fresh.values()))  # type: ignore[assignment]
        entry = _Entry(
            volume,
            volume.served.version.id,
            which,
            said.mean.numpy()[keep].copy(),
            said.quantiles.numpy()[keep].copy(),
            said.levels,
        )
        with self._lock:
            self._waiting.append(entry)
            self._size += entry.size
            while self._size > MOST and len(self._waiting) > 1:
                gone = self._waiting.popleft()
                self._size -= gone.size
                self.lost += len(gone.rows)

    def flush(self) -> None:
        """Write what waits, now; what can't be written waits on, and so do parts that the registry does not take."""
        with self._lock:
            entries = list(self._waiting)
            self._waiting.clear()
            self._size = 0
        groups: dict[tuple[str, str, int], list[_Entry]] = {}
        for entry in entries:
            key = (entry.volume.served.tenant, entry.model, entry.volume.book.dataset)
            groups.setdefault(key, []).append(entry)
        for (tenant, model, _), group in groups.items():
            try:
                self._parts.append(self._part(tenant, model, group))
            except (InvplatError, OSError):
                self._again(group)
            self._stop.wait(PAUSE)
        if self._parts:
            self.shelf.add(self.database, self._parts)  # those that it knows already it takes once
            self.written += sum(part.rows for part in self._parts)
            self._parts = []

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        try:
            self.flush()
        except Exception:  # whoever stops is not held up by what could not be written
            self.lost += sum(part.rows for part in self._parts)
        self.lost += sum(len(entry.rows) for entry in self._waiting)

    def _again(self, entries: list[_Entry]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(entries))
            self._size += sum(entry.size for entry in entries)

    def _part(self, tenant: str, model: str, group: list[_Entry]) -> Part:
        table = pa.concat_tables([table_of(entry) for entry in group])
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        key = f"{self.shelf.place(tenant)}{new_id()}.parquet"
        self.storage.write(key, sink.getvalue(), durable=False)
        dates = group[0].volume.book.dates
        return Part(tenant, key, len(table), dates[0].isoformat(), dates[-1].isoformat(), model)

    def _write_on(self) -> None:
        while not self._stop.wait(self.every):
            with suppress(Exception):  # it goes on as long as the service lives
                self.flush()


def table_of(entry: _Entry) -> pa.Table:
    """A row a series and period: store, sku, as_of, date, mean and a column a level."""
    book, periods = entry.volume.book, entry.mean.shape[1]
    names = [book.names[row] for row in entry.rows.tolist()]
    count = len(names) * periods
    columns: dict[str, Any] = {
        "store": pa.array(np.repeat(np.array([store for store, _ in names], object), periods)),
        "sku": pa.array(np.repeat(np.array([sku for _, sku in names], object), periods)),
        "as_of": pa.array([book.as_of] * count),
        "date": pa.array(list(book.dates[:periods]) * len(names)),
        "mean": pa.array(entry.mean.reshape(-1)),
    }
    for place, level in enumerate(entry.levels):
        columns[f"q{level:g}"] = pa.array(np.ascontiguousarray(entry.quantiles[:, :, place]).reshape(-1))
    return pa.table(columns)
