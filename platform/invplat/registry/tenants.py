"""Businesses, and how one leaves for good. These are the operator's calls: a business never sees another's name."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import sqlalchemy as sa

from invplat.core.errors import Conflict, Unknown
from invplat.core.names import MAX_NAME, check_tenant
from invplat.core.names import TENANT as NAME
from invplat.registry import audit
from invplat.registry.database import Database
from invplat.registry.rows import inserted, now
from invplat.registry.tables import (
    ACTUALS,
    ALIASES,
    AUDIT,
    DATASETS,
    JOBS,
    KEYS,
    MODEL_DATASETS,
    MODELS,
    PREDICTIONS,
    RESULTS,
    TENANTS,
)
from invplat.storage import Storage

NEAR = 3  # names proposed for one that isn't there


@dataclass(frozen=True)
class Tenant:
    name: str
    created: str


def add(database: Database, name: str, *, actor: str) -> Tenant:
    """A new one; refuses a name that is taken."""
    if not ensure(database, name, actor=actor):
        raise Conflict(f"there is a tenant {name} already", hint=f"see it: invplat tenant show {name}")
    return get(database, name)


def ensure(database: Database, name: str, *, actor: str) -> bool:
    """Whether it is new."""
    check_tenant(name)

    def work(connection: sa.Connection) -> bool:
        new = inserted(connection, TENANTS).values(name=name, created=now(), leaving=False).on_conflict_do_nothing()
        if connection.execute(new).rowcount:
            audit.note(connection, actor, "tenant.add", name, name)
            return True
        if connection.execute(sa.select(TENANTS.c.leaving).where(TENANTS.c.name == name)).scalar():
            raise Conflict(f"tenant {name} is being removed", hint=f"end it first: invplat tenant remove {name} --yes")
        return False

    return database.write(work)


def get(database: Database, name: str) -> Tenant:
    """Refuses what isn't there, with the nearest names."""

    def work(connection: sa.Connection) -> Tenant:
        present(connection, name)
        return Tenant(*connection.execute(sa.select(TENANTS.c.name, TENANTS.c.created).where(_is(name))).one())

    return database.read(work)


def known(database: Database, name: str) -> str:
    """The name of a business that is there, or half removed already."""

    def work(connection: sa.Connection) -> str:
        if connection.execute(sa.select(TENANTS.c.name).where(_is(name))).scalar() is None:
            raise unknown(connection, name)
        return name

    return database.read(work)


def names(database: Database) -> list[str]:
    query = sa.select(TENANTS.c.name).where(~TENANTS.c.leaving).order_by(TENANTS.c.name)
    return database.read(lambda connection: list(connection.execute(query).scalars()))


def listed(database: Database) -> list[Tenant]:
    query = sa.select(TENANTS.c.name, TENANTS.c.created).where(~TENANTS.c.leaving).order_by(TENANTS.c.name)
    return database.read(lambda connection: [Tenant(*row) for row in connection.execute(query)])


def present(connection: sa.Connection, tenant: str) -> None:
    """Refuses a business that isn't there or is leaving."""
    if connection.execute(sa.select(TENANTS.c.leaving).where(_is(tenant))).scalar() is not False:
        raise unknown(connection, tenant)


def stays(connection: sa.Connection, tenant: str) -> bool:
    """Whether something may be written for it; it can't begin to leave before this transaction ends."""
    query = sa.select(TENANTS.c.leaving).where(_is(tenant)).with_for_update(read=True)
    return connection.execute(query).scalar() is False


def unknown(connection: sa.Connection, tenant: str) -> Unknown:
    known = list(connection.execute(sa.select(TENANTS.c.name).where(~TENANTS.c.leaving)).scalars())
    near = get_close_matches(tenant, known, n=NEAR)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        hint = "see them: invplat tenant list" if known else f"add it: invplat tenant add {tenant} --data FILES"
    return Unknown(f"there is no tenant {tenant[:MAX_NAME]!r}", hint=hint)


def remove(database: Database, storage: Storage, name: str, *, keep_data: bool = False, actor: str) -> None:
    """Really gone: rows, and with them its bytes unless those are to be kept. Broken off anywhere, it can be done
    again; from the first step on nothing more is taken for it."""
    database.write(lambda connection: _leave(connection, name))
    place = f"tenants/{check_tenant(name)}"
    if not keep_data:
        storage.remove(place)
    database.write(lambda connection: _forget(connection, name, actor, keep_data), repeatable=True)
    if not keep_data:
        storage.remove(place)  # what a job wrote before it was told


def _leave(connection: sa.Connection, name: str) -> None:
    if not connection.execute(TENANTS.update().where(_is(name)).values(leaving=True)).rowcount:
        raise unknown(connection, name)
    connection.execute(KEYS.update().where(KEYS.c.tenant == name, KEYS.c.revoked.is_(None)).values(revoked=now()))
    connection.execute(RESULTS.delete().where(RESULTS.c.tenant == name))
    # Jobs that were for it alone have nothing left to do; the others see that it is no longer among theirs.
    others = sa.select(RESULTS.c.job).where(RESULTS.c.job == JOBS.c.id).exists()
    alone = JOBS.c.state.in_(("queued", "running")) & ~others
    connection.execute(JOBS.update().where(alone).values(stopping=True, message="its business was removed"))


def _forget(connection: sa.Connection, name: str, actor: str, keep_data: bool) -> None:
    own = sa.select(MODELS.c.id).where(MODELS.c.tenant == name)
    connection.execute(ALIASES.delete().where((ALIASES.c.tenant == name) | ALIASES.c.model.in_(own)))
    connection.execute(MODEL_DATASETS.delete().where(MODEL_DATASETS.c.model.in_(own)))
    # Models of others that learnt from it keep the data's digest, not its name.
    connection.execute(MODEL_DATASETS.update().where(MODEL_DATASETS.c.tenant == name).values(tenant=None))
    for table in (RESULTS, PREDICTIONS, ACTUALS, MODELS, DATASETS, KEYS, JOBS, AUDIT):
        connection.execute(table.delete().where(table.c.tenant == name))
    connection.execute(TENANTS.delete().where(_is(name)))
    audit.note(connection, actor, "tenant.remove", None, name, data="kept" if keep_data else "removed")


def _is(name: str) -> sa.ColumnElement[bool]:
    """What can't be a name is nobody's, and not every database takes it in a question."""
    return TENANTS.c.name == name if NAME.fullmatch(name) else sa.false()
