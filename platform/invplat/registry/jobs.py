"""Jobs: long work that goes on after whoever asked for it has gone. What is kept here never lies about them.

A state changes only from the state it was seen in. Each taking up of a job is an attempt with a number of its own, so
a process that was given up, and lives after all, can't speak for the one that has taken over. Knows no Ray.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from invplat.core.errors import Conflict, Unknown
from invplat.core.process import Process
from invplat.registry import audit
from invplat.registry.database import Database
from invplat.registry.rows import clean, clock, inserted, moment, new_id, now, plain
from invplat.registry.tables import JOBS, MODELS, RESULTS, TENANTS

BEAT = 10.0  # seconds between two signs of life
FEW = 1000  # names in one query
SILENT = 60.0  # seconds without one after which a process that can't be seen is taken for dead


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"  # its process is gone and has not said why


class Wish(StrEnum):
    """What a running job hears at each sign of life."""

    GO = "go"
    STOP = "stop"  # somebody wants it to end: finish as stopped
    GONE = "gone"  # it is no longer this process's: end without a word


UNDER_WAY = (State.QUEUED, State.RUNNING)
OVER = (State.FAILED, State.STOPPED, State.LOST)  # what can be retried


@dataclass(frozen=True)
class Job:
    id: str
    kind: str
    digest: str  # what makes two submissions the same
    tenant: str | None  # who asked for it; none: the operator
    state: State
    attempt: int
    stopping: bool
    spec: Mapping[str, Any]  # of all its businesses alike; which they are is in the results
    process: Process | None
    ray_job: str | None
    address: str | None
    message: str
    created: str
    started: str | None
    beat: str | None
    ended: str | None
    read: str  # when it was as it says here, by the database's clock, as all of its times

    @property
    def dead(self) -> bool:
        """Under way as far as is known, yet its process is gone."""
        if self.state not in UNDER_WAY or (self.process is None and self.ray_job is None):
            return False
        alive = self.process.alive if self.process is not None else None
        if alive is not None:
            return not alive
        return self.state is State.RUNNING and self.silent > SILENT

    @property
    def silent(self) -> float:
        """Seconds since the last sign of life."""
        last = datetime.fromisoformat(self.beat or self.started or self.created)
        return (datetime.fromisoformat(self.read) - last) / timedelta(seconds=1)


def submit(
    database: Database,
    kind: str,
    digest: str,
    spec: Mapping[str, Any],
    tenants: Sequence[str],
    *,
    tenant: str | None = None,
    models: Sequence[str] = (),
    actor: str,
) -> tuple[Job, bool]:
    """The job, and whether it is new: where one of this digest is under way or done, that one is joined.

    Refuses businesses that aren't there; of each a result is queued, in the same transaction. `models`: ids of those
    that it begins from; refused where one is gone, and from then on none of them goes before the job is over.
    """
    wanted = list(dict.fromkeys(tenants))

    def work(connection: sa.Connection) -> tuple[Job, bool]:
        there = sa.select(TENANTS.c.name).where(~TENANTS.c.leaving).with_for_update(read=True)
        if len(wanted) < FEW:
            there = there.where(TENANTS.c.name.in_(wanted))
        lacking = sorted(set(wanted) - set(connection.execute(there).scalars()))
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            shown = ", ".join(map(repr, lacking[:3])) + more
            raise Unknown(f"there is no tenant {shown}", hint="see them: invplat tenant list")
        held = sa.select(MODELS.c.id).where(MODELS.c.id.in_(models)).with_for_update(read=True, key_share=True)
        gone = sorted(set(models) - set(connection.execute(held).scalars())) if models else []
        if gone:
            raise Unknown(f"the model {gone[0]} was removed meanwhile", hint="see which there are: invplat models list")
        row = {
            "id": new_id(),
            "kind": kind,
            "digest": digest,
            "tenant": tenant,
            "state": State.QUEUED.value,
            "attempt": 0,
            "stopping": False,
            "spec": plain(spec),
            "process": sa.null(),
            "message": "",
            "created": moment(connection),
        }
        if not connection.execute(inserted(connection, JOBS).values(**row).on_conflict_do_nothing()).rowcount:
            same = (JOBS.c.digest == digest) & JOBS.c.state.in_((*UNDER_WAY, State.DONE))
            return _one(connection, same), False
        blank = {"job": row["id"], "state": "queued", "reason": "", "changed": row["created"]}
        if wanted:
            connection.execute(RESULTS.insert(), [{**blank, "tenant": name} for name in wanted])
        audit.note(connection, actor, "job.submit", tenant, str(row["id"]), kind=kind, businesses=len(wanted))
        return _one(connection, JOBS.c.id == row["id"]), True

    return database.write(work)


def get(database: Database, job: str) -> Job:
    return database.read(lambda connection: _one(connection, _is(job), job))


def seen_by(database: Database, tenant: str, job: str) -> Job:
    """As this business may see it: its own, or one that it has a result in, without what is the operator's."""
    found = database.read(lambda connection: _one(connection, _is(job) & _of_tenant(tenant), job))
    return _shown(found, tenant)


def of_tenant(database: Database, tenant: str, *, most: int = 100) -> list[Job]:
    """Newest first."""
    return [_shown(job, tenant) for job in _read(database, _of_tenant(tenant), most)]


def listed(database: Database, *, states: Iterable[State] | None = None, most: int = 100) -> list[Job]:
    """The operator's view, newest first."""
    return _read(database, sa.true() if states is None else JOBS.c.state.in_(list(states)), most)


def sent(
    database: Database,
    job: str,
    *,
    process: Process | None = None,
    ray_job: str | None = None,
    address: str | None = None,
) -> bool:
    """Who is to take it up, so that it is found out if that one dies before. False: it is no longer queued."""
    row = {"process": sa.null() if process is None else asdict(process), "ray_job": ray_job, "address": address}
    return _move(database, job, (State.QUEUED,), row)


def claim(database: Database, job: str, process: Process) -> Job:
    """Take up a queued job: from here on it is this process's, under the attempt that comes back."""

    def work(connection: sa.Connection) -> Job:
        began = moment(connection)
        row = {
            "state": State.RUNNING.value,
            "attempt": JOBS.c.attempt + 1,
            "process": asdict(process),
            "started": began,
            "beat": began,
            "ended": None,
            "message": "",
        }
        mine = _is(job) & (JOBS.c.state == State.QUEUED)
        if not connection.execute(JOBS.update().where(mine).values(**row)).rowcount:
            found = _one(connection, _is(job), job)
            raise Conflict(f"job {job} is {found.state}, not queued", hint=f"see it: invplat jobs status {job}")
        return _one(connection, _is(job))

    return database.write(work)


def beat(database: Database, job: str, attempt: int) -> Wish:
    """A sign of life. A job that was given up for its silence, and not taken up by another, is running again."""
    mine = _is(job) & (JOBS.c.attempt == attempt)

    def work(connection: sa.Connection) -> Wish:
        alive = mine & JOBS.c.state.in_((State.RUNNING, State.LOST))
        row = {"state": State.RUNNING.value, "beat": clock(connection), "ended": None, "message": ""}
        if not connection.execute(JOBS.update().where(alive).values(**row)).rowcount:
            return Wish.GONE
        stopping = connection.execute(sa.select(JOBS.c.stopping).where(mine)).scalar_one()
        return Wish.STOP if stopping else Wish.GO

    try:
        return database.write(work, repeatable=True)
    except sa.exc.IntegrityError:  # given up, and the same was submitted anew
        return Wish.GONE


def finish(database: Database, job: str, attempt: int, state: State, message: str = "") -> bool:
    """Over, as its own process says: done, failed or stopped. False where it is no longer this process's."""
    row = {"state": state.value, "stopping": False, "message": clean(message)}
    try:
        return _move(database, job, (State.RUNNING, State.LOST), row, JOBS.c.attempt == attempt)
    except sa.exc.IntegrityError:
        return False


def lose(database: Database, job: Job, message: str = "") -> bool:
    """Give up a job whose process is gone, if it still is what was looked at."""
    said = message or f"its process is gone, {job.silent:.0f} s after its last sign of life"
    # A last sign that came meanwhile means that it lives.
    same = (JOBS.c.attempt == job.attempt) & (JOBS.c.beat.is_(None) if job.beat is None else JOBS.c.beat == job.beat)
    row = {"state": State.LOST.value, "stopping": False, "message": clean(said)}
    return _move(database, job.id, (job.state,), row, same)


def find_lost(database: Database) -> list[Job]:
    """Mark every job whose process is gone, and tell which."""
    under_way = listed(database, states=UNDER_WAY, most=10_000)
    return [get(database, job.id) for job in under_way if job.dead and lose(database, job)]


def stop(database: Database, job: str, *, actor: str) -> Job:
    """A queued job is stopped at once, a running one at its next sign of life; what is over stays as it is."""

    def work(connection: sa.Connection) -> Job:
        queued = _is(job) & (JOBS.c.state == State.QUEUED)
        over = {"state": State.STOPPED.value, "ended": clock(connection), "message": "stopped before it began"}
        running = _is(job) & (JOBS.c.state == State.RUNNING)
        changed = connection.execute(JOBS.update().where(queued).values(**over)).rowcount
        changed += connection.execute(JOBS.update().where(running).values(stopping=True)).rowcount
        found = _one(connection, _is(job), job)
        if changed:
            audit.note(connection, actor, "job.stop", found.tenant, job)
        return found

    return database.write(work, repeatable=True)


def retry(database: Database, job: str, *, actor: str) -> Job:
    """Queue what failed, was stopped or lost once more: what is done of it stays done, the rest is to do."""

    def work(connection: sa.Connection) -> Job:
        over = _is(job) & JOBS.c.state.in_(OVER)
        row = {"state": State.QUEUED.value, "stopping": False, "message": "", "ended": None}
        row |= {"started": None, "beat": None, "process": sa.null(), "ray_job": None, "address": None}
        if not connection.execute(JOBS.update().where(over).values(**row)).rowcount:
            found = _one(connection, _is(job), job)
            raise Conflict(
                f"job {job} is {found.state}: there is nothing to retry", hint=f"see it: invplat jobs status {job}"
            )
        rest = (RESULTS.c.job == job) & (RESULTS.c.state != "done")
        connection.execute(RESULTS.update().where(rest).values(state="queued", reason="", changed=now()))
        found = _one(connection, _is(job))
        audit.note(connection, actor, "job.retry", found.tenant, job)
        return found

    try:
        return database.write(work)
    except sa.exc.IntegrityError as error:
        raise Conflict(f"the same as job {job} was submitted again since", hint="see it: invplat jobs list") from error


def _move(
    database: Database,
    job: str,
    before: Sequence[State],
    row: Mapping[str, Any],
    *conditions: sa.ColumnElement[bool],
) -> bool:
    mine = sa.and_(_is(job), JOBS.c.state.in_(before), *conditions)

    def work(connection: sa.Connection) -> bool:
        ended = {"ended": clock(connection)} if row.get("state") else {}  # of those moved here, only who ends has one
        return bool(connection.execute(JOBS.update().where(mine).values(**row, **ended)).rowcount)

    return database.write(work, repeatable=True)


def _of_tenant(tenant: str) -> sa.ColumnElement[bool]:
    member = sa.select(RESULTS.c.job).where(RESULTS.c.job == JOBS.c.id, RESULTS.c.tenant == tenant).exists()
    return (JOBS.c.tenant == tenant) | member


def _shown(job: Job, tenant: str) -> Job:
    """A job of the operator's over many: what it does for this business is in its result."""
    if job.tenant == tenant:
        return job
    hidden: dict[str, Any] = {"spec": {}, "digest": "", "process": None, "ray_job": None, "address": None}
    return Job(**{**vars(job), **hidden, "tenant": None, "message": ""})


def _read(database: Database, which: sa.ColumnElement[bool], most: int) -> list[Job]:
    last = JOBS.c.created.desc()

    def work(connection: sa.Connection) -> list[Job]:
        query = _query(connection).where(which).order_by(last, JOBS.c.id).limit(most)
        return [_job(row) for row in connection.execute(query)]

    return database.read(work)


def _query(connection: sa.Connection) -> sa.Select[Any]:
    return sa.select(*JOBS.c, clock(connection).label("read"))


def _is(job: str) -> sa.ColumnElement[bool]:
    return JOBS.c.id == clean(job, 40)


def _one(connection: sa.Connection, which: sa.ColumnElement[bool], name: str = "") -> Job:
    row = connection.execute(_query(connection).where(which)).one_or_none()
    if row is None:
        raise Unknown(f"there is no job {clean(name, 40)!r}", hint="see them: invplat jobs list")
    return _job(row)


def _job(row: sa.Row[Any]) -> Job:
    found = dict(row._mapping)
    process = found["process"]
    return Job(**found | {"state": State(found["state"]), "process": Process(**process) if process else None})
