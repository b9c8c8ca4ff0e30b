"""What is behind the API, in one process and without HTTP: who is served, their books, and answers in batches.

A watcher thread asks the registry every other second who is served by what; books of businesses that are in use are
made ready before they go over to another model or newer data. Methods that wait are coroutines of one event loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from invplat.core.errors import InvplatError, Unknown
from invplat.core.settings import Settings
from invplat.registry.database import Database
from invplat.serve.batcher import Batcher
from invplat.serve.books import MEMORY, Books, Volume
from invplat.serve.facts import facts_of
from invplat.serve.journal import Journal
from invplat.serve.order_schemas import OrdersAsked
from invplat.serve.orders import Decided, decided
from invplat.serve.plans import planned
from invplat.serve.roster import Roster, Served
from invplat.serve.said import Said
from invplat.serve.schemas import Chosen, ForecastsAsked, Series
from invplat.serve.series import chosen_rows
from invplat.serve.shadow import Shadow
from invplat.serve.summed import checked_horizon, said_of
from invplat.storage import Storage, open_storage

AT_ONCE = 32  # businesses that go over together
FEW = 4  # items decided on the event loop; more go to a thread
BESIDE = 4  # a part of the memory is for the books of challengers
EVERY = 2.0  # seconds between two looks at the registry


@dataclass(frozen=True)
class Options:
    workloads: tuple[str, ...] = ()
    memory: int = MEMORY  # bytes of books
    every: float = EVERY
    journal: bool = True  # forecasts are written down, so that they can be held against what comes true
    kept: bool = True  # books are kept in the storage
    shadow: float = 1.0  # share of the series for which a challenger is asked, too


class Service:
    def __init__(self, settings: Settings, options: Options | None = None, *, name: str = "here") -> None:
        """`name`: of this replica among others."""
        torch.set_num_threads(1)  # batches are small; a second thread mostly waits
        self.settings, self.options, self.name = settings, options or Options(), name
        self.database = Database(settings.database_url)
        self.storage: Storage = open_storage(settings.storage_url)
        self.roster = Roster(self.database, self.storage, self.options.workloads)
        self.books = Books(self.storage, self.options.memory, kept=self.options.kept)
        self.batcher = Batcher()
        self.journal = Journal(self.database, self.storage) if self.options.journal else None
        self.shadow: Shadow | None = None
        if self.options.journal and self.options.shadow > 0:
            memory = self.options.memory // BESIDE
            self.shadow = Shadow(self.database, self.storage, self.roster, memory, self.options.shadow)
        self.ready = False
        self.began = time.monotonic()
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="registry watcher", daemon=True)

    def start(self) -> Service:
        """Everybody's champion is here when this returns."""
        self.refresh()
        self.ready = True
        self._watcher.start()
        if self.shadow is not None:
            self.shadow.start()
        return self

    def close(self) -> None:
        self._stop.set()
        self._asked.set()
        if self._watcher.is_alive():
            self._watcher.join(10)
        self.batcher.close()
        if self.shadow is not None:
            self.shadow.close()
        if self.journal is not None:
            self.journal.close()
        self.database.close()

    def reload(self) -> None:
        """Look at the registry now, not at the next turn."""
        self._asked.set()

    def refresh(self) -> list[str]:
        """Who is answered for differently from now on; those in use are made ready before, a few at a time, so that
        nobody waits for all."""
        changed: list[str] = []
        changes = list(self.roster.changes().items())
        for first in range(0, len(changes), AT_ONCE):
            ready: dict[str, Served | None] = {}
            for tenant, served in changes[first : first + AT_ONCE]:
                try:
                    if served is not None and self.books.holds(tenant):
                        self.books.prepare(served)
                    ready[tenant] = served
                except (InvplatError, OSError) as error:  # as before, until it can be
                    self.roster.trouble.tenants[tenant] = str(error).splitlines()[0]
                    self.roster.again()
            changed += self.roster.use(ready)
            for tenant in (name for name, served in ready.items() if served is None):
                self.books.forget(tenant)
        return changed

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._asked.wait(self.options.every)
            self._asked.clear()
            if self._stop.is_set():
                return
            try:
                self.refresh()
            except Exception as error:  # the watcher lives as long as the service
                self.roster.trouble.registry = f"{type(error).__name__}: {error}"
            if self.shadow is not None:
                self.shadow.look()

    def served(self, tenant: str) -> Served:
        found = self.roster.served.get(tenant)
        if found is not None:
            return found
        if tenant in self.roster.tenants:
            why = self.roster.trouble.tenants.get(tenant)
            if why:
                raise InvplatError(f"the model of {tenant} can't be served: {why}", hint="promote another version")
            raise Unknown(f"{tenant} has no model, and there is no base", hint="train one: invplat train mlp --base")
        raise Unknown(f"there is no tenant {tenant!r}", hint="see them: invplat tenant list")

    async def volume(self, tenant: str) -> Volume:
        """Its book and facts; made on demand, in a thread."""
        served = self.served(tenant)
        found = self.books.at_hand(served)
        return found if found is not None else await asyncio.to_thread(self.books.get, served)

    async def rows(self, tenant: str, asked: Chosen) -> tuple[Volume, Any]:
        """Which rows of its book were asked for; None: all."""
        volume = await self.volume(tenant)
        return volume, chosen_rows(volume.book, asked)

    async def forecasts(self, tenant: str, asked: ForecastsAsked) -> Said:
        """Of each series; see `summed` for those of groups."""
        volume, rows = await self.rows(tenant, asked)
        return await self.said(volume, rows, asked)

    async def said(self, volume: Volume, rows: Any, asked: ForecastsAsked) -> Said:
        served, book = volume.served, volume.book
        checked_horizon(asked.horizon, len(book.dates), served.named["reference"])
        if asked.as_of is None and asked.what_if is None:
            prediction = await self.batcher.ask(served.stack, book.asked(served.row, rows))
            if self.journal is not None:
                self.journal.note(volume, rows, prediction)
            if self.shadow is not None:
                self.shadow.offer(volume, rows)
            return said_of(served, book, rows, prediction, asked.horizon, asked.quantiles)
        names = book.names if rows is None else [book.names[row] for row in _list(rows)]
        other = await asyncio.to_thread(planned, served, volume.dataset, names, asked.as_of, asked.what_if)
        prediction = await self.batcher.ask(served.stack, other.asked(served.row))
        found = said_of(served, other, None, prediction, asked.horizon, asked.quantiles)
        place = book.place
        return found.placed(np.asarray([place.get(name, -1) for name in other.names], np.int64))

    async def orders(self, tenant: str, asked: OrdersAsked) -> Decided:
        """What to order of the items named, or of the series chosen."""
        names = asked.items if asked.items is not None else asked.series
        series = None if names is None else [Series(store=one.store, sku=one.sku) for one in names]
        chosen = Chosen(series=series, stores=asked.stores, skus=asked.skus, categories=asked.categories)
        volume, rows = await self.rows(tenant, chosen)
        said = await self.said(volume, rows, ForecastsAsked(as_of=asked.as_of, what_if=asked.what_if))
        if asked.as_of is not None:
            then = await asyncio.to_thread(facts_of, volume.dataset, said.names, volume.book.frequency, asked.as_of)
            return await asyncio.to_thread(decided, said.placed(np.arange(len(said))), then, asked)
        made = volume.facts.found
        facts = await asyncio.to_thread(volume.facts) if made is None else made
        if len(said) <= FEW:
            return decided(said, facts, asked)
        return await asyncio.to_thread(decided, said, facts, asked)


def _list(rows: Any) -> Sequence[int]:
    return [rows] if isinstance(rows, int) else list(rows)
