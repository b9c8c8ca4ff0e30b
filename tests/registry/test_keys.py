"""A key opens what it is for until it is taken back, and what is kept of it opens nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import SettingRefused, Unknown
from invplat.registry import audit, keys, tenants
from invplat.registry.database import Database, open_database
from invplat.registry.tables import KEYS


@pytest.fixture
def shop(database: Database) -> Database:
    tenants.add(database, "shop", actor="test")
    return database


def test_a_key_opens_its_own_tenant(shop: Database) -> None:
    key, secret = keys.create(shop, "shop", (keys.WRITE, keys.READ, keys.READ), label="till", actor="ann")
    assert keys.check(shop, secret) == key
    assert (key.tenant, key.scopes, key.label) == ("shop", ("tenant:read", "tenant:write"), "till")
    assert keys.id_of(secret) == key.id
    admin, other = keys.create(shop, None, (keys.ADMIN,), actor="ann")
    assert keys.check(shop, other) == admin
    assert [one.id for one in keys.of_tenant(shop, "shop")] == [key.id]
    assert [one.id for one in keys.of_tenant(shop, None)] == [admin.id]
    assert {deed.action for deed in audit.of_tenant(shop, "shop")} == {"tenant.add", "key.create"}


def test_nothing_kept_holds_the_secret(shop: Database) -> None:
    _, secret = keys.create(shop, "shop", actor="ann")
    rows = repr(shop.read(lambda connection: connection.execute(KEYS.select()).all()))
    assert secret not in rows
    assert secret.split("_", 2)[2] not in rows  # which may have a _ of its own
    assert secret not in repr(audit.recent(shop))


def test_revoked_is_revoked_at_once_and_once(shop: Database) -> None:
    key, secret = keys.create(shop, "shop", actor="ann")
    lock = keys.locks(shop)[key.id]
    assert lock.opened_by(secret)
    assert not lock.opened_by(secret + "x")
    first = keys.revoke(shop, "shop", key.id, actor="ann")
    assert keys.check(shop, secret) is None
    assert keys.locks(shop) == {}
    assert keys.revoke(shop, "shop", key.id, actor="bob") == first
    assert [deed.actor for deed in audit.of_tenant(shop, "shop") if deed.action == "key.revoke"] == ["ann"]
    with pytest.raises(Unknown):
        keys.revoke(shop, "shop", "0" * 16, actor="ann")


def test_another_s_key_can_not_be_revoked(shop: Database) -> None:
    tenants.add(shop, "other", actor="test")
    key, secret = keys.create(shop, "other", actor="ann")
    for owner in ("shop", None):
        with pytest.raises(Unknown, match="no key"):
            keys.revoke(shop, owner, key.id, actor="ann")
    assert keys.check(shop, secret) is not None


def test_use_is_marked_many_at_once(shop: Database) -> None:
    made = [keys.create(shop, "shop", actor="ann")[0].id for _ in range(3)]
    keys.used(shop, made[:2])
    keys.used(shop, [])
    assert [bool(key.used) for key in keys.of_tenant(shop, "shop")].count(True) == 2


def test_what_can_not_be_meant_is_refused(shop: Database) -> None:
    for tenant, scopes in (("shop", ()), ("shop", ("all",)), ("shop", (keys.ADMIN,)), (None, (keys.READ,))):
        with pytest.raises(SettingRefused):
            keys.create(shop, tenant, scopes, actor="ann")
    with pytest.raises(Unknown):
        keys.create(shop, "shpo", actor="ann")
    assert keys.of_tenant(shop, "shop") == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_else_opens(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    database = open_database(f"sqlite:///{tmp_path_factory.getbasetemp() / 'keys.db'}")
    tenants.ensure(database, "shop", actor="test")
    if not keys.of_tenant(database, "shop"):
        keys.create(database, "shop", actor="test")
    key, secret = keys.create(database, "shop", actor="test")
    where = data.draw(st.integers(0, len(secret) - 1))
    letter = data.draw(st.characters().filter(lambda letter: letter != secret[where]))
    wrong = data.draw(
        st.sampled_from([secret[:where] + letter + secret[where + 1 :], secret[:where], secret + letter, letter])
        | st.text()
        | st.just(key.id)
    )
    assert keys.check(database, wrong) is None
    assert keys.check(database, secret) == key
    database.close()
