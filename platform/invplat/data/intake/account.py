"""The books of one ingest: every row of every source, kept, merged or quarantined, and the manifest that says so.

Knows what was read and settled; writes only the two logs that the manifest names.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

import invplat
from invplat.core.errors import InvplatError, SourceError
from invplat.data.dataset import Dataset
from invplat.data.intake.aside import Aside
from invplat.data.intake.commit import Writer
from invplat.data.intake.log import Log, limited
from invplat.data.intake.read import Intake
from invplat.data.intake.settle import Settled, tally
from invplat.data.manifest import Counts, Manifest, SourceRecord, TableRecord
from invplat.data.mapping import Mapping
from invplat.data.rules import QUARANTINE


@dataclass
class Outcome:
    manifest: Manifest
    counts: Counts  # of this call
    rows_replaced: int = 0
    changed: bool = True
    notes: list[str] = field(default_factory=list)
    tables: dict[str, Counts] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)


def account(
    tenant: str,
    mapping: Mapping,
    parent: Dataset | None,
    intakes: list[Intake],
    settled: dict[str, Settled],
    aside: Aside,
    writer: Writer,
    notes: list[str],
) -> Outcome:
    """Every row of every source, accounted for: in = kept + merged + quarantined."""
    log = Log()
    tables: dict[str, TableRecord] = dict(parent.manifest.tables) if parent else {}
    calls: dict[str, Counts] = {}
    replaced = 0
    for intake in intakes:
        if not intake.job.entry.derive:
            log.add(intake.log)
    for name, done in settled.items():
        if not _derived(name, intakes):
            log.add(done.log)
    # Both logs are written here, beside the last stores' files in the writer's threads.
    quarantine = aside.finished(writer)
    repairs = (writer.put_log(limited(log.lines), "repairs"),) if log.lines else ()
    for name, done in settled.items():
        done.finished()
        mine = [intake for intake in intakes if intake.job.entry.table == name]
        bad = sum(intake.rows_quarantined for intake in mine) + done.rows_quarantined
        call = Counts(sum(intake.rows_in for intake in mine), done.rows_new, done.rows_merged, bad)
        if _derived(name, intakes):
            call = Counts(done.rows_new, done.rows_new)
        else:
            calls[name] = call
        if not call.balanced:
            raise InvplatError(f"rows of {name} don't add up: {call}", hint="nothing was written; please report this")
        tables[name] = _record(name, call, done, parent)
        replaced += done.rows_replaced
    counts = _total(calls)
    before = parent.manifest if parent else None
    whole = (
        counts
        if before is None
        else before.counts.plus(
            Counts(counts.rows_in, counts.rows_kept - replaced, counts.rows_merged + replaced, counts.rows_quarantined)
        )
    )
    if tables["sales"].files == ():
        raise SourceError("no row of sales could be used", hint=_why_none(log, counts, aside))
    rules = Counter(before.rules if before else {})
    rules.update(log.counts)
    manifest = Manifest(
        tenant=tenant,
        version=0,
        parent=before.version if before else None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        code=invplat.__version__,
        mapping=mapping.name,
        mapping_hash=mapping.hash,
        frequency=mapping.frequency,
        gaps=next(entry.gaps for entry in mapping.entries if entry.table == "sales"),
        known=tuple(sorted({name for entry in mapping.entries for name in entry.known})),
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
        quarantine=(before.quarantine if before else ()) + quarantine,
        repairs=(before.repairs if before else ()) + repairs,
        notes=tuple(notes),
    )
    return Outcome(manifest, counts, replaced, True, notes, calls, tally(log.counts))


def _derived(table: str, intakes: list[Intake]) -> bool:
    """Whether all of a table's facts come from another table's files, whose rows are counted there."""
    return all(intake.job.entry.derive for intake in intakes if intake.job.entry.table == table)


def _why_none(log: Log, counts: Counts, aside: Aside) -> str:
    if counts.rows_in == 0:
        return "the files have no rows below their headers"
    found = {rule: log.counts[f"sales.{rule}"] for rule in QUARANTINE if log.counts[f"sales.{rule}"]}
    if not found:
        return "the sales files have no rows below their headers"
    reason = max(found, key=found.__getitem__)
    line = aside.examples["sales", reason]
    shown = f"{line.file} row {line.row}, {line.column} = {line.value!r}"
    return f"{found[reason]} of {counts.rows_in} rows: {reason}, for example {shown}; is it the right mapping?"


def _record(name: str, call: Counts, done: Settled, parent: Dataset | None) -> TableRecord:
    files = sorted(done.files, key=lambda file: (file.store, file.key))
    before = parent.manifest.tables.get(name) if parent else None
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


def _total(calls: dict[str, Counts]) -> Counts:
    total = Counts()
    for counts in calls.values():
        total = total.plus(counts)
    return total
