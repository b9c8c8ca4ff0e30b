"""Which version of the tables a database has, and the way to the present one.

Knows Alembic only when there is something to do. Written for a connection that holds the one transaction of all steps.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from invplat.core.errors import DatabaseError

HEAD = "0003"
KNOWN = ("0001", "0002", HEAD)
VERSION_TABLE = "invplat_schema"
LOCK = 0x696E76706C6174  # "invplat": PostgreSQL's lock of whoever migrates


def version(connection: sa.Connection) -> str | None:
    """None: there is nothing yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
    return found


def check(found: str | None) -> bool:
    """Whether there are steps to go; refuses a database that a newer invplat has made."""
    if found is not None and found not in KNOWN:
        raise DatabaseError(
            f"the registry's database has tables of version {found}, this invplat knows {HEAD}",
            hint="upgrade invplat, or name another database with INVPLAT_DATABASE_URL",
        )
    return found != HEAD


def upgrade(connection: sa.Connection, to: str = HEAD) -> None:
    """All steps or none; of two at once the second waits and finds nothing to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    if not check(version(connection)):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
