"""Reading: one file or query for one table, batch after batch, into a spill. The first half of an ingest.

Runs here or as a task on a cluster; either way the same batches give the same facts and the same log.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date

import xxhash

from invplat.data.intake.facts import Facts, Index
from invplat.data.intake.log import LIMIT, Line, Log
from invplat.data.intake.parse import Parser
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.mapping import Entry
from invplat.data.sources.base import Batch, Source

AHEAD = 1  # batches read while one is being parsed


@dataclass(frozen=True)
class Job:
    """One source for one entry of the mapping."""

    index: int  # of the source among all
    source: Source
    entry: Entry
    today: date
    fingerprint: str = ""  # of the source's content; empty where only reading it tells


@dataclass
class Intake:
    """What reading one job came to, beside the facts themselves."""

    job: Job
    rows_in: int = 0
    rows_quarantined: int = 0
    log: Log = field(default_factory=Log)
    notes: list[str] = field(default_factory=list)
    content: str = ""  # fingerprint of rows, for sources that can't be fingerprinted beforehand


def read(
    job: Job,
    vocabulary: Vocabulary,
    keep: Callable[[Facts, Index | None], None],
    refuse: Callable[[list[Line]], None],
    progress: Callable[[int], None] | None = None,
) -> Intake:
    """Parse every batch of a job: the facts go to `keep`, the rows that can't be used to `refuse`."""
    intake = Intake(job)
    source = job.source
    header = source.columns()
    parser = Parser(job.entry, header, file=source.name, index=job.index, vocabulary=vocabulary, today=job.today)
    intake.notes += parser.notes
    digest = None if job.fingerprint else xxhash.xxh3_128()
    logged: Counter[tuple[str, str]] = Counter()
    for batch in ahead(source.batches(parser.wanted)):
        parsed = parser.parse(batch)
        intake.rows_in += parsed.rows_in
        intake.rows_quarantined += parsed.rows_quarantined
        intake.log.counts.update(parsed.log.counts)
        for line in parsed.log.lines:
            logged[(line.table, line.reason)] += 1
            if logged[(line.table, line.reason)] <= LIMIT:
                intake.log.lines.append(line)
        refuse(parsed.quarantine)
        if digest is not None:
            for column in batch.table.columns:
                for value in column.to_pylist():
                    digest.update(repr(value).encode())
        keep(parsed.facts, parsed.good)
        if progress:
            progress(parsed.rows_in)
    intake.notes += [f"{source.name}: {note}" for note in source.notes]
    intake.content = digest.hexdigest() if digest is not None else job.fingerprint
    return intake


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, the next one being read while this one is used."""
    waiting: queue.Queue[Batch | BaseException | None] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def fetch() -> None:
        try:
            for batch in batches:
                if not put(batch):
                    return
            put(None)
        except BaseException as error:  # handed over, raised where the batches are used
            put(error)

    thread = threading.Thread(target=fetch, name="invplat-read", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
