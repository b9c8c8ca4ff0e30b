"""How much each business has, in one read; and whether anything of what is served has changed, for next to nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from invplat.registry.database import Database
from invplat.registry.tables import ALIASES, DATASETS, JOBS, KEYS, MODELS, RESULTS, TENANTS


@dataclass(frozen=True)
class Counts:
    models: int = 0
    keys: int = 0  # that open something
    jobs: int = 0  # under way


def counts(database: Database) -> dict[str, Counts]:
    """By business; one that isn't named has nothing."""
    models = sa.select(MODELS.c.tenant, sa.func.count()).where(MODELS.c.tenant.is_not(None)).group_by(MODELS.c.tenant)
    keys = (
        sa.select(KEYS.c.tenant, sa.func.count())
        .where(KEYS.c.tenant.is_not(None), KEYS.c.revoked.is_(None))
        .group_by(KEYS.c.tenant)
    )
    jobs = (
        sa.select(RESULTS.c.tenant, sa.func.count())
        .join(JOBS, JOBS.c.id == RESULTS.c.job)
        .where(JOBS.c.state.in_(("queued", "running")))
        .group_by(RESULTS.c.tenant)
    )

    def work(connection: sa.Connection) -> dict[str, Counts]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for name, query in (("models", models), ("keys", keys), ("jobs", jobs)):
            for tenant, count in connection.execute(query):
                found[tenant][name] = count
        return defaultdict(Counts, {tenant: Counts(**has) for tenant, has in found.items()})

    return database.read(work)


def stamp(database: Database) -> tuple[object, ...]:
    """Another one whenever a champion, a dataset, a base or a business has come, changed or gone: cheap to ask again
    and again, where reading all of them is dear."""
    bases = sa.select(sa.func.count(), sa.func.max(MODELS.c.made)).where(MODELS.c.tenant.is_(None))
    # Neither the last change by its maker's clock nor the last to be seen need be the newest: all have a part in it.
    digits = sa.func.substr(ALIASES.c.changed, 18, 2).concat(sa.func.substr(ALIASES.c.changed, 21, 6))
    queries = [
        sa.select(sa.func.count(), sa.func.max(ALIASES.c.changed), sa.func.sum(sa.cast(digits, sa.BigInteger))),
        sa.select(sa.func.count(), sa.func.max(DATASETS.c.made)),
        sa.select(sa.func.count(), sa.func.max(TENANTS.c.created), sa.func.count().filter(TENANTS.c.leaving)),
        bases,
    ]

    def work(connection: sa.Connection) -> tuple[object, ...]:
        return tuple(figure for query in queries for figure in connection.execute(query).one())

    return database.read(work)
