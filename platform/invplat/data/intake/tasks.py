"""The two halves of an ingest as tasks: read one job, settle one bucket. The same kernels, wherever they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from invplat.data.intake.aside import Aside
from invplat.data.intake.commit import Writer
from invplat.data.intake.facts import Facts, Index
from invplat.data.intake.log import Line
from invplat.data.intake.merge import merge_whole
from invplat.data.intake.read import Intake, Job, read
from invplat.data.intake.settle import Context, Settled, settle
from invplat.data.intake.spill import Spill
from invplat.data.intake.vocabulary import Vocabulary
from invplat.data.tables import TABLES
from invplat.storage import Storage


def keeper(job: Job, spill: Spill) -> Callable[[Facts, Index | None], None]:
    if not job.entry.derive:
        return spill.add

    def derived(facts: Facts, good: Index | None) -> None:  # a batch says the same of a SKU many times
        spill.add(merge_whole(facts if good is None else facts.take(good), job.entry, spill.vocabulary))

    return derived


def refuser(job: Job, aside: Aside, writer: Writer) -> Callable[[list[Line]], None]:
    if job.entry.derive:
        return lambda lines: None  # another entry counts these rows
    return lambda lines: aside.add(lines, writer)


@dataclass(frozen=True)
class Reading:
    job: Job
    storage: Storage
    tenant: str
    write_id: str
    number: int
    budget: int


def read_task(item: Reading) -> tuple[Intake, dict[int, list[str]], Aside]:
    vocabulary, job = Vocabulary(), item.job
    writer, aside = Writer(item.storage, item.tenant, item.write_id), Aside(f"read-{item.number:05d}")
    spill = Spill(
        TABLES[job.entry.table], vocabulary, item.storage, f"{writer.scratch}/job-{item.number:05d}", budget=item.budget
    )
    try:
        intake = read(job, vocabulary, keeper(job, spill), refuser(job, aside, writer))
        return intake, spill.flush(), aside
    finally:
        writer.close()


@dataclass(frozen=True)
class Settling:
    table: str
    bucket: int
    parts: list[str]
    scratch: Storage
    storage: Storage
    tenant: str
    write_id: str
    context: Context
    budget: int


def settle_task(item: Settling) -> tuple[Settled, Aside]:
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
