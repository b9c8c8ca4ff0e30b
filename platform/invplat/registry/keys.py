"""Keys that programs show to be let in. The key itself is told once; what is kept is its hash, which opens nothing.

A key is 256 random bits, so a plain hash is as good as a slow one. Revoked is revoked: asked at every check.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from invplat.core.errors import SettingRefused, Unknown
from invplat.registry import audit, tenants
from invplat.registry.database import Database
from invplat.registry.rows import clean, new_id, now, of
from invplat.registry.tables import KEYS, TENANTS

READ, WRITE, ADMIN = SCOPES = ("tenant:read", "tenant:write", "admin")
FORM = re.compile(r"ivp_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
NOBODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Key:
    """Without its secret."""

    id: str
    tenant: str | None  # none: an administrator's
    scopes: tuple[str, ...]
    label: str
    created: str
    used: str | None
    revoked: str | None


@dataclass(frozen=True)
class Lock:
    """What a server keeps in memory to check a key without asking the database each time."""

    id: str
    tenant: str | None
    scopes: tuple[str, ...]
    digest: str

    def opened_by(self, secret: str) -> bool:
        return hmac.compare_digest(self.digest, _digest(secret))


def create(
    database: Database, tenant: str | None, scopes: Sequence[str] = (READ,), *, label: str = "", actor: str
) -> tuple[Key, str]:
    """The key, and the secret that is told only now."""
    odd = [scope for scope in scopes if scope not in SCOPES]
    if odd or not scopes:
        raise SettingRefused(f"{', '.join(odd) or 'nothing'} is no scope", hint=f"scopes: {', '.join(SCOPES)}")
    if (tenant is None) != (ADMIN in scopes):
        raise SettingRefused(
            "a key is either of one tenant or an administrator's", hint="leave out the tenant, or the scope admin"
        )
    key = Key(new_id(), tenant, tuple(sorted(set(scopes))), clean(label, 200), now(), None, None)
    secret = f"ivp_{key.id}_{secrets.token_urlsafe(32)}"

    def work(connection: sa.Connection) -> None:
        if tenant is not None and not tenants.stays(connection, tenant):
            raise tenants.unknown(connection, tenant)
        connection.execute(
            KEYS.insert().values(
                id=key.id,
                tenant=tenant,
                digest=_digest(secret),
                scopes=" ".join(key.scopes),
                label=key.label,
                created=key.created,
            )
        )
        audit.note(connection, actor, "key.create", tenant, key.id, scopes=list(key.scopes))

    database.write(work)
    return key, secret


def check(database: Database, secret: str) -> Key | None:
    """Whose key it is; None where it opens nothing. Takes as long for a key that isn't there as for a wrong one."""
    form = FORM.fullmatch(secret)
    query = sa.select(KEYS).where(KEYS.c.id == (form.group(1) if form else ""), KEYS.c.revoked.is_(None))
    row = database.read(lambda connection: connection.execute(query).one_or_none())
    right = hmac.compare_digest(row.digest if row else NOBODY, _digest(secret))
    return _key(row) if row is not None and right else None


def locks(database: Database) -> dict[str, Lock]:
    """Of all keys that open something, by id: for a server that asks again every few seconds."""
    query = (
        sa.select(KEYS.c.id, KEYS.c.tenant, KEYS.c.scopes, KEYS.c.digest)
        .outerjoin(TENANTS, KEYS.c.tenant == TENANTS.c.name)
        .where(KEYS.c.revoked.is_(None), TENANTS.c.leaving.is_not(True))
    )
    rows = database.read(lambda connection: connection.execute(query).all())
    return {row.id: Lock(row.id, row.tenant, tuple(row.scopes.split()), row.digest) for row in rows}


def id_of(secret: str) -> str | None:
    """The part of a key that may be shown; None where it is none."""
    form = FORM.fullmatch(secret)
    return form.group(1) if form else None


def used(database: Database, ids: Iterable[str]) -> None:
    """Mark keys as used now, many at once: not for every request."""
    which = sorted(set(ids))
    if which:
        change = KEYS.update().where(KEYS.c.id.in_(which)).values(used=now())
        database.write(lambda connection: connection.execute(change), repeatable=True)


def of_tenant(database: Database, tenant: str | None) -> list[Key]:
    """Oldest first, revoked ones too; None: the administrators'."""
    query = sa.select(KEYS).where(of(KEYS.c.tenant, tenant)).order_by(KEYS.c.created, KEYS.c.id)
    return database.read(lambda connection: [_key(row) for row in connection.execute(query)])


def revoke(database: Database, tenant: str | None, key: str, *, actor: str) -> Key:
    """At once and for good; one that is revoked already stays as it was."""

    def work(connection: sa.Connection) -> Key:
        mine = (KEYS.c.id == clean(key, 40)) & of(KEYS.c.tenant, tenant)
        row = connection.execute(sa.select(KEYS).where(mine)).one_or_none()
        if row is None:
            owner = f"tenant {tenant} has" if tenant else "the administrators have"
            raise Unknown(f"{owner} no key {clean(key, 40)!r}", hint="see them: invplat tenant key list")
        if row.revoked is None:
            connection.execute(KEYS.update().where(mine).values(revoked=now()))
            audit.note(connection, actor, "key.revoke", tenant, key)
        return _key(connection.execute(sa.select(KEYS).where(mine)).one())

    return database.write(work, repeatable=True)


def _key(row: sa.Row[tuple[object, ...]]) -> Key:
    return Key(row.id, row.tenant, tuple(row.scopes.split()), row.label, row.created, row.used, row.revoked)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
