"""A row for every model, with all that it was made of; and a bundle behind every row, the very one."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from invplat.core.errors import BundleRefused, Unknown
from invplat.registry import models, versions
from invplat.registry.bundle import SEAL
from invplat.registry.versions import Learnt, Version
from tests.registry.conftest import Registry
from tests.registry.made import bundle

DATA = {"tenant": "shop", "version": 3, "content_hash": "abc"}


def test_what_was_kept_is_traced_to_all_it_was_made_of(shop: Registry) -> None:
    base = versions.keep(shop.database, shop.storage, None, "trunk", bundle(1))
    made = bundle(2, dataset=DATA, made="2026-01-01T00:00:00+00:00", seed=7)
    facts = {"donor": base.id, "study": "spring", "verdict": {"decision": "promoted"}}
    kept = versions.keep(shop.database, shop.storage, "shop", "mlp", made, **facts)
    found = versions.get(shop.database, "shop", "mlp")
    assert found == kept
    assert (found.donor, found.study, found.code, found.workload) == (base.id, "spring", "0.1.0", "mlp")
    assert found.datasets == (Learnt("shop", 3, "abc"),)
    assert (found.params, found.metrics, found.lineage) == ({"rate": 0.5}, {"number": 2}, {"seed": 7})
    assert found.verdict == {"decision": "promoted"}
    assert found.prefix == "tenants/shop/models/mlp/00000001"
    assert versions.open_bundle(shop.storage, found) == made
    assert versions.by_id(shop.database, "shop", base.id).prefix == "bases/trunk/00000001"
    assert set(versions.by_ids(shop.database, [base.id, kept.id, "none"])) == {base.id, kept.id}


def test_bases_and_businesses_are_numbered_apart(shop: Registry) -> None:
    for tenant in (None, "shop", None, "shop"):
        versions.keep(shop.database, shop.storage, tenant, "mlp", bundle(1))
    assert [one.number for one in versions.of_tenant(shop.database, None)] == [1, 2]
    assert [one.number for one in versions.of_tenant(shop.database, "shop")] == [1, 2]
    assert versions.get(shop.database, "shop", "mlp").number == 2
    assert versions.get(shop.database, None, "mlp", 1).tenant is None
    with pytest.raises(Unknown, match="has no model 'mlp@9'"):
        versions.get(shop.database, "shop", "mlp", 9)
    with pytest.raises(Unknown, match="the bases have no model"):
        versions.get(shop.database, None, "lstm")


def test_a_bundle_without_a_row_is_registered_when_seen_once(shop: Registry) -> None:
    """Kept by an older invplat, or just before a crash; one that can't be read doesn't hide the others."""
    for number in range(3):
        models.keep(shop.storage, "shop", "mlp", bundle(number, dataset=DATA))
    shop.storage.write(f"tenants/shop/models/mlp/00000002/{SEAL}", b"{")
    trouble = versions.sight(shop.database, shop.storage, "shop")
    assert list(trouble) == ["mlp@2"]
    first = versions.of_tenant(shop.database, "shop")
    assert [(one.number, one.metrics, one.datasets[0].digest) for one in first] == [
        (1, {"number": 0}, "abc"),
        (3, {"number": 2}, "abc"),
    ]
    versions.sight(shop.database, shop.storage, "shop")
    assert versions.of_tenant(shop.database, "shop") == first


def test_seen_by_another_before_its_maker_registers_it_there_is_one_row(shop: Registry) -> None:
    """And what only its maker knows is not lost."""
    made = versions.stored(shop.storage, "shop", "mlp", bundle(1), study="spring")
    versions.sight(shop.database, shop.storage, "shop")
    (seen,) = versions.of_tenant(shop.database, "shop")
    assert (seen.study, seen.id == made.id) == (None, False)
    (registered,) = versions.register(shop.database, [replace(made, donor="d", verdict={"decision": "kept"})])
    assert registered.id == seen.id
    (found,) = versions.of_tenant(shop.database, "shop")
    assert (found.id, found.study, found.donor, found.verdict) == (seen.id, "spring", "d", {"decision": "kept"})


def test_many_that_see_it_at_once_register_it_once(shop: Registry) -> None:
    models.keep(shop.storage, "shop", "mlp", bundle(1))
    threads = [threading.Thread(target=versions.sight, args=(shop.database, shop.storage, "shop")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(versions.of_tenant(shop.database, "shop")) == 1


def test_a_donor_that_is_missing_or_altered_is_refused(shop: Registry) -> None:
    kept = versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(1))
    other = versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(2))
    for name in shop.storage.names(str(kept.prefix)):
        shop.storage.remove(f"{kept.prefix}/{name}")
    with pytest.raises(BundleRefused, match="no bundle at"):
        versions.open_bundle(shop.storage, kept)
    # Another whole bundle in its place: every hash inside is right, and yet it is not the one.
    for name in shop.storage.names(str(other.prefix)):
        shop.storage.write(f"{kept.prefix}/{name}", shop.storage.read(f"{other.prefix}/{name}"))
    with pytest.raises(BundleRefused, match="not the one that was registered"):
        versions.open_bundle(shop.storage, kept)
    with pytest.raises(BundleRefused, match="no weights"):
        versions.open_bundle(shop.storage, replace(kept, prefix=None))


def test_hundreds_are_registered_at_once_or_not_at_all(shop: Registry) -> None:
    rows = [Version("shop", "mlp", number, "mlp", None, None, 0, "0", {}, {}, {}) for number in range(1, 301)]
    broken = replace(rows[-1], number=301, params={"what": object()})
    with pytest.raises((sa.exc.StatementError, TypeError), match="JSON"):
        versions.register(shop.database, [*rows, broken])
    assert versions.of_tenant(shop.database, "shop") == []
    assert len(versions.register(shop.database, rows)) == 300
    verdicts = {one.id: {"decision": "kept", "p": float("nan")} for one in rows}
    versions.judged(shop.database, verdicts)
    assert {str(one.verdict) for one in versions.of_tenant(shop.database, "shop")} == {
        "{'decision': 'kept', 'p': None}"
    }
    assert len(versions.by_ids(shop.database, [one.id for one in rows] * 3)) == 300
    assert versions.register(shop.database, [replace(rows[0], tenant="gone", id="other")]) == []
