"""The registry's tables as they are now. `migrations` make them; a test holds the two together.

Times are ISO text in UTC, all of one width, so that they sort. Rows of a tenant carry its name and go with it; where no
tenant is named, the row is the operator's own (a base model, an administrator's key).
"""

from __future__ import annotations

import sqlalchemy as sa

NAME = 63  # characters of what core.names allows
TIME = 40
METADATA = sa.MetaData()


def _tenant(*, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    """Of the row; what it names goes when the tenant goes."""
    key = sa.ForeignKey("tenants.name", ondelete="CASCADE")
    return sa.Column("tenant", sa.String(NAME), key, nullable=nullable, primary_key=primary_key)


TENANTS = sa.Table(
    "tenants",
    METADATA,
    sa.Column("name", sa.String(NAME), primary_key=True),
    sa.Column("created", sa.String(TIME), nullable=False),
    sa.Column("leaving", sa.Boolean, nullable=False),  # being removed: nothing more is taken for it
)

DATASETS = sa.Table(
    "datasets",
    METADATA,
    _tenant(primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(128), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("stores", sa.Integer, nullable=False),
    sa.Column("series", sa.BigInteger, nullable=False),
    sa.Column("first", sa.String(TIME), nullable=False),
    sa.Column("last", sa.String(TIME), nullable=False),
    sa.Column("frequency", sa.String(20), nullable=False),
    sa.Column("mapping", sa.String(200), nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("made", sa.String(TIME), nullable=False),
)

MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    _tenant(nullable=True),  # none: a base
    sa.Column("name", sa.String(NAME), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("workload", sa.String(200), nullable=False),
    sa.Column("prefix", sa.String(300)),  # of its bundle in the storage; none where there are no weights
    sa.Column("digest", sa.String(64)),  # of its bundle's seal
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("donor", sa.String(32)),  # a model's id, kept when the donor is gone
    sa.Column("study", sa.String(NAME)),
    sa.Column("code", sa.String(40), nullable=False),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("lineage", sa.JSON, nullable=False),
    sa.Column("verdict", sa.JSON),
    sa.Column("made", sa.String(TIME), nullable=False),
    sa.Index("models_of_tenant", "tenant", "name", "number", unique=True),
    sa.Index(
        "models_of_nobody",
        "name",
        "number",
        unique=True,
        sqlite_where=sa.text("tenant IS NULL"),
        postgresql_where=sa.text("tenant IS NULL"),
    ),
)

MODEL_DATASETS = sa.Table(
    "model_datasets",
    METADATA,
    sa.Column("model", sa.String(32), sa.ForeignKey("models.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tenant", sa.String(NAME)),  # none where that business is gone
    sa.Column("version", sa.Integer),
    sa.Column("digest", sa.String(128)),
)

ALIASES = sa.Table(
    "aliases",
    METADATA,
    sa.Column("tenant", sa.String(NAME), primary_key=True),  # empty: the bases'
    sa.Column("workload", sa.String(200), primary_key=True),
    sa.Column("alias", sa.String(20), primary_key=True),
    sa.Column("model", sa.String(32), sa.ForeignKey("models.id", ondelete="CASCADE"), nullable=False),
    sa.Column("changed", sa.String(TIME), nullable=False),
    sa.Index("aliases_of_model", "model"),  # a model that goes asks who is called by its name
)

KEYS = sa.Table(
    "keys",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    _tenant(nullable=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("scopes", sa.String(200), nullable=False),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("created", sa.String(TIME), nullable=False),
    sa.Column("used", sa.String(TIME)),
    sa.Column("revoked", sa.String(TIME)),
    sa.Index("keys_of_tenant", "tenant"),
)

# Of jobs with one digest only one may be under way or done: submitting the same twice joins the first.
UNDER_WAY = sa.text("state IN ('queued', 'running', 'done')")
JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("digest", sa.String(128), nullable=False),
    _tenant(nullable=True),  # who asked for it; none: the operator
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("stopping", sa.Boolean, nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("process", sa.JSON),
    sa.Column("ray_job", sa.String(200)),
    sa.Column("address", sa.String(300)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("created", sa.String(TIME), nullable=False),
    sa.Column("started", sa.String(TIME)),
    sa.Column("beat", sa.String(TIME)),
    sa.Column("ended", sa.String(TIME)),
    sa.Index("jobs_under_way", "digest", unique=True, sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY),
    sa.Index("jobs_by_state", "state"),
)

RESULTS = sa.Table(
    "results",
    METADATA,
    sa.Column("job", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    _tenant(primary_key=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("way", sa.String(60)),
    sa.Column("model", sa.String(32)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON),
    sa.Column("seconds", sa.Float),
    sa.Column("changed", sa.String(TIME), nullable=False),
    sa.Index("results_of_tenant", "tenant"),
)

STUDIES = sa.Table(
    "studies",
    METADATA,
    sa.Column("name", sa.String(NAME), primary_key=True),
    sa.Column("workload", sa.String(200), nullable=False),
    sa.Column("place", sa.String(400), nullable=False),
    sa.Column("metric", sa.String(60), nullable=False),
    sa.Column("best", sa.Float),
    sa.Column("trials", sa.Integer, nullable=False),
    sa.Column("changed", sa.String(TIME), nullable=False),
)


def _parts(name: str, *columns: sa.Column[str]) -> sa.Table:
    """Where Parquet parts of a tenant are."""
    return sa.Table(
        name,
        METADATA,
        sa.Column("id", sa.String(32), primary_key=True),
        _tenant(),
        *columns,
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("first", sa.String(TIME), nullable=False),
        sa.Column("last", sa.String(TIME), nullable=False),
        sa.Column("matched", sa.String(TIME)),
        sa.Column("made", sa.String(TIME), nullable=False),
        sa.Index(f"{name}_of_tenant", "tenant", "made"),
        sa.UniqueConstraint("tenant", "key", name=f"{name}_key"),
    )


PREDICTIONS = _parts("predictions", sa.Column("model", sa.String(32)))
ACTUALS = _parts("actuals")

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.String(TIME), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("tenant", sa.String(NAME)),
    sa.Column("subject", sa.String(300), nullable=False),
    sa.Column("detail", sa.JSON),
    sa.Index("audit_of_tenant", "tenant", "id"),
)
