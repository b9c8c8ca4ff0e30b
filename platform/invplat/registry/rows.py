"""What the nouns' files share: the time, ids, text that every database takes, and rows as records."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

TEXT = 4000  # characters of a message or a reason


def now() -> str:
    """UTC, always of one width."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def moment(connection: sa.Connection) -> str:
    """The database's own time, in the same form: where machines' clocks differ, the one that all share."""
    found: str = connection.execute(sa.select(clock(connection))).scalar_one()
    return found


def clock(connection: sa.Connection) -> sa.ColumnElement[str]:
    """The same as a column of a query."""
    if connection.dialect.name == "sqlite":
        return sa.func.strftime("%Y-%m-%dT%H:%M:%f", "now", type_=sa.String).concat("000+00:00")
    utc = sa.func.timezone("UTC", sa.func.clock_timestamp())
    return sa.func.to_char(utc, 'YYYY-MM-DD"T"HH24:MI:SS.US', type_=sa.String).concat("+00:00")


def new_id() -> str:
    return secrets.token_hex(8)


def clean(text: str, most: int = TEXT) -> str:
    """What both databases can keep, cut to `most`."""
    kept = text.replace("\0", "").encode("utf-8", "replace").decode()
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def plain(value: Any) -> Any:
    """As JSON has it: what is not finite as null, keys as text."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def inserted(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases spell alike but SQLAlchemy keeps apart, and that tells
    its rowcount, which else psycopg has forgotten by the time it is asked."""
    insert = sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    return insert.execution_options(preserve_rowcount=True)


def of(column: sa.ColumnElement[Any], tenant: str | None) -> sa.ColumnElement[bool]:
    """The wall between businesses; None: what belongs to none."""
    return column.is_(None) if tenant is None else column == tenant
