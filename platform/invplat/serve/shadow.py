"""What the challenger would have said to the questions that the champion has answered: found out later, told to nobody.

A question that has been answered leaves the names of its series here and goes on; a thread of its own asks the
challenger a few series at a time with rests between, and writes down what it says. A series' forecast is the same until
the model or the data change, so each is asked once. What does not fit the queue is dropped and counted, and comes again
with the next question about it. Whatever a challenger does, no answer is later, other, or missing.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import xxhash

from invplat.core.errors import InvplatError, Unknown
from invplat.registry.database import Database
from invplat.registry.parts import SHADOWED
from invplat.serve.batcher import checked
from invplat.serve.book import Book
from invplat.serve.books import Books, Volume
from invplat.serve.challengers import Challengers
from invplat.serve.journal import Journal
from invplat.serve.roster import Roster, Served
from invplat.storage import Storage

AT_ONCE = 64  # series that a challenger is asked together
# Seconds between two such: under load each takes longer, so it rests longer: those who wait for an answer come first.
REST, LONGEST, DUTY = 0.02, 2.0, 0.01  # at least, at most, the share of the time that it may take
MOST = 20_000  # series that wait
KEPT, DROPPED, FAILED = OUTCOMES = ("kept", "dropped", "failed")
SCALE = 1 << 32


@dataclass
class _Trial:
    """A challenger beside the book that its champion answers from."""

    challenger: Served
    book: weakref.ref[Book]  # which goes when the champion's memory wants it
    taken: set[int] = field(default_factory=set)  # rows of it that were asked, or wait


@dataclass
class _Questions:
    trial: _Trial
    champion: Volume
    rows: list[int]


class Shadow:
    def __init__(self, database: Database, storage: Storage, roster: Roster, memory: int, share: float = 1.0) -> None:
        """`memory`: for books that challengers do not share with champions; `share`: of the series."""
        self.challengers = Challengers(database, storage, roster)
        self.books = Books(storage, memory, kept=False)
        self.journal = Journal(database, storage, SHADOWED)
        self.told: Callable[[str, int], None] = lambda outcome, series: None
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self._below = int(share * SCALE)  # a series is in where its digest is
        self._trials: dict[str, _Trial] = {}
        self._waiting: OrderedDict[str, _Questions] = OrderedDict()
        self._size, self._rest = 0, REST
        self._lock, self._one = threading.Lock(), threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work_on, name="shadow", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._wake.set()

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.journal.close()

    def look(self) -> None:
        """Challengers may have changed."""
        self._wake.set()

    def offer(self, volume: Volume, rows: Any) -> None:
        """These rows of the champion's book (None: all) have been answered for. On the path of a request: no more than
        a look into two tables where there is nothing to do."""
        tenant = volume.served.tenant
        challenger = self.challengers.there.get(tenant)
        if challenger is None:
            return
        trial = self._trials.get(tenant)
        if trial is None or trial.challenger is not challenger or trial.book() is not volume.book:
            trial = self._trials[tenant] = _Trial(challenger, weakref.ref(volume.book))
        taken = trial.taken
        if isinstance(rows, int):
            if rows in taken:
                return
            rows = (rows,)
        elif rows is None:
            if len(taken) == len(volume.book):
                return
            rows = range(len(volume.book))
        fresh = [row for row in rows if row not in taken]
        if fresh:
            self._queue(trial, volume, fresh)

    def work(self) -> None:
        """Challengers as they are now, and everything that waits; one at a time."""
        with self._one:
            with suppress(InvplatError):  # the registry is away: with those that are here
                self.challengers.refresh()
            there = self.challengers.there
            for tenant, trial in list(self._trials.items()):
                if there.get(tenant) is not trial.challenger:
                    self._trials.pop(tenant, None)
            while not self._stop.is_set() and (found := self._next()) is not None:
                began = time.perf_counter()
                self._ask(found)
                self._rest = min(max(REST, (time.perf_counter() - began) / DUTY), LONGEST)
                if self._waiting:
                    self._stop.wait(self._rest)

    def _queue(self, trial: _Trial, champion: Volume, fresh: Sequence[int]) -> None:
        tenant = trial.challenger.tenant
        with self._lock:
            before = self._waiting.get(tenant)
            if before is not None and before.trial is not trial:  # of a model or of data that are no longer
                self._size -= len(self._waiting.pop(tenant).rows)
                before = None
            taken = fresh[: max(MOST - self._size, 0)]
            self._size += len(taken)
            trial.taken.update(taken)
            if before is not None:
                before.rows.extend(taken)
            elif taken:
                self._waiting[tenant] = _Questions(trial, champion, list(taken))
        if len(taken) < len(fresh):
            self._count(DROPPED, len(fresh) - len(taken))
        self._wake.set()

    def _next(self) -> _Questions | None:
        with self._lock:
            if not self._waiting:
                return None
            tenant, found = self._waiting.popitem(last=False)
            if len(found.rows) > AT_ONCE:
                self._waiting[tenant] = replace(found, rows=found.rows[AT_ONCE:])  # behind the others
                found = replace(found, rows=found.rows[:AT_ONCE])
            self._size -= len(found.rows)
            return found

    def _ask(self, asked: _Questions) -> None:
        challenger, book = asked.trial.challenger, asked.champion.book
        if self.challengers.there.get(challenger.tenant) is not challenger:
            return
        rows = [row for row in asked.rows if self._chosen(book.names[row])]
        try:
            volume = self._volume(challenger, asked.champion)
            if volume.book is not book:
                place = volume.book.place
                rows = [place[book.names[row]] for row in rows if book.names[row] in place]
            if rows:
                said = volume.served.stack.whole([volume.book.asked(volume.served.row, rows)])
                self.journal.note(volume, rows, checked(said))
                self._count(KEPT, len(rows))
        except Exception as error:
            self.challengers.refuse(challenger.tenant, challenger.version.id, error)
            self._count(FAILED, len(rows))

    def _chosen(self, name: tuple[str, str]) -> bool:
        """By its name: the same series on every replica and for every version of the data, so that each that is in has
        its whole story."""
        return self._below == SCALE or int(xxhash.xxh32_intdigest("\0".join(name).encode())) < self._below

    def _volume(self, challenger: Served, champion: Volume) -> Volume:
        """Of the champion's own data; its very book, where the two are told the same."""
        book, dataset = champion.book, champion.dataset
        served = replace(challenger, dataset=book.dataset)
        if served.fits == replace(champion.served, dataset=book.dataset).fits:
            return Volume(served, book, dataset, champion.facts)
        found = self.books.get(served)
        if found.book.dates[0] != book.dates[0]:
            raise Unknown("the challenger knows another last day than the champion", hint="ingest the data once more")
        return replace(found, served=served, seen=set())

    def _count(self, outcome: str, series: int) -> None:
        self.counts[outcome] += series
        self.told(outcome, series)

    def _work_on(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            with suppress(Exception):  # it goes on as long as the service lives
                self.work()
            self._stop.wait(self._rest)
