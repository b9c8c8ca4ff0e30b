"""What the registry knows of kept models: whose, of which data, code, params and donor, and how it was judged.

The bytes are bundles in the storage, numbered by `models`; a row is written after its bundle, so it never points at
nothing. A bundle without a row (kept by an older invplat, or just before a crash) is registered when it is seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from invplat.core.errors import BundleRefused, Unknown
from invplat.registry import models, tenants
from invplat.registry.bundle import SEAL, Bundle, load, read_documents, read_seal
from invplat.registry.database import Database
from invplat.registry.rows import clean, inserted, new_id, now, of, plain
from invplat.registry.tables import MODEL_DATASETS, MODELS
from invplat.storage import Storage

NAMING = ("dataset", "pooled", "donor", "donor_id", "code", "made")  # of a lineage: told apart, in columns of their own


@dataclass(frozen=True)
class Learnt:
    """A dataset version that a model has learnt from."""

    tenant: str | None  # none: a business that has left, or one that the reader may not know
    version: int | None
    digest: str | None


@dataclass(frozen=True)
class Version:
    tenant: str | None  # none: a base
    name: str
    number: int
    workload: str
    prefix: str | None  # of its bundle in the storage; none where nothing was learnt (a naive rule)
    digest: str | None  # of its bundle's seal, and so of all its bytes
    size: int  # bytes of its own, beside what it shares with others
    code: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    lineage: Mapping[str, Any]
    datasets: tuple[Learnt, ...] = ()
    donor: str | None = None  # the id of the model it began as
    study: str | None = None
    verdict: Mapping[str, Any] | None = None
    made: str = field(default_factory=now)
    id: str = field(default_factory=new_id)

    @property
    def reference(self) -> str:
        return f"{self.name}@{self.number}"

    @property
    def called(self) -> str:
        """The reference, and whether it is a base."""
        return self.reference if self.tenant else f"base {self.reference}"


def keep(
    database: Database,
    storage: Storage,
    tenant: str | None,
    name: str,
    bundle: Bundle,
    *,
    donor: str | None = None,
    study: str | None = None,
    verdict: Mapping[str, Any] | None = None,
) -> Version:
    """The bundle as the next version of this name, and its row. Where the business has left meanwhile, neither."""
    made = stored(storage, tenant, name, bundle, donor=donor, study=study, verdict=verdict)
    for registered in register(database, [made]):
        return registered
    storage.remove(str(made.prefix))
    raise Unknown(f"there is no tenant {tenant!r} any more", hint="nothing was kept")


def stored(
    storage: Storage,
    tenant: str | None,
    name: str,
    bundle: Bundle,
    *,
    donor: str | None = None,
    study: str | None = None,
    verdict: Mapping[str, Any] | None = None,
) -> Version:
    """The bundle in the storage, its row yet to be registered: for many at once."""
    number = models.keep(storage, tenant, name, bundle)
    found = seen(storage, tenant, name, number)
    return replace(found, donor=donor or found.donor, study=study, verdict=verdict)


def seen(storage: Storage, tenant: str | None, name: str, number: int) -> Version:
    """What a bundle says of itself."""
    prefix = models.prefix(tenant, name, number)
    seal = read_seal(storage, prefix)
    documents = read_documents(storage, prefix, seal)
    lineage = documents["lineage"]
    return Version(
        tenant=tenant,
        name=name,
        number=number,
        workload=seal.workload,
        prefix=prefix,
        digest=_seal(storage, prefix),
        size=seal.size,
        code=str(lineage.get("code") or "")[:40],
        params=documents["params"],
        metrics=documents["metrics"],
        lineage={key: value for key, value in lineage.items() if key not in NAMING},
        datasets=_learnt(lineage),
        donor=lineage.get("donor_id"),
        made=str(lineage.get("made") or now()),
    )


def register(database: Database, made: Sequence[Version]) -> list[Version]:
    """All in one transaction; those whose business has left meanwhile are not among what comes back."""
    return database.write(lambda connection: insert(connection, made), repeatable=True)


def insert(connection: sa.Connection, made: Sequence[Version]) -> list[Version]:
    """The same within a transaction of the caller's."""
    there = {name: tenants.stays(connection, name) for name in sorted({one.tenant for one in made if one.tenant})}
    return [_insert(connection, one) for one in made if one.tenant is None or there[one.tenant]]


def _insert(connection: sa.Connection, one: Version) -> Version:
    row = {column.name: getattr(one, column.name) for column in MODELS.columns}
    row |= {name: plain(row[name]) for name in ("params", "metrics", "lineage", "verdict")}
    row["verdict"] = sa.null() if one.verdict is None else row["verdict"]
    if connection.execute(inserted(connection, MODELS).values(**row).on_conflict_do_nothing()).rowcount:
        rows = [{"model": one.id, "place": place, **vars(each)} for place, each in enumerate(one.datasets)]
        if rows:
            connection.execute(MODEL_DATASETS.insert(), rows)
        return one
    # Another has registered it on sight, and could not know what its maker knows.
    same = of(MODELS.c.tenant, one.tenant) & (MODELS.c.name == one.name) & (MODELS.c.number == one.number)
    known = {name: row[name] for name in ("donor", "study", "verdict") if getattr(one, name) is not None}
    if known:
        connection.execute(MODELS.update().where(same).values(**known))
    return replace(one, id=connection.execute(sa.select(MODELS.c.id).where(same)).scalar_one())


def of_tenant(database: Database, tenant: str | None, name: str | None = None) -> list[Version]:
    """By name and number; None: the bases."""
    which = of(MODELS.c.tenant, tenant)
    return _read(database, tenant, which if name is None else which & (MODELS.c.name == name))


def by_id(database: Database, tenant: str | None, model: str) -> Version:
    """The business's own, or a base; another's is not there."""
    found = _read(
        database, tenant, (MODELS.c.id == clean(model, 40)) & (of(MODELS.c.tenant, tenant) | MODELS.c.tenant.is_(None))
    )
    if not found:
        raise Unknown(f"{_whose(tenant)} no model of id {model[:40]!r}", hint="see them: invplat models list")
    return found[0]


def by_ids(database: Database, ids: Iterable[str]) -> dict[str, Version]:
    """The operator's view: anybody's models, such as the donors and champions of many."""
    wanted = sorted(set(ids))
    found: dict[str, Version] = {}
    for first in range(0, len(wanted), 500):
        which = MODELS.c.id.in_(wanted[first : first + 500])
        found |= {one.id: one for one in _read(database, None, which, all_names=True)}
    return found


def get(database: Database, tenant: str | None, name: str, number: int | None = None) -> Version:
    """Of this number, or the newest."""
    found = of_tenant(database, tenant, name)
    found = found if number is None else [one for one in found if one.number == number]
    if not found:
        what = name if number is None else f"{name}@{number}"
        raise Unknown(f"{_whose(tenant)} no model {what!r}", hint="see them: invplat models list")
    return found[-1]


def judged(database: Database, verdicts: Mapping[str, Mapping[str, Any]]) -> None:
    """What the gate has said of each, by id; many at once."""

    def work(connection: sa.Connection) -> None:
        for model, verdict in verdicts.items():
            connection.execute(MODELS.update().where(MODELS.c.id == model).values(verdict=plain(verdict)))

    database.write(work, repeatable=True)


def open_bundle(storage: Storage, version: Version) -> Bundle:
    """Refuses what is not what was registered: missing, cut off, altered or replaced."""
    if version.prefix is None:
        raise BundleRefused(f"{version.reference} has no weights: it is a rule", hint="ask for another model")
    found = load(storage, version.prefix)
    if _seal(storage, version.prefix) != version.digest:
        raise BundleRefused(
            f"the bundle at {version.prefix} is not the one that was registered",
            hint="restore it from a backup, or use another version of the model",
        )
    return found


def sight(database: Database, storage: Storage, tenant: str | None) -> dict[str, str]:
    """Register what is in the storage and not yet known. What can't be read, by reference, with why."""
    known = {(one.name, one.number) for one in of_tenant(database, tenant)}
    trouble, found = {}, []
    for name in models.names(storage, tenant):
        for number in models.numbers(storage, tenant, name):
            if (name, number) in known or not models.whole(storage, tenant, name, number):
                continue
            try:
                found.append(seen(storage, tenant, name, number))
            except BundleRefused as error:
                trouble[f"{name}@{number}"] = error.message
    if found:
        register(database, found)
    return trouble


def _read(
    database: Database, reader: str | None, which: sa.ColumnElement[bool], *, all_names: bool = False
) -> list[Version]:
    """As `reader` may see it: of the data of others, that it is there and not whose it is."""

    def work(connection: sa.Connection) -> list[Version]:
        query = sa.select(MODELS).where(which).order_by(MODELS.c.name, MODELS.c.number)
        rows = connection.execute(query).all()
        chosen = sa.select(MODELS.c.id).where(which)
        parts = sa.select(MODEL_DATASETS).where(MODEL_DATASETS.c.model.in_(chosen)).order_by(MODEL_DATASETS.c.place)
        learnt: dict[str, list[Learnt]] = {row.id: [] for row in rows}
        for part in connection.execute(parts):
            named = all_names or reader is None or part.tenant == reader
            if part.model in learnt:
                learnt[part.model].append(Learnt(part.tenant if named else None, part.version, part.digest))
        return [Version(**row._mapping, datasets=tuple(learnt[row.id])) for row in rows]

    return database.read(work)


def _learnt(lineage: Mapping[str, Any]) -> tuple[Learnt, ...]:
    """Of one dataset with its digest, or of several, of which a bundle names the versions."""
    first = lineage.get("dataset") or {}
    digests = {(first.get("tenant"), first.get("version")): first.get("content_hash")}
    pairs = lineage.get("pooled") or ([[first.get("tenant"), first.get("version")]] if first else [])
    return tuple(Learnt(name, version, digests.get((name, version))) for name, version in pairs)


def _seal(storage: Storage, prefix: str) -> str:
    return hashlib.sha256(storage.read(f"{prefix}/{SEAL}")).hexdigest()


def _whose(tenant: str | None) -> str:
    return f"tenant {tenant} has" if tenant else "the bases have"
