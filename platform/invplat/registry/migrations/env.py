"""Alembic's entrance: the steps run on the connection, and in the transaction, of whoever opened the database."""

from __future__ import annotations

from alembic import context

from invplat.registry.schema import VERSION_TABLE
from invplat.registry.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
