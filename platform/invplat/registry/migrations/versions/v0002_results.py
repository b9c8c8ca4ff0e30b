"""A job's outcome business by business, as rows; studies; where predictions and what came true are kept.

Until here a job listed its businesses in one document, which neither told them apart nor forgot one that had left.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

JOBS = sa.table(
    "jobs",
    sa.column("id", sa.String),
    sa.column("state", sa.String),
    sa.column("created", sa.String),
    sa.column("ended", sa.String),
    sa.column("message", sa.Text),
    sa.column("tenants", sa.JSON),
)
TENANTS = sa.table("tenants", sa.column("name", sa.String))


def _tenant(*, primary_key: bool = False) -> sa.Column[str]:
    key = sa.ForeignKey("tenants.name", ondelete="CASCADE")
    return sa.Column("tenant", sa.String(63), key, nullable=False, primary_key=primary_key)


def upgrade() -> None:
    results = op.create_table(
        "results",
        sa.Column("job", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        _tenant(primary_key=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("way", sa.String(60)),
        sa.Column("model", sa.String(32)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON),
        sa.Column("seconds", sa.Float),
        sa.Column("changed", sa.String(40), nullable=False),
    )
    op.create_index("results_of_tenant", "results", ["tenant"])
    op.create_table(
        "studies",
        sa.Column("name", sa.String(63), primary_key=True),
        sa.Column("workload", sa.String(200), nullable=False),
        sa.Column("place", sa.String(400), nullable=False),
        sa.Column("metric", sa.String(60), nullable=False),
        sa.Column("best", sa.Float),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("changed", sa.String(40), nullable=False),
    )
    for name in ("predictions", "actuals"):
        op.create_table(
            name,
            sa.Column("id", sa.String(32), primary_key=True),
            _tenant(),
            *([sa.Column("model", sa.String(32))] if name == "predictions" else []),
            sa.Column("key", sa.String(400), nullable=False),
            sa.Column("rows", sa.BigInteger, nullable=False),
            sa.Column("first", sa.String(40), nullable=False),
            sa.Column("last", sa.String(40), nullable=False),
            sa.Column("matched", sa.String(40)),
            sa.Column("made", sa.String(40), nullable=False),
            sa.UniqueConstraint("tenant", "key", name=f"{name}_key"),
        )
        op.create_index(f"{name}_of_tenant", name, ["tenant", "made"])
    _move_businesses(op.get_bind(), results)
    op.drop_column("jobs", "tenants")


def _move_businesses(connection: sa.Connection, results: sa.Table) -> None:
    """What was not told apart before has the job's own state; businesses that have left are left out."""
    there = set(connection.execute(sa.select(TENANTS.c.name)).scalars())
    rows = [
        {
            "job": job.id,
            "tenant": name,
            "state": job.state if job.state in ("queued", "done") else "queued",
            "reason": "" if job.state in ("queued", "done") else job.message,
            "changed": job.ended or job.created,
        }
        for job in connection.execute(sa.select(JOBS))
        for name in dict.fromkeys(job.tenants)
        if name in there
    ]
    if rows:
        connection.execute(results.insert(), rows)
