"""What a pack has come to, written into the registry in one transaction: models, champions and results, or nothing.

Their bundles are in the storage before, so a row never points at nothing. Written twice it says the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

import invplat
from invplat.core.errors import Conflict, Unknown
from invplat.registry import aliases, results, versions
from invplat.registry.database import Database
from invplat.registry.jobs import Job
from invplat.registry.results import Outcome
from invplat.registry.tables import ALIASES, RESULTS
from invplat.registry.versions import Version
from invplat.storage import Storage
from invplat.transfer.gate import BASE, CANDIDATE, NAIVE
from invplat.transfer.jobs_adapt import Made


def write(
    database: Database, storage: Storage, job: Job, workload: str, made: Sequence[Made], *, actor: str
) -> list[Outcome]:
    """Of those who are still there. Refuses where the job is another process's by now."""

    def work(connection: sa.Connection) -> list[Outcome]:
        asked = sa.select(RESULTS.c.tenant).where(RESULTS.c.job == job.id)
        theirs = set(connection.execute(asked).scalars())  # one that left and came again is another business
        there = [one for one in made if one.tenant in theirs]
        rows = [one.version for one in there if one.version is not None]
        rows += [_rule(one.tenant) for one in there if one.serves == NAIVE]
        known = {(one.tenant, one.name, one.number): one for one in versions.insert(connection, rows)}
        found = [_outcome(connection, one, known, workload, actor) for one in there]
        gone = results.update(connection, job.id, found, attempt=job.attempt)
        return [one for one in found if one.tenant not in gone]

    outcomes = database.write(work, repeatable=True)
    there = {one.tenant for one in outcomes}
    for one in made:
        if one.tenant not in there and one.version is not None:
            storage.remove(str(one.version.prefix))  # its business left before it was told
    return outcomes


def _outcome(
    connection: sa.Connection,
    one: Made,
    known: dict[tuple[str | None, str, int], Version],
    workload: str,
    actor: str,
) -> Outcome:
    kept = None
    if one.version is not None:
        kept = known.get((one.tenant, one.version.name, one.version.number))
        if kept is None:  # its business has left; `results` will say so
            return Outcome(one.tenant, one.state)
    detail = {**one.detail, **({"model": kept.reference} if kept else {})}
    reason = one.reason
    target: str | None = None
    if one.serves == CANDIDATE and kept is not None:
        target = kept.id
    elif one.serves == BASE:
        target = one.base
    elif one.serves == NAIVE:
        rule = known.get((one.tenant, NAIVE, 1))
        target = rule.id if rule else None
    if target is not None and target not in (one.expected, _champion(connection, one.tenant, workload)):
        move = aliases.Move(one.tenant, workload, target, one.expected, one.reason)
        try:
            aliases.apply(connection, move, actor)
        except (Conflict, Unknown) as error:
            reason = f"not served: {error.message}"
            detail["serves"] = "unchanged"
    return Outcome(one.tenant, one.state, one.way, kept.id if kept else None, reason, detail, one.seconds)


def _champion(connection: sa.Connection, tenant: str, workload: str) -> str | None:
    which = (ALIASES.c.tenant == tenant) & (ALIASES.c.workload == workload) & (ALIASES.c.alias == aliases.CHAMPION)
    found: str | None = connection.execute(sa.select(ALIASES.c.model).where(which)).scalar()
    return found


def _rule(tenant: str) -> Version:
    """The seasonal naive as a model: nothing is learnt, so there are no bytes."""
    nothing: dict[str, str] = {}
    return Version(tenant, NAIVE, 1, NAIVE, None, None, 0, invplat.__version__, nothing, nothing, nothing)
