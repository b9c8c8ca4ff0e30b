"""The smaller nouns: dataset versions, Parquet parts, studies, and the audit log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import NameRefused, Unknown
from invplat.registry import audit, datasets, parts, studies, tenants
from invplat.registry.database import Database, open_database
from invplat.registry.overview import counts
from invplat.registry.parts import Part
from invplat.registry.studies import StudyRow
from tests.registry.conftest import Registry
from tests.registry.test_tenants import dataset, full


@pytest.fixture
def shop(database: Database) -> Database:
    tenants.add(database, "shop", actor="test")
    return database


def test_versions_of_a_dataset_are_known_once_and_never_change(shop: Database) -> None:
    with pytest.raises(Unknown, match="has no dataset"):
        datasets.newest(shop, "shop")
    assert datasets.register(shop, dataset("shop", 1), actor="ann")
    assert datasets.register(shop, dataset("shop", 2, parent=1, rows=2**40), actor="ann")
    assert not datasets.register(shop, dataset("shop", 1, rows=99), actor="bob")
    assert [(one.version, one.rows, one.parent) for one in datasets.of_tenant(shop, "shop")] == [
        (1, 10, None),
        (2, 2**40, 1),
    ]
    assert datasets.newest(shop, "shop").version == 2
    tenants.add(shop, "other", actor="test")
    assert {name: one.version for name, one in datasets.newest_of_all(shop).items()} == {"shop": 2}
    with pytest.raises(Unknown):
        datasets.register(shop, dataset("gone"), actor="ann")
    assert [one.actor for one in audit.of_tenant(shop, "shop")] == ["ann", "ann", "test"]


def test_parts_are_found_by_what_they_speak_of(shop: Database) -> None:
    made = [
        Part("shop", f"tenants/shop/predictions/{month}.parquet", month, f"2026-0{month}-01", f"2026-0{month}-28", "m")
        for month in (1, 2, 3)
    ]
    assert parts.PREDICTED.add(shop, made) == made
    assert parts.PREDICTED.add(shop, [replace(made[0], id="again")]), "the same part once more"
    assert parts.PREDICTED.rows_of(shop, "shop") == 6
    assert parts.ACTUAL.of_tenant(shop, "shop") == []
    found = parts.PREDICTED.of_tenant(shop, "shop", first="2026-02-15", last="2026-03-01")
    assert [part.rows for part in found] == [2, 3]
    parts.PREDICTED.match(shop, "shop", [made[1].id])
    assert [part.rows for part in parts.PREDICTED.of_tenant(shop, "shop", matched=False)] == [1, 3]
    assert [part.rows for part in parts.PREDICTED.of_tenant(shop, "shop", matched=True)] == [2]
    actual = Part("shop", "tenants/shop/actuals/1.parquet", 4, "2026-01-01", "2026-01-28")
    gone = replace(actual, tenant="gone", key="tenants/gone/actuals/1.parquet", id="other")
    assert parts.ACTUAL.add(shop, [actual, gone]) == [actual]


def test_a_study_is_known_as_it_stands(database: Database) -> None:
    first = StudyRow("spring", "mlp", "s3://bucket/studies/spring", "wape", None, 0, "2026")
    for study in (first, replace(first, best=0.5, trials=9, changed="2027"), replace(first, name="autumn")):
        studies.put(database, study)
    assert studies.get(database, "spring") == replace(first, best=0.5, trials=9, changed="2027")
    assert [one.name for one in studies.listed(database)] == ["autumn", "spring"]
    with pytest.raises(Unknown):
        studies.get(database, "winter")
    with pytest.raises(NameRefused):
        studies.put(database, replace(first, name="../spring"))


def test_the_list_counts_what_each_has(registry: Registry) -> None:
    full(registry, "shop")
    tenants.add(registry.database, "empty", actor="test")
    found = counts(registry.database)
    assert (found["shop"].models, found["shop"].keys, found["shop"].jobs) == (1, 1, 1)
    assert (found["empty"].models, found["empty"].keys, found["empty"].jobs) == (0, 0, 0)


DETAIL = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actor=st.text(max_size=300), subject=st.text(max_size=400), what=DETAIL)
def test_any_deed_can_be_told(tmp_path_factory: pytest.TempPathFactory, actor: str, subject: str, what: Any) -> None:
    database = open_database(f"sqlite:///{tmp_path_factory.getbasetemp() / 'deeds.db'}")
    database.write(lambda connection: audit.note(connection, actor, "test", None, subject, what=what))
    assert audit.recent(database, most=1)[0].action == "test"
    database.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actor=st.text(max_size=300), what=DETAIL)
def test_any_deed_can_be_told_on_postgres(empty_postgres: str, actor: str, what: Any) -> None:
    with open_database(empty_postgres) as database:
        database.write(lambda connection: audit.note(connection, actor, "test", None, "", what=what))
        assert audit.recent(database, most=1)[0].action == "test"
