"""From sources to a new dataset version: read, gather, settle, commit. All or nothing.

`ingest` makes a version of just these files; `append` adds them to the newest version and rewrites only the stores they
speak of. The same kernels run in this process, or as tasks on Ray with `workers` or `address`: same bytes out.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

import invplat
from invplat.core.errors import Conflict, InvplatError, SourceError
from invplat.data.commit import Writer, sweep
from invplat.data.dataset import Dataset, versions
from invplat.data.facts import Facts
from invplat.data.intake import Intake, Job, read
from invplat.data.log import LIMIT, Line, Log
from invplat.data.manifest import Counts, Manifest, SourceRecord, TableRecord
from invplat.data.mapping import Mapping
from invplat.data.merge import merge_whole
from invplat.data.plan import Plan, make_plan
from invplat.data.settle import Context, Settled, settle, tally
from invplat.data.sources.base import Source
from invplat.data.spill import BUDGET, Spill
from invplat.data.tables import TABLES
from invplat.data.vocabulary import Vocabulary
from invplat.session import run_tasks
from invplat.storage import FolderStorage, Storage

Progress = Callable[[str, float, float | None], None]
FIRST = ("products", "stores")  # settled first: sales are held against them
TRIES = 5  # to append beside other writers


@dataclass(frozen=True)
class Options:
    """How an ingest runs; never what comes out of it."""

    workers: int = 0
    address: str | None = None
    budget: int = BUDGET
    today: date | None = None
    strict: bool = False  # a file that no table wants is an error, not a note
    progress: Progress | None = None


@dataclass
class Outcome:
    manifest: Manifest
    counts: Counts  # of this call
    rows_replaced: int = 0
    changed: bool = True
    notes: list[str] = field(default_factory=list)
    tables: dict[str, Counts] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)


def ingest(storage: Storage, tenant: str, mapping: Mapping, sources: Sequence[tuple[Source, str | None]], options: Options = Options()) -> Outcome:  # noqa: B008
    """A new version that holds exactly these sources."""
    there = versions(storage, tenant)
    newest = Dataset.open(storage, tenant).manifest if there else None
    fresh, notes = _once(sources, set())
    if newest is not None and newest.mapping_hash == mapping.hash and newest.parent is None:
        prints = {source.fingerprint() for source, _ in fresh}
        if prints and "" not in prints and prints == {record.fingerprint for record in newest.sources}:
            notes.append(f"version {newest.version} already holds exactly these files; nothing to do")
            return Outcome(newest, newest.counts, changed=False, notes=notes, tables={name: record.counts for name, record in newest.tables.items()}, rules=newest.rules)
    if newest is not None:
        notes.append(f"the new version holds only these files; version {newest.version} stays, and `data append` would add to it")
    return _Run(storage, tenant, mapping, fresh, options, None, notes).go()


def append(storage: Storage, tenant: str, mapping: Mapping, sources: Sequence[tuple[Source, str | None]], options: Options = Options()) -> Outcome:  # noqa: B008
    """The newest version and these sources; of two rows with one key the newer delivery counts."""
    for _ in range(TRIES):
        parent = Dataset.open(storage, tenant)
        known = {record.fingerprint for record in parent.manifest.sources}
        fresh, notes = _once(sources, known)
        if not fresh:
            notes.append("nothing new: every file is in the dataset already")
            return Outcome(parent.manifest, Counts(), changed=False, notes=notes)
        try:
            return _Run(storage, tenant, mapping, fresh, options, parent, notes).go()
        except _Overtaken:
            continue
    raise Conflict(f"others kept writing to tenant {tenant}'s dataset", hint="run the command again; nothing was changed")


class _Overtaken(Exception):
    """Another writer made a version since this one looked."""


def _once(sources: Sequence[tuple[Source, str | None]], known: set[str]) -> tuple[list[tuple[Source, str | None]], list[str]]:
    """Each content once: a copy under another name, or a file read before, would count everything twice."""
    fresh, notes, seen = [], [], dict.fromkeys(known, "the dataset")
    for source, table in sources:
        mark = source.fingerprint()
        if mark and mark in seen:
            notes.append(f"{source.name}: left out, its content is already in {seen[mark]}")
            continue
        if mark:
            seen[mark] = source.name
        fresh.append((source, table))
    return fresh, notes


class _Run:
    def __init__(
        self, storage: Storage, tenant: str, mapping: Mapping, sources: list[tuple[Source, str | None]], options: Options, parent: Dataset | None, notes: list[str]
    ) -> None:
        if not sources:
            raise SourceError("no files were given", hint="name files, folders or URLs to read")
        self.storage, self.tenant, self.mapping, self.parent = storage, tenant, mapping, parent
        self.options = replace(options, today=options.today or datetime.now(UTC).date())
        assert self.options.today is not None
        self.plan = _without_needless(make_plan(mapping, sources, self.options.today, strict=options.strict))
        self.notes = notes + self.plan.notes
        self.files = tuple(source.name for source, _ in sources)
        self.vocabulary = Vocabulary()
        self.distributed = options.workers > 0 or options.address is not None

    def go(self) -> Outcome:
        sweep(self.storage, self.tenant)
        writer = Writer(self.storage, self.tenant)
        try:
            writer.claim()
            with self._scratch(writer) as scratch:
                intakes, spills = self._read(writer, scratch)
                self.notes += [note for intake in intakes for note in intake.notes]
                settled = self._settle(spills, writer, scratch)
            manifest, outcome = self._account(intakes, settled, writer)
            final = writer.commit(manifest, self.parent.version if self.parent else None)
            if final is None:
                raise _Overtaken
            outcome.manifest = final
            writer.close()
            return outcome
        except BaseException:
            writer.abandon()
            raise

    @contextmanager
    def _scratch(self, writer: Writer) -> Iterator[tuple[Storage, str]]:
        """Where facts wait: beside the data where every worker can see it, else on this machine's disk."""
        if self.distributed or isinstance(self.storage, FolderStorage):
            yield self.storage, writer.scratch
            return
        with tempfile.TemporaryDirectory(prefix="invplat-") as folder:
            yield FolderStorage(Path(folder)), "scratch"

    def _read(self, writer: Writer, scratch: tuple[Storage, str]) -> tuple[list[Intake], dict[str, Spill]]:
        jobs, tell = self.plan.jobs, self.options.progress
        spills = {
            name: Spill(TABLES[name], self.vocabulary, scratch[0], scratch[1], budget=self.options.budget) for name in dict.fromkeys(job.entry.table for job in jobs)
        }
        if self.distributed:
            items = [_ReadItem(job, *scratch, number, self.options.budget) for number, job in enumerate(jobs)]
            step = (lambda done, total: tell("reading files", done, total)) if tell else None
            intakes = []
            for intake, parts in run_tasks(_read_task, items, workers=self.options.workers, address=self.options.address, progress=step):
                spills[intake.job.entry.table].adopt(parts)
                intakes.append(intake)
            return intakes, spills
        rows = 0.0

        def count(fresh: int) -> None:
            nonlocal rows
            rows += fresh
            if tell:
                tell("reading rows", rows, None)

        return [read(job, self.vocabulary, _keeper(job, spills[job.entry.table]), count) for job in jobs], spills

    def _settle(self, spills: dict[str, Spill], writer: Writer, scratch: tuple[Storage, str]) -> dict[str, Settled]:
        settled: dict[str, Settled] = {}
        listed: dict[str, frozenset[str] | None] = {}
        for name in FIRST:
            total = Settled()
            key = TABLES[name].key[0]
            names: set[str] = set()
            if self.parent is not None and self.parent.has(name):
                names.update(self.parent.read(name, columns=[key]).column(key).to_pylist())
            if name in spills:
                for facts in spills[name].whole():
                    names.update(text for text in self.vocabulary.texts(facts.arrays[key]) if text is not None)
                    total.add(settle(facts, self._context(name), self.vocabulary, writer))
                settled[name] = total
            listed[name] = frozenset(names) if names else None
        for name, spill in spills.items():
            if name in FIRST:
                continue
            context = replace(self._context(name), skus=listed["products"], stores=listed["stores"])
            settled[name] = self._settle_table(name, spill, context, writer, scratch[0])
        return {name: total.finished() for name, total in settled.items()}

    def _settle_table(self, name: str, spill: Spill, context: Context, writer: Writer, scratch: Storage) -> Settled:
        total, tell = Settled(), self.options.progress
        if self.distributed and TABLES[name].by_store:
            items = [_SettleItem(name, parts, scratch, self.storage, self.tenant, writer.write_id, context, self.options.budget) for _, parts in sorted(spill.flush().items())]
            step = (lambda done, whole: tell(f"writing {name}", done, whole)) if tell else None
            for part in run_tasks(_settle_task, items, workers=self.options.workers, address=self.options.address, progress=step):
                total.add(part)
            return total
        for number, facts in enumerate(spill.whole(), 1):
            total.add(settle(facts, context, self.vocabulary, writer))
            if tell:
                tell(f"writing {name}", number, None)
        return total

    def _context(self, table: str) -> Context:
        entry = next(job.entry for job in self.plan.jobs if job.entry.table == table)
        return Context(entry, self.files, self.parent, None, None)

    def _account(self, intakes: list[Intake], settled: dict[str, Settled], writer: Writer) -> tuple[Manifest, Outcome]:
        """Every row of every source, accounted for: in = kept + merged + quarantined."""
        log, quarantine = Log(), [line for intake in intakes if not intake.job.entry.derive for line in intake.quarantine]
        tables: dict[str, TableRecord] = dict(self.parent.manifest.tables) if self.parent else {}
        calls: dict[str, Counts] = {}
        replaced = 0
        for intake in intakes:
            if not intake.job.entry.derive:
                log.add(intake.log)
        for name, done in settled.items():
            mine = [intake for intake in intakes if intake.job.entry.table == name]
            derived = all(intake.job.entry.derive for intake in mine)
            quarantine += done.quarantine
            bad = sum(intake.rows_quarantined for intake in mine) + done.rows_quarantined
            call = Counts(sum(intake.rows_in for intake in mine), done.rows_new, done.rows_merged, bad)
            if derived:
                call = Counts(done.rows_new, done.rows_new)
            else:
                log.add(done.log)
                calls[name] = call
            if not call.balanced:
                raise InvplatError(f"rows of {name} don't add up: {call}", hint="nothing was written; please report this")
            tables[name] = self._record(name, call, done)
            replaced += done.rows_replaced
        counts = _total(calls)
        before = self.parent.manifest if self.parent else None
        whole = counts if before is None else before.counts.plus(Counts(counts.rows_in, counts.rows_kept - replaced, counts.rows_merged + replaced, counts.rows_quarantined))
        if tables["sales"].files == ():
            raise SourceError("no row of sales could be used", hint=_why_none(quarantine, counts))
        rules = Counter(before.rules if before else {})
        rules.update(log.counts)
        manifest = Manifest(
            tenant=self.tenant,
            version=0,
            parent=before.version if before else None,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            code=invplat.__version__,
            mapping=self.mapping.name,
            mapping_hash=self.mapping.hash,
            frequency=self.mapping.frequency,
            gaps=next(entry.gaps for entry in self.mapping.entries if entry.table == "sales"),
            known=tuple(sorted({name for entry in self.mapping.entries for name in entry.known})),
            counts=whole,
            tables=tables,
            rules=tally(rules),
            sources=(before.sources if before else ())
            + tuple(
                SourceRecord(intake.job.source.name, intake.job.entry.table, intake.content, intake.rows_in, intake.job.source.size or 0) for intake in intakes
            ),
            quarantine=(before.quarantine if before else ()) + writer.put_log(quarantine, "quarantine"),
            repairs=(before.repairs if before else ()) + writer.put_log(_limited(log.lines), "repairs"),
            notes=tuple(self.notes),
        )
        return manifest, Outcome(manifest, counts, replaced, True, self.notes, calls, tally(log.counts))

    def _record(self, name: str, call: Counts, done: Settled) -> TableRecord:
        files = sorted(done.files, key=lambda file: (file.store, file.key))
        before = self.parent.manifest.tables.get(name) if self.parent else None
        if before is None:
            return TableRecord(call, tuple(done.columns), tuple(files))
        touched = {file.store for file in files}
        kept = [file for file in before.files if file.store not in touched]
        columns = tuple(dict.fromkeys((*before.columns, *done.columns)))
        moved = Counts(call.rows_in, call.rows_kept - done.rows_replaced, call.rows_merged + done.rows_replaced, call.rows_quarantined)
        return TableRecord(before.counts.plus(moved), columns, tuple(sorted((*kept, *files), key=lambda file: (file.store, file.key))))


def _total(calls: dict[str, Counts]) -> Counts:
    total = Counts()
    for counts in calls.values():
        total = total.plus(counts)
    return total


def _limited(lines: list[Line]) -> list[Line]:
    """Only so many repairs a rule are worth keeping; the counts stay exact."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for line in sorted(lines, key=lambda line: (line.table, line.file, line.row, line.column, line.reason)):
        seen[(line.table, line.reason)] += 1
        if seen[(line.table, line.reason)] <= LIMIT:
            kept.append(line)
    return kept


def _why_none(quarantine: list[Line], counts: Counts) -> str:
    if counts.rows_in == 0:
        return "the files have no rows below their headers"
    reason, count = Counter(line.reason for line in quarantine if line.table == "sales").most_common(1)[0]
    line = next(line for line in quarantine if line.reason == reason)
    return f"{count} of {counts.rows_in} rows: {reason}, for example {line.file} row {line.row}, {line.column} = {line.value!r}; is it the right mapping?"


def _without_needless(plan: Plan) -> Plan:
    """Attributes are derived from fact files only where no file of their own gives them."""
    given = {job.entry.table for job in plan.jobs if not job.entry.derive}
    plan.jobs = [job for job in plan.jobs if not (job.entry.derive and job.entry.table in given)]
    return plan


def _keeper(job: Job, spill: Spill) -> Callable[[Facts], None]:
    if not job.entry.derive:
        return spill.add
    return lambda facts: spill.add(merge_whole(facts, job.entry, spill.vocabulary))  # a batch says the same of a SKU many times


@dataclass(frozen=True)
class _ReadItem:
    job: Job
    scratch: Storage
    prefix: str
    number: int
    budget: int


def _read_task(item: _ReadItem) -> tuple[Intake, dict[int, list[str]]]:
    vocabulary = Vocabulary()
    spill = Spill(TABLES[item.job.entry.table], vocabulary, item.scratch, f"{item.prefix}/job-{item.number:05d}", budget=item.budget)
    intake = read(item.job, vocabulary, _keeper(item.job, spill))
    return intake, spill.flush()


@dataclass(frozen=True)
class _SettleItem:
    table: str
    parts: list[str]
    scratch: Storage
    storage: Storage
    tenant: str
    write_id: str
    context: Context
    budget: int


def _settle_task(item: _SettleItem) -> Settled:
    vocabulary = Vocabulary()
    spill = Spill(TABLES[item.table], vocabulary, item.scratch, "", budget=item.budget)
    writer = Writer(item.storage, item.tenant, item.write_id)
    total = Settled()
    try:
        for facts in spill.bucket(item.parts):
            total.add(settle(facts, item.context, vocabulary, writer))
        return total.finished()
    finally:
        writer.close()



