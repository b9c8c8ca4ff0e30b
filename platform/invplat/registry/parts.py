"""Where the Parquet parts of a business's predictions, and of what came true, are kept: one row a part.

All are alike, so one file holds the nouns: `PREDICTED`, `SHADOWED` and `ACTUAL` are shelves. What a challenger said
beside the champion was never told to anybody, so it stands apart from what was. The facts are in the storage.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from invplat.core.errors import StorageError
from invplat.registry import tenants
from invplat.registry.database import Database
from invplat.registry.rows import inserted, new_id, now
from invplat.registry.tables import ACTUALS, PREDICTIONS


@dataclass(frozen=True)
class Part:
    tenant: str
    key: str  # in the storage, under the tenant's own prefix
    rows: int
    first: str  # the first and last period that it speaks of, ISO dates
    last: str
    model: str | None = None  # the id of the model that said so; none for what came true
    matched: str | None = None  # when predictions and actuals were brought together
    made: str = field(default_factory=now)
    id: str = field(default_factory=new_id)


@dataclass(frozen=True)
class Shelf:
    table: sa.Table
    folder: str  # under a tenant's prefix; two shelves may share a table

    def place(self, tenant: str) -> str:
        return f"tenants/{tenant}/{self.folder}/"

    def add(self, database: Database, parts: Sequence[Part]) -> list[Part]:
        """All in one transaction; those whose business has left are not among what comes back."""
        for part in parts:
            if not part.key.startswith(self.place(part.tenant)):
                raise StorageError(f"a part of {part.tenant} outside its own prefix: {part.key[:100]!r}")

        def work(connection: sa.Connection) -> list[Part]:
            there = {name: tenants.stays(connection, name) for name in sorted({part.tenant for part in parts})}
            taken = [part for part in parts if there[part.tenant]]
            rows = [{name: asdict(part)[name] for name in self.table.c.keys()} for part in taken]  # noqa: SIM118
            if rows:
                connection.execute(inserted(connection, self.table).on_conflict_do_nothing(), rows)
            return taken

        return database.write(work, repeatable=True)

    def of_tenant(
        self, database: Database, tenant: str, *, first: str = "", last: str = "9999", matched: bool | None = None
    ) -> list[Part]:
        """Those that speak of any period from `first` to `last`, oldest first."""
        columns = self.table.c
        which = self._of(tenant) & (columns.last >= first) & (columns.first <= last)
        if matched is not None:
            which &= columns.matched.is_not(None) if matched else columns.matched.is_(None)
        query = sa.select(self.table).where(which).order_by(columns.made, columns.id)
        return database.read(lambda connection: [Part(**row._mapping) for row in connection.execute(query)])

    def rows_of(self, database: Database, tenant: str) -> int:
        query = sa.select(sa.func.coalesce(sa.func.sum(self.table.c.rows), 0)).where(self._of(tenant))
        return database.read(lambda connection: int(connection.execute(query).scalar_one()))

    def match(self, database: Database, tenant: str, ids: Iterable[str]) -> None:
        """Mark as brought together, now."""
        which = self._of(tenant) & self.table.c.id.in_(list(ids))
        change = self.table.update().where(which).values(matched=now())
        database.write(lambda connection: connection.execute(change), repeatable=True)

    def _of(self, tenant: str) -> sa.ColumnElement[bool]:
        columns = self.table.c
        return (columns.tenant == tenant) & columns.key.startswith(self.place(tenant), autoescape=True)


PREDICTED = Shelf(PREDICTIONS, "predictions")
SHADOWED = Shelf(PREDICTIONS, "shadows")
ACTUAL = Shelf(ACTUALS, "actuals")
