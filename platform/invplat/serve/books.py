"""The books at hand: of the businesses asked for lately, as many as memory is meant for; others are made on demand.

A book that was made is kept in the storage beside the business's data, so that the next replica reads it in
milliseconds. Who asks while a book is being made waits for that one. Knows no requests.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from invplat.core.errors import InvplatError, Unknown
from invplat.data.dataset import Dataset
from invplat.serve.book import Book, once, panels_of, written
from invplat.serve.facts import Facts, facts_of
from invplat.serve.roster import Served
from invplat.storage import Storage

VERSION = 2
MEMORY = 1 << 30  # bytes of books


class OnceMade:
    """Made by whoever asks first."""

    def __init__(self, make: Callable[[], Facts]) -> None:
        self.make, self.lock = make, threading.Lock()
        self.found: Facts | None = None

    def __call__(self) -> Facts:
        with self.lock:
            if self.found is None:
                self.found = self.make()
            return self.found


@dataclass
class Volume:
    """A book, and what goes with it."""

    served: Served
    book: Book
    dataset: Dataset
    facts: OnceMade  # what orders need to know besides
    seen: set[int] = field(default_factory=set)  # rows whose forecast has been written down

    @property
    def fits(self) -> Any:
        return self.served.fits


class Books:
    def __init__(self, storage: Storage, memory: int = MEMORY, *, kept: bool = True) -> None:
        """`kept`: in the storage, too."""
        self.storage, self.memory, self.kept = storage, memory, kept
        self.bytes = self.made = self.read = self.evicted = 0
        self._there: OrderedDict[str, Volume] = OrderedDict()
        self._next: dict[str, Volume] = {}  # for those about to go over
        self._making: dict[tuple[str, Any], Future[Volume]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._there)

    def at_hand(self, served: Served, *, use: bool = True) -> Volume | None:
        """At once, or not."""
        found = self._there.get(served.tenant)
        if found is not None and found.served is served:
            with suppress(KeyError):  # another thread has just let go of it; it can be answered from all the same
                self._there.move_to_end(served.tenant)
            return found
        if found is None or found.fits != served.fits:
            found = self._next.get(served.tenant)
            if found is None or found.fits != served.fits:
                return None
        if not use:
            return found
        volume = replace(found, served=served, seen=set())  # the old one may still be looked at
        with self._lock:
            self._next.pop(served.tenant, None)
            self._put(volume)
        return volume

    def get(self, served: Served) -> Volume:
        """Waits until it is there; call it from a thread."""
        found = self.at_hand(served)
        if found is not None:
            return found
        with self._lock:
            key = (served.tenant, served.fits)
            waiting = self._making.get(key)
            mine = waiting is None
            if waiting is None:
                waiting = self._making[key] = Future()
        if mine:
            try:
                volume = self._volume(served)
                with self._lock:
                    self._put(volume)
                waiting.set_result(volume)
            except BaseException as error:
                waiting.set_exception(error)
            finally:
                with self._lock:
                    del self._making[key]
        return waiting.result()

    def prepare(self, served: Served) -> None:
        """Make what it will be answered from, for when it goes over to it; until then the old goes on."""
        if self.at_hand(served, use=False) is None:
            self._next[served.tenant] = self._volume(served)

    def forget(self, tenant: str) -> None:
        with self._lock:
            self._next.pop(tenant, None)
            gone = self._there.pop(tenant, None)
            if gone is not None:
                self.bytes -= gone.book.nbytes

    def holds(self, tenant: str) -> bool:
        return tenant in self._there

    def _put(self, volume: Volume) -> None:
        before = self._there.pop(volume.served.tenant, None)
        if before is not None:
            self.bytes -= before.book.nbytes
        self._there[volume.served.tenant] = volume
        self.bytes += volume.book.nbytes
        while self.bytes > self.memory and len(self._there) > 1:
            _, gone = self._there.popitem(last=False)
            self.bytes -= gone.book.nbytes
            self.evicted += 1

    def _volume(self, served: Served) -> Volume:
        if served.dataset is None:
            raise Unknown(f"{served.tenant} has no data to forecast from yet", hint="ingest its sales first")
        dataset = Dataset.open(self.storage, served.tenant, served.dataset)
        key = _key(served)
        book = self._kept(key, served) if self.kept else None
        if book is None:
            panels = panels_of(dataset, served.preparation.frequency)
            book = written(served.stack, served.preparation, dataset, panels)
            self.made += 1
            if self.kept:
                self._keep(key, served, book)
        return Volume(served, book, dataset, OnceMade(lambda: facts_of(dataset, book.names, book.frequency)))

    def _kept(self, key: str, served: Served) -> Book | None:
        """None where there is none, or what is there is not what was kept."""
        from safetensors import SafetensorError

        try:
            data = self.storage.read(key)
            book = unpacked(served.tenant, data)
        except (OSError, InvplatError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        self.read += 1
        return book

    def _keep(self, key: str, served: Served, book: Book) -> None:
        folder, name = key.rsplit("/", 1)
        try:
            self.storage.write(key, packed(book), durable=False)
            for other in self.storage.names(folder):
                if other != name:
                    self.storage.remove(f"{folder}/{other}")
        except (OSError, InvplatError):
            pass  # it is at hand, and can be made again


def packed(book: Book) -> bytes:
    from safetensors.torch import save

    tensors = {f"told.{name}": value.contiguous() for name, value in book.told.items()}
    tensors |= {f"fields.{name}": value.contiguous() for name, value in book.fields.items()}
    said = {
        "version": VERSION,
        "tenant": book.tenant,
        "dataset": book.dataset,
        "frequency": book.frequency,
        "as_of": book.as_of.isoformat(),
        "dates": [day.isoformat() for day in book.dates],
        "names": book.names,
        "categories": book.categories,
    }
    found: bytes = save(tensors, metadata={"book": json.dumps(said)})
    return found


def unpacked(tenant: str, data: bytes) -> Book:
    from safetensors.torch import load

    length = int.from_bytes(data[:8], "little")
    said = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["book"])
    if said["version"] != VERSION or said["tenant"] != tenant:
        raise ValueError("a book of another kind, or of another business")
    tensors = load(data)
    return Book(
        tenant,
        int(said["dataset"]),
        str(said["frequency"]),
        date.fromisoformat(said["as_of"]),
        once(tuple(date.fromisoformat(day) for day in said["dates"])),
        tuple((store, sku) for store, sku in said["names"]),
        tuple(said["categories"]),
        {name.removeprefix("told."): value for name, value in tensors.items() if name.startswith("told.")},
        {name.removeprefix("fields."): value for name, value in tensors.items() if name.startswith("fields.")},
    )


def _key(served: Served) -> str:
    """Named by all that it is made of: the data, the trunk, the cut and the preparation."""
    stack, digest = served.stack, hashlib.sha256()
    digest.update(f"{VERSION} {type(stack).__name__} {stack.last} {served.prepared} {stack.trunk}".encode())
    return f"tenants/{served.tenant}/books/{served.dataset:08d}-{digest.hexdigest()[:32]}.safetensors"
