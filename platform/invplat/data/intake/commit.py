"""Writing a dataset version: data files first, each under a name of its own, then the manifest in one step.

Until the manifest is there the version does not exist; what a killed writer left behind is swept by the next one.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from invplat.core.errors import StorageError
from invplat.core.names import folder
from invplat.data.dataset import data_prefix, versions, versions_prefix
from invplat.data.intake.facts import NO_DATE, Facts, to_arrow
from invplat.data.intake.log import Line
from invplat.data.intake.log import to_arrow as log_to_arrow
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.manifest import DataFile, Manifest, content_hash, from_json, to_json
from invplat.storage import Storage

OWNER = "owner.json"  # in every write's folder: who writes here, or that it is done
STALE = 7 * 24 * 3600  # seconds after which another machine's unfinished write is taken for dead
NAMELESS = 24 * 3600  # and one that never said whose it is
THREADS = 2
WAITING = 16 << 20  # bytes of facts that may wait for a thread

DATE = "date"


class Writer:
    """One write: everything under its own id until `commit` names it."""

    def __init__(self, storage: Storage, tenant: str, write_id: str | None = None) -> None:
        self.storage, self.tenant = storage, tenant
        self.write_id = write_id or f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="invplat-write")
        self._waiting: deque[tuple[Future[DataFile], int]] = deque()  # and how much each holds
        self._held = 0
        self._parts: dict[tuple[str, str], int] = {}
        self._committed = False
        self._turn = threading.Condition()
        self._writing = 0
        self._given_up = False

    @property
    def prefix(self) -> str:
        return f"{data_prefix(self.tenant)}/{self.write_id}"

    @property
    def scratch(self) -> str:
        return f"{self.prefix}/scratch"

    def claim(self) -> None:
        """Say who writes here, so that nobody sweeps a write still going on."""
        owner = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
        # Whole or not at all, unlike the files: half an owner is nobody, whose write would lie here for a day.
        self.storage.write(f"{self.prefix}/{OWNER}", json.dumps(owner).encode())

    def put(self, facts: Facts, vocabulary: Vocabulary, store: str = "") -> Future[DataFile]:
        """Queue one file; encoding and writing happen beside the caller's own work."""
        name = facts.table.name
        number = self._parts[(name, store)] = self._parts.get((name, store), -1) + 1
        where = f"{name}/{folder(store)}" if store else name
        job = self._pool.submit(
            self._write, facts, vocabulary, store, f"{self.write_id}/{where}/part-{number:05d}.parquet"
        )
        self._waiting.append((job, facts.nbytes))
        self._held += facts.nbytes
        while self._waiting and (self._crowded or self._waiting[0][0].done()):
            first, size = self._waiting.popleft()
            first.result()
            self._held -= size
        return job

    @property
    def _crowded(self) -> bool:
        """Long enough that no thread waits while the next share is put in order, yet the queue must not hold what the
        budget let go."""
        return len(self._waiting) > 2 * THREADS and self._held > WAITING

    def _write(self, facts: Facts, vocabulary: Vocabulary, store: str, key: str) -> DataFile:
        with self._turn:
            if self._given_up:
                raise CancelledError
            self._writing += 1
        try:
            return self._encode(facts, vocabulary, store, key)
        finally:
            with self._turn:
                self._writing -= 1
                self._turn.notify_all()

    def _encode(self, facts: Facts, vocabulary: Vocabulary, store: str, key: str) -> DataFile:
        days = facts.arrays.get("date", np.zeros(0, np.int32))
        days = days[days != NO_DATE]
        span = (_iso(days.min()), _iso(days.max())) if len(days) else ("", "")
        series = _count_series(facts) if store else 0
        return self._file(to_arrow(facts, vocabulary, encoded=True), key, store=store, series=series, span=span)

    def put_log(self, lines: Sequence[Line], name: str) -> DataFile:
        return self._file(log_to_arrow(lines), f"{self.write_id}/{name}.parquet")

    def _file(
        self, data: pa.Table, key: str, *, store: str = "", series: int = 0, span: tuple[str, str] = ("", "")
    ) -> DataFile:
        sink = pa.BufferOutputStream()  # Arrow's own: a Python stream would take the interpreter's lock at every write
        # Names go to the encoder as dictionaries, its own form, but are strings to every reader: so no stored schema.
        # Snappy: zstd's start-up for a page costs more here than its fifth less of bytes is worth.
        pq.write_table(
            data,
            sink,
            compression="snappy",
            row_group_size=1 << 20,
            store_schema=False,
            write_statistics=[DATE],
            use_dictionary=[name for name in data.schema.names if name != DATE],
            column_encoding={DATE: "DELTA_BINARY_PACKED"} if DATE in data.schema.names else None,  # rising, day by day
        )
        written = sink.getvalue().to_pybytes()
        self.storage.write(f"{data_prefix(self.tenant)}/{key}", written, durable=False)
        return DataFile(key, data.num_rows, series, len(written), xxhash.xxh3_128_hexdigest(written), store, *span)

    def commit(self, manifest: Manifest, expected: int | None) -> Manifest | None:
        """Make the version exist. `expected`: the newest version this one was built on, None where that is all one.

        Returns None when another write got there first and `expected` no longer holds.
        """
        self.storage.settle()
        while True:
            there = versions(self.storage, self.tenant)
            newest = there[-1] if there else 0
            if expected is not None and newest != expected:
                return None
            final = replace(manifest, version=newest + 1, content_hash=content_hash(manifest.tables))
            if self.storage.create(_manifest_key(self.tenant, final.version), to_json(final)):
                self._committed = True
                return final

    def abandon(self) -> None:
        """Remove everything this write made, unless an interrupt came just after the version was there."""
        with self._turn:  # the pool alone can't tell: it does not know a thread whose start was interrupted
            self._given_up = True
            self._turn.wait_for(lambda: self._writing == 0)
        self._pool.shutdown(wait=True, cancel_futures=True)
        with suppress(
            StorageError
        ):  # what can't be removed now is swept by the next write; the first trouble is the one to tell
            if not self._committed and not self._named():
                _discard(self.storage, self.prefix)

    def _named(self) -> bool:
        mark = f'"{self.write_id}/'.encode()
        return any(
            mark in self.storage.read(_manifest_key(self.tenant, version))
            for version in reversed(versions(self.storage, self.tenant))
        )

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        if self._committed:
            with suppress(StorageError):  # the version is there; the next write tidies up
                _tidy(self.storage, self.prefix)


def sweep(storage: Storage, tenant: str) -> int:
    """Remove what killed writers left: not done, named by no manifest, and their owner is gone."""
    owners = {name: _owner(storage, f"{data_prefix(tenant)}/{name}") for name in storage.names(data_prefix(tenant))}
    dead = [name for name, owner in owners.items() if _dead(owner, name)]
    if not dead:
        return 0
    named: set[str] = set()  # looked at after the owners, so that who finished in between is named
    for version in versions(storage, tenant):
        key = _manifest_key(tenant, version)
        manifest = from_json(storage.read(key), key)
        files = [file for record in manifest.tables.values() for file in record.files]
        named.update(file.key.split("/", 1)[0] for file in (*files, *manifest.quarantine, *manifest.repairs))
    for name in dead:
        (_tidy if name in named else _discard)(storage, f"{data_prefix(tenant)}/{name}")
    return len(set(dead) - named)


def _manifest_key(tenant: str, version: int) -> str:
    return f"{versions_prefix(tenant)}/{version:08d}.json"


def _tidy(storage: Storage, prefix: str) -> None:
    storage.remove(f"{prefix}/scratch")
    storage.write(f"{prefix}/{OWNER}", b'{"done": true}', durable=False)


def _discard(storage: Storage, prefix: str) -> None:
    """The owner's name goes last: who is killed here leaves a write that can still be swept."""
    for name in storage.names(prefix):
        if name != OWNER:
            storage.remove(f"{prefix}/{name}")
    storage.remove(prefix)


def _owner(storage: Storage, prefix: str) -> dict[str, Any]:
    try:
        owner = json.loads(storage.read(f"{prefix}/{OWNER}"))
    except (FileNotFoundError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _dead(owner: dict[str, Any], write_id: str) -> bool:
    if owner.get("done"):
        return False
    try:
        host, pid, since = str(owner["host"]), int(owner["pid"]), float(owner["since"])
    except (ValueError, KeyError, TypeError):
        return write_id[:15] < f"{datetime.now(UTC) - timedelta(seconds=NAMELESS):%Y%m%dT%H%M%S}"
    if host != socket.gethostname():
        return time.time() - since > STALE
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _iso(day: np.generic) -> str:
    return str(np.datetime64(int(day), "D"))


def _count_series(facts: Facts) -> int:
    sku = facts.arrays["sku"]
    return int((sku[1:] != sku[:-1]).sum()) + 1 if len(sku) else 0
