"""A job's own process: takes it up, sends packs, writes down what comes back, and says how it ended.

Where packs run is a pool's business: here, one after the other, or as tasks of Ray. A pack whose process dies is sent
again; one that kills it again is halved, until whoever is to blame is alone.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from invplat.core.errors import Conflict, InvplatError
from invplat.core.process import Process
from invplat.registry import aliases, datasets, jobs, results, versions
from invplat.registry.database import Database
from invplat.registry.jobs import Job, State, Wish
from invplat.registry.results import Outcome
from invplat.registry.versions import Version
from invplat.storage import Storage
from invplat.transfer import jobs_kept
from invplat.transfer.jobs_adapt import Made, adapt
from invplat.transfer.jobs_asked import Asked, check_kept
from invplat.transfer.jobs_packs import Died, Pack, Wanted, cut

LOOK_EVERY = 0.5  # seconds between two looks at what is wished
TRIES = 2  # processes that may die of a pack before it is halved

Told = Callable[[str], None]


class Pool(Protocol):
    @property
    def at_once(self) -> int: ...
    def start(self, pack: Pack) -> None: ...
    def ended(self, seconds: float) -> list[tuple[Pack, list[Made] | Died]]:
        """What ended within so many seconds; an error of the donor or the storage is raised."""
        ...

    def stop(self) -> None: ...


class Here:
    """In this process, one pack after the other."""

    at_once = 1

    def __init__(self, work: Callable[[Pack], list[Made]] = adapt) -> None:
        self._work = work
        self._waiting: deque[Pack] = deque()

    def start(self, pack: Pack) -> None:
        self._waiting.append(pack)

    def ended(self, seconds: float) -> list[tuple[Pack, list[Made] | Died]]:
        pack = self._waiting.popleft()
        return [(pack, self._work(pack))]

    def stop(self) -> None:
        self._waiting.clear()


def run(database: Database, storage: Storage, job: str, pool: Pool, *, actor: str, told: Told) -> State:
    """A queued job, to its end."""
    mine = jobs.claim(database, job, Process.this())
    with _living(database, mine) as life:
        try:
            state, message = _Run(database, storage, mine, pool, life, actor, told).go()
        except (InvplatError, OSError) as error:
            state, message = State.FAILED, str(error).splitlines()[0]
        except KeyboardInterrupt:
            state, message = State.STOPPED, "interrupted"
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            jobs.finish(database, job, mine.attempt, State.FAILED, message)
            raise
        finally:
            pool.stop()
        if life.gone:
            told("another process has taken this job up; this one ends")
            return jobs.get(database, job).state
        _unfinished(database, mine)
        jobs.finish(database, job, mine.attempt, state, message)
    told(f"{state}{f': {message}' if message else ''}")
    return state


class _Run:
    def __init__(
        self, database: Database, storage: Storage, job: Job, pool: Pool, life: _Life, actor: str, told: Told
    ) -> None:
        self.database, self.storage, self.job, self.pool = database, storage, job, pool
        self.life, self.actor, self.told = life, actor, told
        self.asked = Asked.from_json(job.spec)
        self.began, self.done, self.failed = time.monotonic(), 0, 0

    def go(self) -> tuple[State, str]:
        bases = self._bases()
        pending = results.pending(self.database, self.job.id)
        self.told(f"job {self.job.id}: {len(pending)} to adapt from {', '.join(base.reference for base in bases)}")
        self.total = len(pending)
        packs = deque(self._packs(bases, pending))
        running = 0
        while packs or running:
            while packs and running < self.pool.at_once and not self.life.over:
                running += self._send(packs.popleft())
            if self.life.over:
                break
            if not running:
                continue
            for pack, found in self.pool.ended(LOOK_EVERY):
                running -= 1
                if isinstance(found, Died):
                    packs.extendleft(self._again(pack, found))
                else:
                    self._write(found)
        counts = results.counts(self.database, [self.job.id])[self.job.id]
        failed, left = counts.get(results.FAILED, 0), counts.get(results.QUEUED, 0) + counts.get(results.RUNNING, 0)
        if self.life.over and left:
            return State.STOPPED, f"stopped with {left} to do"
        if failed:
            return State.FAILED, f"{failed} of {sum(counts.values())} failed"
        return State.DONE, ""

    def _bases(self) -> tuple[Version, ...]:
        found = tuple(versions.by_id(self.database, None, base) for base in self.asked.bases)
        for base in found:
            check_kept(self.storage, base)
        return found

    def _packs(self, bases: tuple[Version, ...], pending: Sequence[str]) -> Iterator[Pack]:
        newest = datasets.newest_of_all(self.database)
        known = [
            Wanted(name, newest[name].version, newest[name].rows) if name in newest else Wanted(name, None)
            for name in pending
        ]
        for number, some in enumerate(cut(known, self.pool.at_once), 1):
            yield Pack(number, self.job.id, self.storage.url, self.asked, bases, tuple(some), self.job.process)

    def _send(self, pack: Pack) -> int:
        """As the registry knows its businesses now; those that have left are left out."""
        there = set(results.pending(self.database, self.job.id))
        champions = {
            one.tenant: one.model
            for one in aliases.champions(self.database, tenants=pack.tenants)
            if one.workload == self.asked.workload
        }
        known = versions.by_ids(self.database, champions.values())
        wanted = tuple(
            replace(each, champion=known.get(champions.get(each.tenant, "")))
            for each in pack.wanted
            if each.tenant in there
        )
        for each in pack.wanted:
            if each.tenant not in there:
                self.told(f"{each.tenant} was removed meanwhile: left out")
        if not wanted:
            return 0
        outcomes = [Outcome(each.tenant, results.RUNNING) for each in wanted]
        results.write(self.database, self.job.id, outcomes, attempt=self.job.attempt)
        self.pool.start(replace(pack, wanted=wanted))
        return 1

    def _again(self, pack: Pack, died: Died) -> list[Pack]:
        if pack.tries + 1 < TRIES:
            self.told(f"pack {pack.number}: {died.why}; sent again")
            return [replace(pack, tries=pack.tries + 1)]
        if len(pack.wanted) > 1:
            self.told(f"pack {pack.number}: {died.why}, again; halved")
            return list(pack.halves())
        self._write([Made(pack.wanted[0].tenant, results.FAILED, died.why)])
        return []

    def _write(self, made: Sequence[Made]) -> None:
        outcomes = jobs_kept.write(self.database, self.storage, self.job, self.asked.workload, made, actor=self.actor)
        there = {one.tenant for one in outcomes}
        for one in made:
            if one.tenant not in there:
                self.told(f"{one.tenant} was removed meanwhile: nothing of it is kept")
        for outcome in outcomes:
            if outcome.state == results.FAILED:
                self.told(f"{outcome.tenant} failed: {outcome.reason}")
        self.done += len(made)
        self.failed += sum(outcome.state == results.FAILED for outcome in outcomes)
        passed = time.monotonic() - self.began
        rate = self.done / max(passed, 1e-9)
        failed = f", {self.failed} failed" if self.failed else ""
        left = (self.total - self.done) / rate
        self.told(f"{self.done} of {self.total}{failed}, {60 * rate:.0f} a minute, {left:.0f} s left")


def _unfinished(database: Database, job: Job) -> None:
    """What was under way when the job ended is to do again."""
    rest = [Outcome(one.tenant, results.QUEUED) for one in results.of_job(database, job.id, states=(results.RUNNING,))]
    with suppress(Conflict):
        if rest:
            results.write(database, job.id, rest, attempt=job.attempt)


@dataclass
class _Life:
    stopping: bool = False
    gone: bool = False

    @property
    def over(self) -> bool:
        return self.stopping or self.gone


@contextmanager
def _living(database: Database, job: Job) -> Iterator[_Life]:
    """Signs of life in a thread of their own, and what is wished in return; SIGTERM is a wish to stop."""
    life, ended = _Life(), threading.Event()

    def live() -> None:
        while not ended.wait(jobs.BEAT):
            try:
                wish = jobs.beat(database, job.id, job.attempt)
            except InvplatError:  # down for long; whoever writes will say so
                continue
            life.stopping |= wish is Wish.STOP
            life.gone |= wish is Wish.GONE

    def asked(*_: object) -> None:
        life.stopping = True

    thread = threading.Thread(target=live, daemon=True)
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, asked) if main else None
    thread.start()
    try:
        yield life
    finally:
        ended.set()
        thread.join(timeout=5)
        if main:
            signal.signal(signal.SIGTERM, before)
