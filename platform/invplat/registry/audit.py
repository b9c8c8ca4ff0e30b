"""Who did what: a line is written in the transaction of the deed itself, and never changed."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from invplat.registry.database import Database
from invplat.registry.rows import clean, now, plain
from invplat.registry.tables import AUDIT


@dataclass(frozen=True)
class Deed:
    at: str
    actor: str
    action: str
    tenant: str | None
    subject: str
    detail: Mapping[str, Any] | None


def person() -> str:
    """Whoever types: a name on a machine."""
    try:
        return f"{getpass.getuser()}@{platform.node()}"
    except (OSError, KeyError):  # a container's user may have no name
        return f"somebody@{platform.node()}"


def note(
    connection: sa.Connection,
    actor: str,
    action: str,
    tenant: str | None,
    subject: str = "",
    **detail: Any,
) -> None:
    connection.execute(
        AUDIT.insert().values(
            at=now(),
            actor=clean(actor, 200),
            action=action,
            tenant=tenant,
            subject=clean(subject, 300),
            detail=plain(detail) or None,
        )
    )


def of_tenant(database: Database, tenant: str, *, most: int = 100) -> list[Deed]:
    """Newest first."""
    return database.read(lambda connection: _read(connection, AUDIT.c.tenant == tenant, most))


def recent(database: Database, *, most: int = 100) -> list[Deed]:
    """The operator's view: everybody's."""
    return database.read(lambda connection: _read(connection, sa.true(), most))


def of_actions(database: Database, actions: Iterable[str], *, most: int = 100) -> list[Deed]:
    """The operator's view of deeds of these kinds."""
    which = AUDIT.c.action.in_(list(actions))
    return database.read(lambda connection: _read(connection, which, most))


def _read(connection: sa.Connection, which: sa.ColumnElement[bool], most: int) -> list[Deed]:
    columns = [AUDIT.c[name] for name in ("at", "actor", "action", "tenant", "subject", "detail")]
    query = sa.select(*columns).where(which).order_by(AUDIT.c.id.desc()).limit(most)
    return [Deed(**row._mapping) for row in connection.execute(query)]
