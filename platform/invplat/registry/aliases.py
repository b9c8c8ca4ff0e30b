"""Which version is served: champion, challenger and previous, of each business and workload.

A promotion names the champion that it was decided against: of two that were decided at once exactly one wins, the
other learns that the champion is another by now. Every change is one transaction and one line of the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from invplat.core.errors import Conflict, InvplatError, Unknown
from invplat.registry import audit, tenants
from invplat.registry.database import Database
from invplat.registry.rows import inserted, now, of
from invplat.registry.tables import ALIASES, MODELS

CHAMPION, CHALLENGER, PREVIOUS = NAMES = ("champion", "challenger", "previous")


@dataclass(frozen=True)
class Alias:
    workload: str
    alias: str
    model: str  # its id
    changed: str


@dataclass(frozen=True)
class Move:
    """A promotion, as it was decided."""

    tenant: str | None  # none: among the bases
    workload: str
    model: str  # the id of the champion to be: the business's own model, or a base
    expected: str | None  # the id of the champion it was judged against; None: there was none
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Champion:
    """Or challenger: who is which, of whom."""

    tenant: str | None
    workload: str
    model: str
    changed: str


def of_tenant(database: Database, tenant: str | None) -> list[Alias]:
    query = (
        sa.select(ALIASES.c.workload, ALIASES.c.alias, ALIASES.c.model, ALIASES.c.changed)
        .where(ALIASES.c.tenant == (tenant or ""))
        .order_by(ALIASES.c.workload, ALIASES.c.alias)
    )
    return database.read(lambda connection: [Alias(**row._mapping) for row in connection.execute(query)])


def current(database: Database, tenant: str | None, workload: str) -> dict[str, str]:
    """Alias → id of the model."""
    return {one.alias: one.model for one in of_tenant(database, tenant) if one.workload == workload}


def champions(database: Database, *, since: str | None = None, tenants: Iterable[str] | None = None) -> list[Champion]:
    """The operator's view: of every business, or of these; with `since`, those that have changed at or after it."""
    wanted = None if tenants is None else set(tenants)
    found = _named(database, CHAMPION, since or "")
    return found if wanted is None else [one for one in found if one.tenant in wanted]


def challengers(database: Database) -> list[Champion]:
    """The operator's view: who is tried beside the champion, of every business."""
    return _named(database, CHALLENGER)


def tried(database: Database, tenant: str, *, base: bool) -> Alias | None:
    """Who is tried beside the champion of a business: its own challenger, or the bases' where a base answers for it."""
    for owner in (tenant, None) if base else (tenant,):
        found = [one for one in of_tenant(database, owner) if one.alias == CHALLENGER]
        if found:
            return max(found, key=lambda one: one.changed)
    return None


def _named(database: Database, alias: str, since: str = "") -> list[Champion]:
    query = sa.select(ALIASES.c.tenant, ALIASES.c.workload, ALIASES.c.model, ALIASES.c.changed)
    query = query.where(ALIASES.c.alias == alias, ALIASES.c.changed >= since).order_by(ALIASES.c.tenant)
    rows = database.read(lambda connection: connection.execute(query).all())
    return [Champion(row.tenant or None, row.workload, row.model, row.changed) for row in rows]


def promote(
    database: Database,
    tenant: str | None,
    workload: str,
    model: str,
    *,
    expected: str | None,
    actor: str,
    reason: str = "",
) -> None:
    """Make a version the champion, the champion until now the previous. `expected`: see Move."""
    move = Move(tenant, workload, model, expected, reason)
    database.write(lambda connection: apply(connection, move, actor))


def promote_many(database: Database, moves: Sequence[Move], *, actor: str) -> list[tuple[Move, InvplatError]]:
    """In one transaction, each for itself; those that were overtaken, or whose business has left, with why."""

    def work(connection: sa.Connection) -> list[tuple[Move, InvplatError]]:
        refused: list[tuple[Move, InvplatError]] = []
        for move in sorted(moves, key=lambda one: (one.tenant or "", one.workload)):
            try:
                apply(connection, move, actor)
            except (Conflict, Unknown) as error:
                refused.append((move, error))
        return refused

    return database.write(work)


def promote_all(database: Database, moves: Sequence[Move], *, actor: str) -> None:
    """All or none."""

    def work(connection: sa.Connection) -> None:
        for move in moves:
            apply(connection, move, actor)

    database.write(work)


def apply(connection: sa.Connection, move: Move, actor: str) -> None:
    """One promotion within a transaction of the caller's; refused, it has changed nothing."""
    _check(connection, move.tenant, move.model)
    if move.expected is None:
        row = _row(connection, move.tenant, move.workload, CHAMPION, move.model)
        won = connection.execute(inserted(connection, ALIASES).values(**row).on_conflict_do_nothing()).rowcount
    else:
        won = _swap(connection, move.tenant, move.workload, move.expected, move.model)
    if not won:
        raise _overtaken(move.tenant, move.workload)
    if move.expected == move.model:
        return
    if move.expected is not None:
        _put(connection, move.tenant, move.workload, PREVIOUS, move.expected)
    _arrived(connection, move.tenant, move.workload, move.model)
    detail = {**move.detail, "model": move.model, "before": move.expected, "reason": move.reason}
    audit.note(connection, actor, "model.promote", move.tenant, move.workload, **detail)


def challenge(database: Database, tenant: str | None, workload: str, model: str, *, actor: str) -> None:
    """Name the version that is to be tried against the champion."""

    def work(connection: sa.Connection) -> None:
        _check(connection, tenant, model)
        champion = sa.select(ALIASES.c.model).where(_is(tenant, workload, CHAMPION))
        if connection.execute(champion).scalar() == model:
            raise Conflict(f"that version is the champion of {workload} already", hint="name another to try against it")
        _put(connection, tenant, workload, CHALLENGER, model)
        audit.note(connection, actor, "model.challenge", tenant, workload, model=model)

    database.write(work, repeatable=True)


def withdraw(database: Database, tenant: str | None, workload: str, *, actor: str) -> bool:
    """Nobody is tried against the champion any more; whether somebody was."""

    def work(connection: sa.Connection) -> bool:
        gone = bool(connection.execute(ALIASES.delete().where(_is(tenant, workload, CHALLENGER))).rowcount)
        if gone:
            audit.note(connection, actor, "model.withdraw", tenant, workload)
        return gone

    return database.write(work)


def rollback(
    database: Database, tenant: str | None, workload: str, *, expected: str, actor: str, reason: str = ""
) -> str:
    """The previous version as champion again, whose id comes back. A second rollback undoes the first."""

    def work(connection: sa.Connection) -> str:
        query = sa.select(ALIASES.c.model).where(_is(tenant, workload, PREVIOUS))
        previous: str | None = connection.execute(query).scalar()
        if previous is None:
            raise Unknown(
                f"{f'tenant {tenant}' if tenant else 'the bases'} had no champion of {workload} before this one",
                hint="promote a version by name: invplat models promote NAME@VERSION",
            )
        if not _swap(connection, tenant, workload, expected, previous):
            raise _overtaken(tenant, workload)
        _put(connection, tenant, workload, PREVIOUS, expected)
        _arrived(connection, tenant, workload, previous)
        detail = {"model": previous, "before": expected, "reason": reason}
        audit.note(connection, actor, "model.rollback", tenant, workload, **detail)
        return previous

    return database.write(work)


def _check(connection: sa.Connection, tenant: str | None, model: str) -> None:
    """The business is there, and the model is its own or a base; neither can go before this transaction ends."""
    if tenant is not None and not tenants.stays(connection, tenant):
        raise Unknown(f"there is no tenant {tenant!r}", hint="see them: invplat tenant list")
    mine = of(MODELS.c.tenant, tenant) | MODELS.c.tenant.is_(None)
    query = sa.select(MODELS.c.id).where(MODELS.c.id == model, mine).with_for_update(read=True, key_share=True)
    if connection.execute(query).scalar() is None:
        owner = f"tenant {tenant} has" if tenant else "the bases have"
        raise Unknown(f"{owner} no model of id {model[:40]!r}", hint="see them: invplat models list")


def _swap(connection: sa.Connection, tenant: str | None, workload: str, before: str, after: str) -> bool:
    mine = _is(tenant, workload, CHAMPION) & (ALIASES.c.model == before)
    change = {"model": after} if before == after else {"model": after, "changed": _later(connection, tenant)}
    return bool(connection.execute(ALIASES.update().where(mine).values(**change)).rowcount)


def _arrived(connection: sa.Connection, tenant: str | None, workload: str, champion: str) -> None:
    """A champion is no longer its own challenger."""
    challenger = _is(tenant, workload, CHALLENGER) & (ALIASES.c.model == champion)
    connection.execute(ALIASES.delete().where(challenger))


def _put(connection: sa.Connection, tenant: str | None, workload: str, alias: str, model: str) -> None:
    row = _row(connection, tenant, workload, alias, model)
    new = inserted(connection, ALIASES).values(**row)
    change = {"model": row["model"], "changed": row["changed"]}
    keys = [ALIASES.c.tenant, ALIASES.c.workload, ALIASES.c.alias]
    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=change))


def _row(connection: sa.Connection, tenant: str | None, workload: str, alias: str, model: str) -> dict[str, str]:
    changed = _later(connection, tenant)
    return {"tenant": tenant or "", "workload": workload, "alias": alias, "model": model, "changed": changed}


def _later(connection: sa.Connection, tenant: str | None) -> str:
    """Now, yet after whatever was changed for this business before, by whosever clock: the last promotion counts."""
    query = sa.select(sa.func.max(ALIASES.c.changed)).where(ALIASES.c.tenant == (tenant or ""))
    last, present = connection.execute(query).scalar(), now()
    if last is None or last < present:
        return present
    return (datetime.fromisoformat(last) + timedelta(microseconds=1)).isoformat(timespec="microseconds")


def _is(tenant: str | None, workload: str, alias: str) -> sa.ColumnElement[bool]:
    return (ALIASES.c.tenant == (tenant or "")) & (ALIASES.c.workload == workload) & (ALIASES.c.alias == alias)


def _overtaken(tenant: str | None, workload: str) -> Conflict:
    return Conflict(
        f"the champion of {workload} of {tenant or 'the bases'} is not the one this was decided against",
        hint="another promotion was first: look at it with invplat models list, then decide again",
    )
