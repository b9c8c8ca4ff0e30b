"""Businesses and what is kept of them: datasets, models, aliases, keys, jobs, and who did what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _tenant(*, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    key = sa.ForeignKey("tenants.name", ondelete="CASCADE")
    return sa.Column("tenant", sa.String(63), key, nullable=nullable, primary_key=primary_key)


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("leaving", sa.Boolean, nullable=False),
    )
    op.create_table(
        "datasets",
        _tenant(primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("quarantined", sa.BigInteger, nullable=False),
        sa.Column("stores", sa.Integer, nullable=False),
        sa.Column("series", sa.BigInteger, nullable=False),
        sa.Column("first", sa.String(40), nullable=False),
        sa.Column("last", sa.String(40), nullable=False),
        sa.Column("frequency", sa.String(20), nullable=False),
        sa.Column("mapping", sa.String(200), nullable=False),
        sa.Column("parent", sa.Integer),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("made", sa.String(40), nullable=False),
    )
    op.create_table(
        "models",
        sa.Column("id", sa.String(32), primary_key=True),
        _tenant(nullable=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("workload", sa.String(200), nullable=False),
        sa.Column("prefix", sa.String(300)),
        sa.Column("digest", sa.String(64)),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("donor", sa.String(32)),
        sa.Column("study", sa.String(63)),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("lineage", sa.JSON, nullable=False),
        sa.Column("verdict", sa.JSON),
        sa.Column("made", sa.String(40), nullable=False),
    )
    nobody = sa.text("tenant IS NULL")
    op.create_index("models_of_tenant", "models", ["tenant", "name", "number"], unique=True)
    op.create_index(
        "models_of_nobody", "models", ["name", "number"], unique=True, sqlite_where=nobody, postgresql_where=nobody
    )
    op.create_table(
        "model_datasets",
        sa.Column("model", sa.String(32), sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("tenant", sa.String(63)),
        sa.Column("version", sa.Integer),
        sa.Column("digest", sa.String(128)),
    )
    op.create_table(
        "aliases",
        sa.Column("tenant", sa.String(63), primary_key=True),
        sa.Column("workload", sa.String(200), primary_key=True),
        sa.Column("alias", sa.String(20), primary_key=True),
        sa.Column("model", sa.String(32), sa.ForeignKey("models.id", ondelete="CASCADE"), nullable=False),
        sa.Column("changed", sa.String(40), nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String(32), primary_key=True),
        _tenant(nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("used", sa.String(40)),
        sa.Column("revoked", sa.String(40)),
    )
    op.create_index("keys_of_tenant", "keys", ["tenant"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        _tenant(nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("stopping", sa.Boolean, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("tenants", sa.JSON, nullable=False),
        sa.Column("process", sa.JSON),
        sa.Column("ray_job", sa.String(200)),
        sa.Column("address", sa.String(300)),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("created", sa.String(40), nullable=False),
        sa.Column("started", sa.String(40)),
        sa.Column("beat", sa.String(40)),
        sa.Column("ended", sa.String(40)),
    )
    under_way = sa.text("state IN ('queued', 'running', 'done')")
    op.create_index(
        "jobs_under_way", "jobs", ["digest"], unique=True, sqlite_where=under_way, postgresql_where=under_way
    )
    op.create_index("jobs_by_state", "jobs", ["state"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(60), nullable=False),
        sa.Column("tenant", sa.String(63)),
        sa.Column("subject", sa.String(300), nullable=False),
        sa.Column("detail", sa.JSON),
    )
    op.create_index("audit_of_tenant", "audit", ["tenant", "id"])
