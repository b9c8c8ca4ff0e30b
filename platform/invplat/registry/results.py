"""What a job has come to, business by business: a thousand of them are one job with a thousand results.

Written in bulk, a pack's at once. A business that has left has no result any more, and none is made for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from invplat.core.errors import Conflict
from invplat.registry.database import Database
from invplat.registry.rows import clean, now, plain
from invplat.registry.tables import JOBS, RESULTS

QUEUED, RUNNING, DONE, FAILED = STATES = ("queued", "running", "done", "failed")


@dataclass(frozen=True)
class Outcome:
    """Of one business, as its pack says it."""

    tenant: str
    state: str  # of STATES
    way: str | None = None  # how it was adapted
    model: str | None = None  # the id of what was kept
    reason: str = ""
    detail: Mapping[str, Any] | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Result:
    job: str
    tenant: str
    state: str
    way: str | None
    model: str | None
    reason: str
    detail: Mapping[str, Any] | None
    seconds: float | None
    changed: str


def write(database: Database, job: str, outcomes: Sequence[Outcome], *, attempt: int | None = None) -> set[str]:
    """All in one transaction; tells which businesses have left. `attempt`: refuses where the job is another's."""
    return database.write(lambda connection: update(connection, job, outcomes, attempt=attempt), repeatable=True)


def update(connection: sa.Connection, job: str, outcomes: Sequence[Outcome], *, attempt: int | None = None) -> set[str]:
    """The same within a transaction of the caller's, such as the one that registers the models."""
    if attempt is not None:
        query = sa.select(JOBS.c.attempt).where(JOBS.c.id == job).with_for_update(read=True)
        if connection.execute(query).scalar() != attempt:
            raise Conflict(f"job {job} has been taken up by another process", hint="this one ends")
    there = set(connection.execute(sa.select(RESULTS.c.tenant).where(RESULTS.c.job == job)).scalars())
    rows = [
        {
            "its_job": job,
            "its_tenant": one.tenant,
            "state": one.state,
            "way": one.way,
            "model": one.model,
            "reason": clean(one.reason),
            "detail": plain(one.detail),
            "seconds": plain(one.seconds),
            "changed": now(),
        }
        for one in sorted(outcomes, key=lambda one: one.tenant)
        if one.tenant in there
    ]
    if rows:
        mine = (RESULTS.c.job == sa.bindparam("its_job")) & (RESULTS.c.tenant == sa.bindparam("its_tenant"))
        names = ("state", "way", "model", "reason", "detail", "seconds", "changed")
        connection.execute(RESULTS.update().where(mine).values({name: sa.bindparam(name) for name in names}), rows)
    return {one.tenant for one in outcomes} - there


def of_job(database: Database, job: str, *, states: Iterable[str] | None = None) -> list[Result]:
    """The operator's view: every business's."""
    which = RESULTS.c.job == job
    return _read(database, which if states is None else which & RESULTS.c.state.in_(list(states)))


def pending(database: Database, job: str) -> list[str]:
    """The businesses that are still to do."""
    return [one.tenant for one in of_job(database, job, states=(QUEUED, RUNNING))]


def of_tenant(database: Database, tenant: str, job: str | None = None) -> list[Result]:
    """Its own, of one job or of all, newest first."""
    which = RESULTS.c.tenant == tenant
    return _read(database, which if job is None else which & (RESULTS.c.job == job))


def counts(database: Database, jobs: Iterable[str]) -> dict[str, dict[str, int]]:
    """Job → state → how many."""
    wanted = list(jobs)
    query = (
        sa.select(RESULTS.c.job, RESULTS.c.state, sa.func.count())
        .where(RESULTS.c.job.in_(wanted))
        .group_by(RESULTS.c.job, RESULTS.c.state)
    )
    found: dict[str, dict[str, int]] = {job: {} for job in wanted}
    for job, state, count in database.read(lambda connection: connection.execute(query).all()):
        found[job][state] = count
    return found


def _read(database: Database, which: sa.ColumnElement[bool]) -> list[Result]:
    query = sa.select(RESULTS).where(which).order_by(RESULTS.c.changed.desc(), RESULTS.c.tenant)
    return database.read(lambda connection: [Result(**row._mapping) for row in connection.execute(query)])
