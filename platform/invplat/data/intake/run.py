"""One run of an ingest: plan, read, settle, commit. All or nothing.

In this process, or as tasks on Ray where workers or an address are given; what comes out is the same.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from invplat.core.errors import SourceError
from invplat.data.dataset import Dataset
from invplat.data.intake.account import Outcome, account
from invplat.data.intake.aside import Aside
from invplat.data.intake.commit import Writer, sweep
from invplat.data.intake.plan import Given, Plan, make_plan
from invplat.data.intake.read import Intake, read
from invplat.data.intake.settle import Context, Settled, settle
from invplat.data.intake.spill import BUDGET, Spill
from invplat.data.intake.tasks import Reading, Settling, keeper, read_task, refuser, settle_task
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.manifest import Manifest
from invplat.data.mapping import Mapping
from invplat.data.sources.base import Source
from invplat.data.tables import TABLES
from invplat.session import run_tasks
from invplat.storage import FolderStorage, Storage, told

Progress = Callable[[str, float, float | None], None]
FIRST = ("products", "stores")  # settled first: sales are held against them
HAND_OVER = 0.0005  # seconds
FIRST_DAWN = timedelta(hours=14)  # where on Earth a day begins first: nobody's sales of today are in the future


@dataclass(frozen=True)
class Options:
    """How an ingest runs; never what comes out of it."""

    workers: int = 0
    address: str | None = None
    budget: int = BUDGET
    today: date | None = None
    strict: bool = False  # a file that no table wants is an error, not a note
    progress: Progress | None = None


class Overtaken(Exception):
    """Another writer made a version since this one looked."""


class Run:
    """One ingest from its plan to its version."""

    def __init__(
        self,
        storage: Storage,
        tenant: str,
        mapping: Mapping,
        sources: Sequence[tuple[Source, str | None]],
        options: Options,
        parent: Dataset | None,
    ) -> None:
        if not sources:
            raise SourceError("no files were given", hint="name files, folders or URLs to read")
        self.storage, self.tenant, self.mapping, self.parent = storage, tenant, mapping, parent
        today = options.today or (datetime.now(UTC) + FIRST_DAWN).date()
        given, self.notes = _once(sources)
        self.plan = _without_needless(make_plan(mapping, given, today, strict=options.strict, sales=parent is None))
        if parent is not None:
            _leave_known(self.plan, parent.manifest)
        self.notes += self.plan.notes
        self.options = options
        self.files = tuple(each.source.name for each in given)
        self.vocabulary = Vocabulary()
        self.aside = Aside()
        self.distributed = options.workers > 0 or options.address is not None

    def go(self) -> Outcome:
        with _undisturbed():
            return self._go()

    def _go(self) -> Outcome:
        sweep(self.storage, self.tenant)
        writer = Writer(self.storage, self.tenant)
        try:
            writer.claim()
            with self._scratch(writer) as scratch:
                intakes, spills = self._read(writer, scratch)
                self.notes += [note for intake in intakes for note in intake.notes]
                settled = self._settle(intakes, spills, writer, scratch)
            outcome = account(self.tenant, self.mapping, self.parent, intakes, settled, self.aside, writer, self.notes)
            final = writer.commit(outcome.manifest, self.parent.version if self.parent else None)
            if final is None:
                raise Overtaken
            outcome.manifest = final
        except BaseException:
            writer.abandon()
            raise
        writer.close()
        return outcome

    @contextmanager
    def _scratch(self, writer: Writer) -> Iterator[tuple[Storage, str]]:
        """Where facts wait: beside the data where every worker can see it, else on this machine's disk."""
        if self.distributed or isinstance(self.storage, FolderStorage):
            yield self.storage, writer.scratch
            return
        with told("the temporary folder"):
            temporary = tempfile.TemporaryDirectory(prefix="invplat-")
        with temporary as folder:
            yield FolderStorage(Path(folder)), "scratch"

    def _read(self, writer: Writer, scratch: tuple[Storage, str]) -> tuple[list[Intake], dict[str, Spill]]:
        jobs, tell = self.plan.jobs, self.options.progress
        spills = {
            name: Spill(TABLES[name], self.vocabulary, scratch[0], scratch[1], budget=self.options.budget)
            for name in dict.fromkeys(job.entry.table for job in jobs)
        }
        if self.distributed:
            items = [
                Reading(job, self.storage, self.tenant, writer.write_id, number, self.options.budget)
                for number, job in enumerate(jobs)
            ]
            step = (lambda done, total: tell("reading files", done, total)) if tell else None
            intakes = []
            for intake, parts, aside in run_tasks(
                read_task, items, workers=self.options.workers, address=self.options.address, progress=step
            ):
                spills[intake.job.entry.table].adopt(parts)
                self.aside.adopt(aside, writer)
                intakes.append(intake)
            return intakes, spills
        rows = 0.0

        def count(fresh: int) -> None:
            nonlocal rows
            rows += fresh
            if tell:
                tell("reading rows", rows, None)

        return [
            read(job, self.vocabulary, keeper(job, spills[job.entry.table]), refuser(job, self.aside, writer), count)
            for job in jobs
        ], spills

    def _settle(
        self, intakes: list[Intake], spills: dict[str, Spill], writer: Writer, scratch: tuple[Storage, str]
    ) -> dict[str, Settled]:
        left = Left(sum(intake.rows_in - intake.rows_quarantined for intake in intakes), self.options.progress)
        settled: dict[str, Settled] = {}
        listed: dict[str, frozenset[str] | None] = {}
        for name in FIRST:
            total = Settled()
            key = TABLES[name].key[0]
            names: set[str] = set()
            if self.parent is not None and self.parent.has(name):
                names.update(self.parent.read(name, columns=[key]).column(key).to_pylist())
            if name in spills:
                for piece in spills[name].whole():
                    names.update(text for text in self.vocabulary.texts(piece.facts.arrays[key]) if text is not None)
                    total.add(left.less(settle(piece, self._context(name), self.vocabulary, writer, self.aside)))
                settled[name] = total
            listed[name] = frozenset(names) if names else None
        for name, spill in spills.items():
            if name in FIRST:
                continue
            context = replace(self._context(name), skus=listed["products"], stores=listed["stores"])
            settled[name] = self._settle_table(name, spill, context, writer, scratch[0], left)
        return settled

    def _settle_table(
        self, name: str, spill: Spill, context: Context, writer: Writer, scratch: Storage, left: Left
    ) -> Settled:
        total = Settled()
        if not (self.distributed and TABLES[name].by_store):
            for piece in spill.whole():
                total.add(left.less(settle(piece, context, self.vocabulary, writer, self.aside)))
            return total
        items = [
            Settling(
                name, bucket, parts, scratch, self.storage, self.tenant, writer.write_id, context, self.options.budget
            )
            for bucket, parts in sorted(spill.flush().items())
        ]
        for part, aside in run_tasks(settle_task, items, workers=self.options.workers, address=self.options.address):
            total.add(left.less(part))
            self.aside.adopt(aside, writer)
        return total

    def _context(self, table: str) -> Context:
        entry = next(job.entry for job in self.plan.jobs if job.entry.table == table)
        return Context(entry, self.files, self.parent, None, None)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Two settings of the interpreter, each measured to save about a twentieth of a run.

    What is loaded by now stays, so the collector need not walk through it; and reader, writers and this thread hand
    over to each other sooner than every five milliseconds.
    """
    interval = sys.getswitchinterval()
    gc.freeze()
    sys.setswitchinterval(HAND_OVER)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.unfreeze()


class Left:
    """How many of the rows read are still to be written."""

    def __init__(self, rows: int, tell: Progress | None) -> None:
        self.rows, self.done, self.tell = rows, 0, tell

    def less(self, settled: Settled) -> Settled:
        self.done += settled.rows_new + settled.rows_merged + settled.rows_quarantined
        if self.tell:
            self.tell("writing rows", self.done, max(self.rows, self.done))
        return settled


def _once(sources: Sequence[tuple[Source, str | None]]) -> tuple[list[Given], list[str]]:
    """Each content once: a copy under another name would count everything twice."""
    given: list[Given] = []
    notes: list[str] = []
    seen: dict[str, str] = {}
    for source, table in sources:
        mark = source.fingerprint()
        if mark and mark in seen:
            again = "given twice" if seen[mark] == source.name else f"its content is that of {seen[mark]}"
            notes.append(f"{source.name}: counted once, {again}")
            continue
        if mark:
            seen[mark] = source.name
        given.append(Given(source, table, mark))
    return given, notes


def _leave_known(plan: Plan, manifest: Manifest) -> None:
    """Leave out what was read into this dataset before."""
    known = {record.fingerprint for record in manifest.sources} - {""}
    left_out = dict.fromkeys(job.source.name for job in plan.jobs if job.fingerprint in known)
    plan.notes += [f"{name}: left out, its content is in the dataset already" for name in left_out]
    plan.jobs = [job for job in plan.jobs if job.fingerprint not in known]


def _without_needless(plan: Plan) -> Plan:
    """Attributes are derived from fact files only where no file of their own gives them."""
    given = {job.entry.table for job in plan.jobs if not job.entry.derive}
    plan.jobs = [job for job in plan.jobs if not (job.entry.derive and job.entry.table in given)]
    return plan
