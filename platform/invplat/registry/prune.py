"""Old versions go: their rows in one transaction that looks once more at who is named, then their bytes.

Whatever is asked, there stay: the newest of each name, so that no number is given twice; what anybody's alias names;
what a job that is not over speaks of, and all of a business that one is at work for; a base that a business's model
began as, which goes on being served by it. Broken off anywhere, the same again ends it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from invplat.registry import audit, models, versions
from invplat.registry.bundle import SEAL
from invplat.registry.database import Database
from invplat.registry.rows import moment, of
from invplat.registry.tables import ALIASES, JOBS, MODEL_DATASETS, MODELS, RESULTS
from invplat.registry.versions import Version
from invplat.storage import Storage

KEEP = 3
AT_ONCE = 500  # rows in one transaction
SILENCE = timedelta(days=1)  # after which a job that was found lost will not give a sign of life any more
BEGAN = ("finetune", "made", "base")  # in the metrics of a business's model: the base, whichever model was gone on from


@dataclass(frozen=True)
class Rule:
    keep: int = KEEP  # the newest of each name
    before: datetime | None = None  # of what is left, only what was made earlier

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError("the newest of a name always stays")


@dataclass
class Pruned:
    """Or what would be."""

    gone: list[Version] = field(default_factory=list)
    named: dict[str, str] = field(default_factory=dict)  # by reference: what is old enough, and why it stays
    leftovers: list[str] = field(default_factory=list)  # prefixes of what was half removed before

    @property
    def size(self) -> int:
        return sum(one.size for one in self.gone)


def found(database: Database, storage: Storage, tenant: str | None, rule: Rule) -> Pruned:
    """What would go now; None: of the bases. What the registry did not know is registered, as whenever it is seen."""
    versions.sight(database, storage, tenant)
    rows = versions.of_tenant(database, tenant)
    old = _old(storage, tenant, rows, rule)
    ids = [one.id for one in old]
    named: dict[str, str] = database.read(lambda connection: _named(connection, tenant, ids)) if ids else {}
    return Pruned(
        [one for one in old if one.id not in named],
        {one.reference: named[one.id] for one in old if one.id in named},
        list(_leftovers(storage, tenant, rows)),
    )


def prune(database: Database, storage: Storage, tenant: str | None, rule: Rule, *, actor: str) -> Pruned:
    wanted = found(database, storage, tenant, rule)
    done = Pruned([], dict(wanted.named), wanted.leftovers)
    for first in range(0, len(wanted.gone), AT_ONCE):
        gone, named = _forget(database, tenant, wanted.gone[first : first + AT_ONCE], actor)
        done.gone += gone
        done.named |= named
        for one in gone:
            # Its seal first: broken off after that, it is no bundle that anybody could take for one.
            storage.remove(f"{one.prefix}/{SEAL}")
            storage.remove(str(one.prefix))
    for prefix in done.leftovers:
        storage.remove(prefix)
    return done


def _old(storage: Storage, tenant: str | None, rows: Sequence[Version], rule: Rule) -> list[Version]:
    by_name: dict[str, list[Version]] = {}
    for one in rows:
        by_name.setdefault(one.name, []).append(one)
    doomed: list[Version] = []
    for name, each in by_name.items():
        some = [one for one in each[: -rule.keep] if one.prefix is not None and _before(one, rule.before)]
        # The next number follows the newest that is whole: where the newest row has lost its bytes, that is another.
        last = models.newest(storage, tenant, name) if some else None
        doomed += [one for one in some if last is not None and one.number < last]
    return doomed


def _before(one: Version, moment: datetime | None) -> bool:
    """What doesn't say when it was made is not taken for old."""
    if moment is None:
        return True
    try:
        made = datetime.fromisoformat(one.made)
    except ValueError:
        return False
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) < moment


def _leftovers(storage: Storage, tenant: str | None, rows: Sequence[Version]) -> Iterator[str]:
    """Numbers follow one another, and are sealed in turn: one before the newest that has no seal has lost it."""
    known = {(one.name, one.number) for one in rows}
    for name in models.names(storage, tenant):
        last = models.newest(storage, tenant, name) or 0
        for number in models.numbers(storage, tenant, name):
            if number < last and (name, number) not in known and not models.whole(storage, tenant, name, number):
                yield models.prefix(tenant, name, number)


def _forget(
    database: Database, tenant: str | None, doomed: Sequence[Version], actor: str
) -> tuple[list[Version], dict[str, str]]:
    """The rows of those that may go, in one transaction; and of the others why they stay."""
    ids = [one.id for one in doomed]

    def work(connection: sa.Connection) -> tuple[list[Version], dict[str, str]]:
        # Whoever is about to name one of these has it in hand, and is waited for; whoever comes later finds it gone.
        mine = sa.select(MODELS.c.id).where(MODELS.c.id.in_(ids)).order_by(MODELS.c.id).with_for_update()
        there = set(connection.execute(mine).scalars())
        named = _named(connection, tenant, ids)
        numbers = sa.select(MODELS.c.name, sa.func.max(MODELS.c.number).label("number")).where(
            of(MODELS.c.tenant, tenant)
        )
        last = {row.name: row.number for row in connection.execute(numbers.group_by(MODELS.c.name))}
        gone = [one for one in doomed if one.id in there and one.id not in named and one.number < last[one.name]]
        if gone:
            which = [one.id for one in gone]
            connection.execute(MODEL_DATASETS.delete().where(MODEL_DATASETS.c.model.in_(which)))
            connection.execute(MODELS.delete().where(MODELS.c.id.in_(which)))
            told = {one.reference: one.id for one in gone}
            subject = ", ".join(sorted({one.name for one in gone}))
            audit.note(connection, actor, "model.prune", tenant, subject, models=told, size=sum(o.size for o in gone))
        return gone, {one.reference: named[one.id] for one in doomed if one.id in named}

    return database.write(work)


def _named(connection: sa.Connection, tenant: str | None, ids: Collection[str]) -> dict[str, str]:
    """Of these, which somebody needs, and who."""
    found = {one: f"job {job} is at work for it" for job in _at_work(connection, tenant) for one in ids}
    if tenant is None:
        found |= {one: f"models that began as it: {count}" for one, count in _began(connection, ids).items()}
    specs = sa.select(JOBS.c.id, JOBS.c.spec).where(_not_over(connection))
    for job, spec in connection.execute(specs):
        found |= dict.fromkeys(set(_words(spec)) & set(ids), f"job {job} speaks of it")
    columns = (ALIASES.c.tenant, ALIASES.c.workload, ALIASES.c.alias, ALIASES.c.model)
    for row in connection.execute(sa.select(*columns).where(ALIASES.c.model.in_(ids))):
        found[row.model] = f"{row.alias} of {row.workload} of {row.tenant or 'the bases'}"
    return found


def _at_work(connection: sa.Connection, tenant: str | None) -> list[str]:
    """What a job has stored for a business is registered when its result is: until then nothing of it is touched."""
    if tenant is None:
        return []
    query = sa.select(JOBS.c.id).join(RESULTS, RESULTS.c.job == JOBS.c.id)
    busy = RESULTS.c.state.in_(("queued", "running")) & _not_over(connection)
    return list(connection.execute(query.where(RESULTS.c.tenant == tenant, busy).limit(1)).scalars())


def _not_over(connection: sa.Connection) -> sa.ColumnElement[bool]:
    since = (datetime.fromisoformat(moment(connection)) - SILENCE).isoformat(timespec="microseconds")
    lost = (JOBS.c.state == "lost") & (JOBS.c.ended > since)
    return JOBS.c.state.in_(("queued", "running")) | lost


def _began(connection: sa.Connection, ids: Collection[str]) -> dict[str, int]:
    donor, base = MODELS.c.donor, MODELS.c.metrics[BEGAN].as_string()
    which = MODELS.c.tenant.is_not(None) & (donor.in_(ids) | base.in_(ids))
    counts: dict[str, int] = {}
    for row in connection.execute(sa.select(donor, base).where(which)):
        for one in set(row) & set(ids):
            counts[one] = counts.get(one, 0) + 1
    return counts


def _words(content: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping | list):
        for each in content.values() if isinstance(content, Mapping) else content:
            yield from _words(each)
