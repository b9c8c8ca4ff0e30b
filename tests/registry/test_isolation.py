"""The wall: every call that knows a business is made as alpha, and nothing of bravo comes back or changes.

A new call of the registry that takes a tenant must be walked here; one that takes none must be named as the operator's.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from invplat.core.errors import InvplatError
from invplat.data import dataset as data
from invplat.registry import aliases, audit, datasets, jobs, keys, models, parts, results, tenants, versions
from invplat.registry.aliases import Move
from invplat.registry.database import Database
from tests.registry.conftest import Registry
from tests.registry.made import bundle
from tests.registry.test_tenants import dataset, full, rows_of

WALKED: tuple[ModuleType | type, ...] = (aliases, audit, datasets, jobs, keys, models, results, versions, parts.Shelf)
A, B = "alpha", "bravo"
SHELVES = (parts.PREDICTED, parts.SHADOWED, parts.ACTUAL)
Ids = dict[str, str]
Call = Callable[[Registry, Ids], Any]

# As alpha, with the ids of bravo wherever an id can be said.
CALLS: dict[str, Call] = {
    "aliases.of_tenant": lambda r, b: aliases.of_tenant(r.database, A),
    "aliases.current": lambda r, b: aliases.current(r.database, A, "mlp"),
    "aliases.promote": lambda r, b: aliases.promote(r.database, A, "mlp", b["model"], expected=None, actor="x"),
    "aliases.tried": lambda r, b: [aliases.tried(r.database, A, base=base) for base in (True, False)],
    "aliases.withdraw": lambda r, b: aliases.withdraw(r.database, A, "mlp", actor="x"),
    "aliases.challenge": lambda r, b: aliases.challenge(r.database, A, "mlp", b["model"], actor="x"),
    "aliases.rollback": lambda r, b: aliases.rollback(r.database, A, "mlp", expected=b["model"], actor="x"),
    "audit.of_tenant": lambda r, b: audit.of_tenant(r.database, A),
    "datasets.of_tenant": lambda r, b: datasets.of_tenant(r.database, A),
    "datasets.newest": lambda r, b: datasets.newest(r.database, A),
    "jobs.seen_by": lambda r, b: jobs.seen_by(r.database, A, b["job"]),
    "jobs.of_tenant": lambda r, b: jobs.of_tenant(r.database, A),
    "keys.of_tenant": lambda r, b: keys.of_tenant(r.database, A),
    "keys.create": lambda r, b: keys.create(r.database, A, actor="x"),
    "keys.revoke": lambda r, b: keys.revoke(r.database, A, b["key"], actor="x"),
    "models.keep": lambda r, b: models.keep(r.storage, A, "mlp", bundle(9)),
    "models.names": lambda r, b: models.names(r.storage, A),
    "models.versions": lambda r, b: models.versions(r.storage, A, "mlp"),
    "models.numbers": lambda r, b: models.numbers(r.storage, A, "mlp"),
    "models.prefixes": lambda r, b: models.prefixes(r.storage, A),
    "models.whole": lambda r, b: models.whole(r.storage, A, "secret", 1),
    "models.prefix": lambda r, b: models.prefix(A, "mlp", 1),
    "models.newest": lambda r, b: models.newest(r.storage, A, "secret"),
    "models.open_bundle": lambda r, b: models.open_bundle(r.storage, A, "secret"),
    "models.summary": lambda r, b: models.summary(r.storage, A, "secret"),
    "models.resolve": lambda r, b: models.resolve(r.storage, A, "secret"),
    "results.of_tenant": lambda r, b: [results.of_tenant(r.database, A), results.of_tenant(r.database, A, b["job"])],
    "versions.keep": lambda r, b: versions.keep(r.database, r.storage, A, "mlp", bundle(8)),
    "versions.stored": lambda r, b: versions.stored(r.storage, A, "mlp", bundle(7)),
    "versions.seen": lambda r, b: versions.seen(r.storage, A, "secret", 1),
    "versions.of_tenant": lambda r, b: versions.of_tenant(r.database, A),
    "versions.by_id": lambda r, b: versions.by_id(r.database, A, b["model"]),
    "versions.get": lambda r, b: versions.get(r.database, A, "secret"),
    "versions.sight": lambda r, b: versions.sight(r.database, r.storage, A),
    "Shelf.of_tenant": lambda r, b: [shelf.of_tenant(r.database, A) for shelf in SHELVES],
    "Shelf.place": lambda r, b: [shelf.place(A) for shelf in SHELVES],
    "Shelf.rows_of": lambda r, b: parts.PREDICTED.rows_of(r.database, A),
    "Shelf.match": lambda r, b: [shelf.match(r.database, A, [b["part"], b["actual"]]) for shelf in SHELVES],
    # The storage's and the data's own.
    "data.versions": lambda r, b: data.versions(r.storage, A),
    "data.open": lambda r, b: data.Dataset.open(r.storage, A),
    "storage.names": lambda r, b: r.storage.names(f"tenants/{A}"),
    # What a base tells alpha of those it has learnt from, and a job of the operator's of those it is for.
    "a base": lambda r, b: [versions.by_id(r.database, A, b["base"]), versions.by_id(r.database, A, b["base"]).lineage],
    "a job for both": lambda r, b: [
        jobs.seen_by(r.database, A, b["both"]),
        results.of_tenant(r.database, A, b["both"]),
    ],
}

# Asked by the operator, or by code that has found out before what it may ask.
OPERATORS = {
    *("aliases.champions", "aliases.challengers", "aliases.promote_many", "aliases.promote_all", "aliases.apply"),
    *("audit.person", "audit.note", "audit.recent", "audit.of_actions"),
    *("datasets.register", "datasets.newest_of_all"),
    *("jobs.submit", "jobs.get", "jobs.listed", "jobs.sent", "jobs.claim", "jobs.beat", "jobs.finish", "jobs.lose"),
    *("jobs.find_lost", "jobs.stop", "jobs.retry"),
    *("keys.check", "keys.locks", "keys.id_of", "keys.used"),
    "models.reference",
    *("results.write", "results.update", "results.of_job", "results.pending", "results.counts"),
    *("versions.register", "versions.insert", "versions.by_ids", "versions.judged", "versions.open_bundle"),
    "Shelf.add",
}


@pytest.fixture
def two(registry: Registry) -> tuple[Registry, Ids]:
    """Alpha and bravo, each with something of everything; the ids of bravo's, and of what they share."""
    full(registry, A)
    bravo = full(registry, B)
    database, storage = registry.database, registry.storage
    versions.keep(database, storage, B, "secret", bundle(3))
    datasets.register(database, dataset(B, 2, mapping="bravo-only"), actor="test")
    learnt = {"dataset": {"tenant": B, "version": 1, "content_hash": "x"}, "pooled": [[B, 1], [A, 1]], "donor": B}
    bravo["base"] = versions.keep(database, storage, None, "trunk", bundle(4, **learnt)).id
    spec = {"note": "bravo is difficult"}
    bravo["both"] = jobs.submit(database, "finetune", "bravo-and-alpha", spec, [A, B], actor="test")[0].id
    jobs.claim(database, bravo["both"], jobs.Process("bravo-machine", 1, "", ""))
    return registry, bravo


def functions(module: ModuleType | type) -> dict[str, Callable[..., Any]]:
    """Those that are defined there and meant for others."""
    name = module.__name__.rsplit(".", 1)[-1]
    own = module.__name__ if isinstance(module, ModuleType) else module.__module__
    return {
        f"{name}.{each}": found
        for each, found in vars(module).items()
        if inspect.isfunction(found) and found.__module__ == own and not each.startswith("_")
    }


def test_every_call_is_walked_or_the_operator_s() -> None:
    there = {name: found for module in WALKED for name, found in functions(module).items()}
    assert sorted(set(there) - set(CALLS) - OPERATORS) == []
    assert sorted(OPERATORS - set(there)) == [], "named, and no longer there"
    # Whoever takes a tenant is walked: no such call hides among the operator's, but those that write for one.
    taking = {name for name, found in there.items() if "tenant" in inspect.signature(found).parameters}
    assert taking & OPERATORS == {"audit.note", "jobs.submit"}


def test_alpha_finds_nothing_of_bravo(two: tuple[Registry, Ids]) -> None:
    registry, bravo = two
    before = bravos(registry)
    told = [(name, said) for name, call in CALLS.items() for said in [heard(call, registry, bravo)] if said]
    assert told == []
    assert bravos(registry) == before, "and it has changed nothing of bravo's"


def heard(call: Call, registry: Registry, bravo: Ids) -> str:
    """What came back of bravo; empty: nothing."""
    try:
        said = repr(call(registry, bravo))
    except InvplatError as error:
        said = str(error)
    # An id that alpha itself has said is said back to it, when it is told that there is no such thing.
    said = re.sub(r"no (model of id|key|job) '[0-9a-f]{16}'", "", said)
    words = (B, *(bravo[what] for what in ("model", "key", "part", "actual", "secret", "job")))
    return said if any(word in said for word in words) else ""


def bravos(registry: Registry) -> tuple[Any, ...]:
    storage, database = registry.storage, registry.database
    kept = [storage.read(f"{models.prefix(B, name, 1)}/bundle.json") for name in ("mlp", "secret")]
    key = [one.revoked for one in keys.of_tenant(database, B)]
    matched = [one.matched for shelf in SHELVES for one in shelf.of_tenant(database, B)]
    return rows_of(registry, B), kept, key, matched, aliases.of_tenant(database, B)


def test_a_part_outside_its_own_prefix_is_refused(two: tuple[Registry, Ids]) -> None:
    registry, _ = two
    shadows = f"tenants/{A}/shadows/1.parquet"  # which nobody was told
    for key in (f"tenants/{B}/predictions/1.parquet", f"tenants/{A}-2/x", shadows, "x", ""):
        with pytest.raises(InvplatError, match="outside its own prefix"):
            parts.PREDICTED.add(registry.database, [parts.Part(A, key, 1, "2026", "2026")])


@pytest.mark.parametrize("name", ["../bravo", "alpha/../bravo", "bravo/", "", "%", "*", "BRAVO", "bravo' OR '1'='1"])
def test_no_name_leads_to_another(two: tuple[Registry, Ids], name: str) -> None:
    registry, bravo = two
    with_database: tuple[Callable[[Database], Any], ...] = (
        lambda database: versions.of_tenant(database, name),
        lambda database: keys.of_tenant(database, name),
        lambda database: aliases.of_tenant(database, name),
        lambda database: audit.of_tenant(database, name),
        lambda database: results.of_tenant(database, name),
        lambda database: parts.PREDICTED.of_tenant(database, name),
        lambda database: jobs.of_tenant(database, name),
    )
    for call in with_database:
        assert call(registry.database) == []
    for refused in (
        lambda: tenants.get(registry.database, name),
        lambda: models.names(registry.storage, name),
        lambda: models.open_bundle(registry.storage, name, "mlp"),
        lambda: data.versions(registry.storage, name),
        lambda: versions.keep(registry.database, registry.storage, name, "mlp", bundle(1)),
        lambda: aliases.promote_all(registry.database, [Move(name, "mlp", bravo["model"], None)], actor="x"),
    ):
        with pytest.raises(InvplatError):
            refused()
