"""A registry moved from SQLite to PostgreSQL, row by row, so that a home made once serves tests of both."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from invplat.registry.database import Database, open_database
from invplat.registry.tables import AUDIT, METADATA


def moved_to(home: Path, url: str) -> None:
    """Everything that the registry of the home has, into an empty database."""
    with closing(Database(f"sqlite:///{home / 'invplat.db'}")) as old, closing(open_database(url)) as new:
        for table in METADATA.sorted_tables:
            rows = old.read(lambda connection, table=table: rows_of(connection, table))  # type: ignore[misc]
            if rows:
                new.write(lambda connection, table=table, rows=rows: connection.execute(table.insert(), rows))  # type: ignore[misc]
        last = sa.select(sa.func.setval(sa.func.pg_get_serial_sequence("audit", "id"), sa.func.max(AUDIT.c.id)))
        new.write(lambda connection: connection.execute(last))


def rows_of(connection: sa.Connection, table: sa.Table) -> list[dict[str, object]]:
    """As they are, null in a column of JSON being no JSON."""
    nulls = {column.name for column in table.columns if isinstance(column.type, sa.JSON)}
    return [
        {name: sa.null() if value is None and name in nulls else value for name, value in row._mapping.items()}
        for row in connection.execute(sa.select(table))
    ]
