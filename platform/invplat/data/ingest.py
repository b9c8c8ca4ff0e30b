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
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import invplat
from invplat.core.errors import Conflict, InvplatError, MappingError, SourceError
from invplat.data.aside import Aside
from invplat.data.commit import Writer, sweep
from invplat.data.dataset import Dataset, versions
from invplat.data.facts import Facts
from invplat.data.intake import Intake, Job, read
from invplat.data.log import Line, Log, limited
from invplat.data.manifest import Counts, Manifest, SourceRecord, TableRecord
from invplat.data.mapping import Mapping
from invplat.data.merge import merge_whole
from invplat.data.plan import Given, Plan, make_plan
from invplat.data.rules import QUARANTINE
from invplat.data.settle import Context, Settled, settle, tally
from invplat.data.sources.base import Source
from invplat.data.spill import BUDGET, Spill
from invplat.data.tables import TABLES
from invplat.data.vocabulary import Vocabulary
from invplat.session import run_tasks
from invplat.storage import FolderStorage, Storage, told

Progress = Callable[[str, float, float | None], None]
FIRST = ("products", "stores")  # settled first: sales are held against them
TRIES = 5  # to append beside other writers
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


@dataclass
class Outcome:
    manifest: Manifest
    counts: Counts  # of this call
    rows_replaced: int = 0
    changed: bool = True
    notes: list[str] = field(default_factory=list)
    tables: dict[str, Counts] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)


def ingest(
    storage: Storage,
    tenant: str,
    mapping: Mapping,
    sources: Sequence[tuple[Source, str | None]],
    options: Options = Options(),
) -> Outcome:
    """A new version that holds exactly these sources."""
    there = versions(storage, tenant)
    newest = Dataset.open(storage, tenant).manifest if there else None
    run = _Run(storage, tenant, mapping, sources, options, None)
    if newest is not None and newest.mapping_hash == mapping.hash and newest.parent is None:
        prints = {job.fingerprint for job in run.plan.jobs}
        if "" not in prints and prints == {record.fingerprint for record in newest.sources}:
            run.notes.append(f"version {newest.version} already holds exactly these files; nothing to do")
            return Outcome(
                newest, newest.counts, changed=False, notes=run.notes, tables=_counts(newest), rules=newest.rules
            )
    if newest is not None:
        run.notes.append(
            f"the new version holds only these files; version {newest.version} stays, and `data append` would add to it"
        )
    return run.go()


def append(
    storage: Storage,
    tenant: str,
    mapping: Mapping,
    sources: Sequence[tuple[Source, str | None]],
    options: Options = Options(),
) -> Outcome:
    """The newest version and these sources; of two rows with one key the newer delivery counts."""
    for _ in range(TRIES):
        parent = Dataset.open(storage, tenant)
        if parent.frequency != mapping.frequency:
            raise MappingError(
                f"mapping {mapping.name} is {mapping.frequency}, tenant {tenant}'s dataset is {parent.frequency}",
                hint="append with a mapping of the same frequency, or make a new dataset with `data ingest`",
            )
        run = _Run(storage, tenant, mapping, sources, options, parent)
        if not run.plan.jobs:
            run.notes.append("nothing new: every file is in the dataset already")
            return Outcome(parent.manifest, Counts(), changed=False, notes=run.notes)
        try:
            return run.go()
        except _Overtaken:
            continue
    raise Conflict(
        f"others kept writing to tenant {tenant}'s dataset", hint="run the command again; nothing was changed"
    )


class _Overtaken(Exception):
    """Another writer made a version since this one looked."""


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


def _unknown(plan: Plan, manifest: Manifest) -> None:
    """Leave out what was read into this dataset before."""
    known = {record.fingerprint for record in manifest.sources} - {""}
    left_out = dict.fromkeys(job.source.name for job in plan.jobs if job.fingerprint in known)
    plan.notes += [f"{name}: left out, its content is in the dataset already" for name in left_out]
    plan.jobs = [job for job in plan.jobs if job.fingerprint not in known]


class _Run:
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
            _unknown(self.plan, parent.manifest)
        self.notes += self.plan.notes
        self.options = options
        self.files = tuple(each.source.name for each in given)
        self.vocabulary = Vocabulary()
        self.aside = Aside()
        self.distributed = options.workers > 0 or options.address is not None

    def go(self) -> Outcome:
        sweep(self.storage, self.tenant)
        writer = Writer(self.storage, self.tenant)
        try:
            writer.claim()
            with self._scratch(writer) as scratch:
                intakes, spills = self._read(writer, scratch)
                self.notes += [note for intake in intakes for note in intake.notes]
                settled = self._settle(intakes, spills, writer, scratch)
            manifest, outcome = self._account(intakes, settled, writer)
            final = writer.commit(manifest, self.parent.version if self.parent else None)
            if final is None:
                raise _Overtaken
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
                _ReadItem(job, self.storage, self.tenant, writer.write_id, number, self.options.budget)
                for number, job in enumerate(jobs)
            ]
            step = (lambda done, total: tell("reading files", done, total)) if tell else None
            intakes = []
            for intake, parts, aside in run_tasks(
                _read_task, items, workers=self.options.workers, address=self.options.address, progress=step
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
            read(job, self.vocabulary, _keeper(job, spills[job.entry.table]), _refuser(job, self.aside, writer), count)
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
        return {name: total.finished() for name, total in settled.items()}

    def _settle_table(
        self, name: str, spill: Spill, context: Context, writer: Writer, scratch: Storage, left: Left
    ) -> Settled:
        total = Settled()
        if not (self.distributed and TABLES[name].by_store):
            for piece in spill.whole():
                total.add(left.less(settle(piece, context, self.vocabulary, writer, self.aside)))
            return total
        items = [
            _SettleItem(
                name, bucket, parts, scratch, self.storage, self.tenant, writer.write_id, context, self.options.budget
            )
            for bucket, parts in sorted(spill.flush().items())
        ]
        for part, aside in run_tasks(_settle_task, items, workers=self.options.workers, address=self.options.address):
            total.add(left.less(part))
            self.aside.adopt(aside, writer)
        return total

    def _context(self, table: str) -> Context:
        entry = next(job.entry for job in self.plan.jobs if job.entry.table == table)
        return Context(entry, self.files, self.parent, None, None)

    def _account(self, intakes: list[Intake], settled: dict[str, Settled], writer: Writer) -> tuple[Manifest, Outcome]:
        """Every row of every source, accounted for: in = kept + merged + quarantined."""
        log = Log()
        tables: dict[str, TableRecord] = dict(self.parent.manifest.tables) if self.parent else {}
        calls: dict[str, Counts] = {}
        replaced = 0
        for intake in intakes:
            if not intake.job.entry.derive:
                log.add(intake.log)
        for name, done in settled.items():
            mine = [intake for intake in intakes if intake.job.entry.table == name]
            derived = all(intake.job.entry.derive for intake in mine)
            bad = sum(intake.rows_quarantined for intake in mine) + done.rows_quarantined
            call = Counts(sum(intake.rows_in for intake in mine), done.rows_new, done.rows_merged, bad)
            if derived:
                call = Counts(done.rows_new, done.rows_new)
            else:
                log.add(done.log)
                calls[name] = call
            if not call.balanced:
                raise InvplatError(
                    f"rows of {name} don't add up: {call}", hint="nothing was written; please report this"
                )
            tables[name] = self._record(name, call, done)
            replaced += done.rows_replaced
        counts = _total(calls)
        before = self.parent.manifest if self.parent else None
        whole = (
            counts
            if before is None
            else before.counts.plus(
                Counts(
                    counts.rows_in, counts.rows_kept - replaced, counts.rows_merged + replaced, counts.rows_quarantined
                )
            )
        )
        if tables["sales"].files == ():
            raise SourceError("no row of sales could be used", hint=self._why_none(log, counts))
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
                SourceRecord(
                    intake.job.source.name,
                    intake.job.entry.table,
                    intake.content,
                    intake.rows_in,
                    intake.job.source.size or 0,
                )
                for intake in intakes
            ),
            quarantine=(before.quarantine if before else ()) + self.aside.finished(writer),
            repairs=(before.repairs if before else ())
            + ((writer.put_log(limited(log.lines), "repairs"),) if log.lines else ()),
            notes=tuple(self.notes),
        )
        return manifest, Outcome(manifest, counts, replaced, True, self.notes, calls, tally(log.counts))

    def _why_none(self, log: Log, counts: Counts) -> str:
        if counts.rows_in == 0:
            return "the files have no rows below their headers"
        found = {rule: log.counts[f"sales.{rule}"] for rule in QUARANTINE if log.counts[f"sales.{rule}"]}
        if not found:
            return "the sales files have no rows below their headers"
        reason = max(found, key=found.__getitem__)
        line = self.aside.examples["sales", reason]
        shown = f"{line.file} row {line.row}, {line.column} = {line.value!r}"
        return f"{found[reason]} of {counts.rows_in} rows: {reason}, for example {shown}; is it the right mapping?"

    def _record(self, name: str, call: Counts, done: Settled) -> TableRecord:
        files = sorted(done.files, key=lambda file: (file.store, file.key))
        before = self.parent.manifest.tables.get(name) if self.parent else None
        if before is None:
            return TableRecord(call, tuple(done.columns), tuple(files))
        touched = {file.store for file in files}
        kept = [file for file in before.files if file.store not in touched]
        columns = tuple(dict.fromkeys((*before.columns, *done.columns)))
        moved = Counts(
            call.rows_in,
            call.rows_kept - done.rows_replaced,
            call.rows_merged + done.rows_replaced,
            call.rows_quarantined,
        )
        return TableRecord(
            before.counts.plus(moved), columns, tuple(sorted((*kept, *files), key=lambda file: (file.store, file.key)))
        )


def _counts(manifest: Manifest) -> dict[str, Counts]:
    return {name: record.counts for name, record in manifest.tables.items()}


def _total(calls: dict[str, Counts]) -> Counts:
    total = Counts()
    for counts in calls.values():
        total = total.plus(counts)
    return total


class Left:
    """How many of the rows read are still to be written."""

    def __init__(self, rows: int, tell: Progress | None) -> None:
        self.rows, self.done, self.tell = rows, 0, tell

    def less(self, settled: Settled) -> Settled:
        self.done += settled.rows_new + settled.rows_merged + settled.rows_quarantined
        if self.tell:
            self.tell("writing rows", self.done, max(self.rows, self.done))
        return settled


def _without_needless(plan: Plan) -> Plan:
    """Attributes are derived from fact files only where no file of their own gives them."""
    given = {job.entry.table for job in plan.jobs if not job.entry.derive}
    plan.jobs = [job for job in plan.jobs if not (job.entry.derive and job.entry.table in given)]
    return plan


def _keeper(job: Job, spill: Spill) -> Callable[[Facts], None]:
    if not job.entry.derive:
        return spill.add
    return lambda facts: spill.add(
        merge_whole(facts, job.entry, spill.vocabulary)
    )  # a batch says the same of a SKU many times


def _refuser(job: Job, aside: Aside, writer: Writer) -> Callable[[list[Line]], None]:
    if job.entry.derive:
        return lambda lines: None  # another entry counts these rows
    return lambda lines: aside.add(lines, writer)


@dataclass(frozen=True)
class _ReadItem:
    job: Job
    storage: Storage
    tenant: str
    write_id: str
    number: int
    budget: int


def _read_task(item: _ReadItem) -> tuple[Intake, dict[int, list[str]], Aside]:
    vocabulary, job = Vocabulary(), item.job
    writer, aside = Writer(item.storage, item.tenant, item.write_id), Aside(f"read-{item.number:05d}")
    spill = Spill(
        TABLES[job.entry.table], vocabulary, item.storage, f"{writer.scratch}/job-{item.number:05d}", budget=item.budget
    )
    try:
        intake = read(job, vocabulary, _keeper(job, spill), _refuser(job, aside, writer))
        return intake, spill.flush(), aside
    finally:
        writer.close()


@dataclass(frozen=True)
class _SettleItem:
    table: str
    bucket: int
    parts: list[str]
    scratch: Storage
    storage: Storage
    tenant: str
    write_id: str
    context: Context
    budget: int


def _settle_task(item: _SettleItem) -> tuple[Settled, Aside]:
    vocabulary = Vocabulary()
    spill = Spill(TABLES[item.table], vocabulary, item.scratch, "", budget=item.budget)
    writer, aside = Writer(item.storage, item.tenant, item.write_id), Aside(f"settle-{item.table}-{item.bucket:03d}")
    total = Settled()
    try:
        for piece in spill.bucket(item.parts):
            total.add(settle(piece, item.context, vocabulary, writer, aside))
        return total.finished(), aside
    finally:
        writer.close()
