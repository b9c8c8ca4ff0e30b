"""A business comes and goes; what was done for one never touches the next."""

from __future__ import annotations

from typing import Any

import pytest

from invplat.core.errors import Conflict, NameRefused, Unknown
from invplat.core.process import Process
from invplat.registry import aliases, audit, datasets, jobs, keys, models, parts, results, tenants, versions
from invplat.registry.datasets import DatasetVersion
from invplat.registry.results import Outcome
from invplat.storage import Storage
from tests.registry.conftest import Registry
from tests.registry.made import bundle


def dataset(tenant: str, version: int = 1, **more: Any) -> DatasetVersion:
    facts: dict[str, Any] = {"digest": "d", "rows": 10, "quarantined": 1, "stores": 2, "series": 3, "parent": None}
    facts |= {"first": "2026-01-01", "last": "2026-02-01", "frequency": "daily", "mapping": "generic", "code": "0"}
    return DatasetVersion(tenant, version, made="2026-02-02", **facts | more)


def full(registry: Registry, name: str) -> dict[str, str]:
    """A business with something of everything; the ids of it."""
    database, storage = registry.database, registry.storage
    tenants.add(database, name, actor="test")
    datasets.register(database, dataset(name), actor="test")
    learnt = {"dataset": {"tenant": name, "version": 1, "content_hash": f"hash-of-{name}"}}
    model = versions.keep(database, storage, name, "mlp", bundle(1, **learnt))
    aliases.promote(database, name, "mlp", model.id, expected=None, actor="test")
    key, secret = keys.create(database, name, actor="test", label=f"till of {name}")
    storage.write(f"tenants/{name}/predictions/1.parquet", b"parquet")
    part = parts.Part(name, f"tenants/{name}/predictions/1.parquet", 5, "2026-01-01", "2026-01-05", model.id)
    parts.PREDICTED.add(database, [part])
    actual = parts.Part(name, f"tenants/{name}/actuals/1.parquet", 5, "2026-01-01", "2026-01-05")
    parts.ACTUAL.add(database, [actual])
    own, _ = jobs.submit(database, "finetune", f"own-{name}", {"for": name}, [name], tenant=name, actor="test")
    results.write(database, own.id, [Outcome(name, "queued", reason=f"it is {name}")])
    found = {"model": model.id, "key": key.id, "secret": secret, "job": own.id, "part": part.id, "actual": actual.id}
    return found


def test_names_are_checked_and_given_once(registry: Registry) -> None:
    tenants.add(registry.database, "shop", actor="ann")
    with pytest.raises(Conflict, match="already"):
        tenants.add(registry.database, "shop", actor="bob")
    for name in ("", "../shop", "Shop", "a/b", "x" * 64, "shop\n", "shop\0"):
        with pytest.raises(NameRefused):
            tenants.add(registry.database, name, actor="ann")
    assert tenants.names(registry.database) == ["shop"]
    assert not tenants.ensure(registry.database, "shop", actor="ann")
    assert [(deed.actor, deed.action) for deed in audit.recent(registry.database)] == [("ann", "tenant.add")]


def test_a_stranger_is_told_who_is_near(registry: Registry) -> None:
    with pytest.raises(Unknown) as told:
        tenants.get(registry.database, "shop")
    assert "invplat tenant add shop" in str(told.value.hint)
    for name in ("corner-shop", "north-shop", "bakery"):
        tenants.add(registry.database, name, actor="test")
    with pytest.raises(Unknown) as told:
        tenants.get(registry.database, "corner-shp")
    assert "did you mean corner-shop" in str(told.value.hint)
    for name in ("zzz", "'; DROP TABLE tenants; --", "%", "\udcff"):
        with pytest.raises(Unknown):
            tenants.get(registry.database, name)


def rows_of(registry: Registry, name: str) -> str:
    """Everything that any table says of it, as text; the line that tells of its removal left out."""
    from invplat.registry.tables import METADATA

    found = []
    for table in METADATA.sorted_tables:
        rows = registry.database.read(lambda connection, table=table: connection.execute(table.select()).all())
        found += [repr(row) for row in rows if name in repr(row) and "tenant.remove" not in repr(row)]
    return "\n".join(found)


def test_gone_is_gone_from_every_table_and_prefix(registry: Registry) -> None:
    """And one whose name begins alike is left alone."""
    database, storage = registry.database, registry.storage
    full(registry, "bravo")
    other = full(registry, "bravo-2")
    base = versions.keep(database, storage, None, "trunk", bundle(2, pooled=[["bravo", 1], ["bravo-2", 1]]))
    before = rows_of(registry, "bravo-2")
    tenants.remove(database, storage, "bravo", actor="ann")
    assert rows_of(registry, "bravo").replace("bravo-2", "").count("bravo") == 0
    assert storage.names("tenants/bravo") == []
    assert rows_of(registry, "bravo-2") == before
    assert storage.read("tenants/bravo-2/predictions/1.parquet") == b"parquet"
    assert models.versions(storage, "bravo-2", "mlp") == [1]
    assert keys.check(database, other["secret"]) is not None
    # A base that has learnt from it says so without its name.
    learnt = versions.by_id(database, None, base.id).datasets
    assert [(one.tenant, one.version) for one in learnt] == [(None, 1), ("bravo-2", 1)]
    last = audit.recent(database)[0]
    assert (last.actor, last.action, last.subject) == ("ann", "tenant.remove", "bravo")
    with pytest.raises(Unknown):
        tenants.remove(database, storage, "bravo", actor="ann")


class Breaking:
    """Storage that goes away at a removal."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def remove(self, prefix: str) -> None:
        raise KeyboardInterrupt


def test_a_removal_broken_off_lets_nobody_in_and_goes_on(registry: Registry) -> None:
    database = registry.database
    of_it = full(registry, "shop")
    with pytest.raises(KeyboardInterrupt):
        tenants.remove(database, Breaking(registry.storage), "shop", actor="ann")  # type: ignore[arg-type]
    assert keys.check(database, of_it["secret"]) is None
    assert keys.locks(database) == {}
    assert tenants.names(database) == []
    for attempt in (
        lambda: tenants.get(database, "shop"),
        lambda: keys.create(database, "shop", actor="test"),
        lambda: datasets.register(database, dataset("shop", 2), actor="test"),
        lambda: versions.keep(database, registry.storage, "shop", "mlp", bundle(2)),
        lambda: aliases.promote(database, "shop", "mlp", of_it["model"], expected=of_it["model"], actor="test"),
        lambda: jobs.submit(database, "finetune", "new", {}, ["shop"], actor="test"),
    ):
        with pytest.raises(Unknown):
            attempt()
    with pytest.raises(Conflict, match="is being removed"):
        tenants.ensure(database, "shop", actor="test")
    assert tenants.known(database, "shop") == "shop"
    tenants.remove(database, registry.storage, "shop", actor="ann")
    assert registry.storage.names("tenants/shop") == []
    assert tenants.ensure(database, "shop", actor="test")


def test_a_running_job_is_told_that_a_business_has_left(registry: Registry) -> None:
    database, storage = registry.database, registry.storage
    for name in ("stays", "leaves"):
        tenants.add(database, name, actor="test")
    both, _ = jobs.submit(database, "finetune", "both", {}, ["stays", "leaves"], actor="test")
    alone, _ = jobs.submit(database, "finetune", "alone", {}, ["leaves"], actor="test")
    waiting, _ = jobs.submit(database, "finetune", "waiting", {}, ["leaves"], tenant="leaves", actor="test")
    attempts = {job.id: jobs.claim(database, job.id, Process.this()).attempt for job in (both, alone)}
    tenants.remove(database, storage, "leaves", actor="test")
    assert jobs.beat(database, both.id, attempts[both.id]) is jobs.Wish.GO
    assert results.pending(database, both.id) == ["stays"]
    assert jobs.beat(database, alone.id, attempts[alone.id]) is jobs.Wish.STOP
    with pytest.raises(Unknown):
        jobs.get(database, waiting.id)
    # What it had under way can no longer be kept, and leaves nothing behind.
    with pytest.raises(Unknown, match="any more"):
        versions.keep(database, storage, "leaves", "mlp", bundle(1))
    assert storage.names("tenants/leaves/models/mlp") == []
    gone = results.write(database, both.id, [Outcome("stays", "done"), Outcome("leaves", "done")], attempt=1)
    assert gone == {"leaves"}
    assert [one.tenant for one in results.of_job(database, both.id)] == ["stays"]


def test_kept_data_stays_where_it_is(registry: Registry) -> None:
    full(registry, "shop")
    tenants.remove(registry.database, registry.storage, "shop", keep_data=True, actor="ann")
    assert rows_of(registry, "shop") == ""
    assert models.versions(registry.storage, "shop", "mlp") == [1]
    tenants.add(registry.database, "shop", actor="ann")
    assert versions.sight(registry.database, registry.storage, "shop") == {}
    assert [one.reference for one in versions.of_tenant(registry.database, "shop")] == ["mlp@1"]
    assert aliases.of_tenant(registry.database, "shop") == [], "who was champion is for the gate to say anew"
