"""The versions of a business's dataset that the registry knows. The facts themselves are in the storage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from invplat.core.errors import Unknown
from invplat.registry import audit, tenants
from invplat.registry.database import Database
from invplat.registry.rows import clean, inserted
from invplat.registry.tables import DATASETS


class Manifest(Protocol):
    """What is read of a dataset's manifest."""

    @property
    def tenant(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def content_hash(self) -> str: ...
    @property
    def counts(self) -> Any: ...
    @property
    def stores(self) -> list[str]: ...
    @property
    def series(self) -> int: ...
    @property
    def start(self) -> str: ...
    @property
    def end(self) -> str: ...
    @property
    def frequency(self) -> str: ...
    @property
    def mapping(self) -> str: ...
    @property
    def parent(self) -> int | None: ...
    @property
    def code(self) -> str: ...
    @property
    def created(self) -> str: ...


@dataclass(frozen=True)
class DatasetVersion:
    tenant: str
    version: int
    digest: str  # of its rows: the same rows, the same digest
    rows: int
    quarantined: int
    stores: int
    series: int
    first: str
    last: str
    frequency: str
    mapping: str
    parent: int | None
    code: str
    made: str

    @classmethod
    def of(cls, manifest: Manifest) -> DatasetVersion:
        return cls(
            tenant=manifest.tenant,
            version=manifest.version,
            digest=manifest.content_hash,
            rows=manifest.counts.rows_kept,
            quarantined=manifest.counts.rows_quarantined,
            stores=len(manifest.stores),
            series=manifest.series,
            first=manifest.start,
            last=manifest.end,
            frequency=manifest.frequency,
            mapping=clean(manifest.mapping, 200),
            parent=manifest.parent,
            code=manifest.code,
            made=manifest.created,
        )


def register(database: Database, version: DatasetVersion, *, actor: str) -> bool:
    """Whether it is new; versions never change, so one that is known stays as it is."""

    def work(connection: sa.Connection) -> bool:
        if not tenants.stays(connection, version.tenant):
            raise tenants.unknown(connection, version.tenant)
        new = inserted(connection, DATASETS).values(**asdict(version)).on_conflict_do_nothing()
        if not connection.execute(new).rowcount:
            return False
        subject = f"dataset {version.version}"
        audit.note(connection, actor, "dataset.add", version.tenant, subject, rows=version.rows)
        return True

    return database.write(work, repeatable=True)


def of_tenant(database: Database, tenant: str) -> list[DatasetVersion]:
    """Oldest first."""
    query = sa.select(DATASETS).where(DATASETS.c.tenant == tenant).order_by(DATASETS.c.version)
    return database.read(lambda connection: [DatasetVersion(**row._mapping) for row in connection.execute(query)])


def newest(database: Database, tenant: str) -> DatasetVersion:
    found = of_tenant(database, tenant)
    if not found:
        raise Unknown(
            f"tenant {tenant} has no dataset",
            hint=f"make one: invplat data ingest --tenant {tenant} --mapping generic FILES",
        )
    return found[-1]


def newest_of_all(database: Database) -> dict[str, DatasetVersion]:
    """The operator's view: of every business that has one, in one read."""
    last = sa.select(DATASETS.c.tenant, sa.func.max(DATASETS.c.version).label("version")).group_by(DATASETS.c.tenant)
    part = last.subquery()
    query = sa.select(DATASETS).join(
        part, (DATASETS.c.tenant == part.c.tenant) & (DATASETS.c.version == part.c.version)
    )
    return database.read(
        lambda connection: {row.tenant: DatasetVersion(**row._mapping) for row in connection.execute(query)}
    )
