"""Aliases are found by their model, too.

Whoever removes old versions asks of each whether it has an alias, and so does the database itself, whose aliases go
with their model: without an index each of tens of thousands looked through all of them.
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("aliases_of_model", "aliases", ["model"])
