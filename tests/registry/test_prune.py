"""Old versions go, and nothing that anybody needs: not what was named a moment ago, not what a job is at work on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from invplat.core.errors import InvplatError, Unknown
from invplat.core.process import Process
from invplat.registry import aliases, audit, jobs, models, prune, results, shared, sweep, tenants, versions
from invplat.registry.aliases import CHALLENGER, CHAMPION, PREVIOUS
from invplat.registry.bundle import SEAL
from invplat.registry.prune import Rule
from invplat.registry.tables import JOBS, MODELS
from invplat.registry.versions import Version
from invplat.storage import Storage
from tests.registry.conftest import Registry
from tests.registry.made import apart, bundle

NEWEST = Rule(keep=1)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    shared.forget()
    yield
    shared.forget()


@pytest.fixture
def shop(registry: Registry) -> Registry:
    tenants.add(registry.database, "shop", actor="test")
    return registry


def kept(shop: Registry, count: int, name: str = "mlp", tenant: str | None = "shop", **facts: Any) -> list[Version]:
    return [
        versions.keep(shop.database, shop.storage, tenant, name, apart(number), **facts)
        for number in range(1, count + 1)
    ]


def pruned(shop: Registry, rule: Rule = NEWEST, tenant: str | None = "shop") -> prune.Pruned:
    return prune.prune(shop.database, shop.storage, tenant, rule, actor="test")


def numbers(shop: Registry, name: str = "mlp", tenant: str | None = "shop") -> list[int]:
    """Of the rows; the bundles are the same."""
    rows = [one.number for one in versions.of_tenant(shop.database, tenant, name)]
    assert models.versions(shop.storage, tenant, name) == rows
    return rows


def promoted(shop: Registry, model: Version, expected: Version | None = None, tenant: str | None = "shop") -> None:
    before = expected and expected.id
    aliases.promote(shop.database, tenant, "mlp", model.id, expected=before, actor="test")


def test_the_newest_of_each_name_stay(shop: Registry) -> None:
    made = kept(shop, 5)
    other = kept(shop, 2, "other")
    looked = prune.found(shop.database, shop.storage, "shop", Rule(keep=3))
    assert [one.id for one in looked.gone] == [one.id for one in made[:2]]
    assert numbers(shop) == [1, 2, 3, 4, 5], "a look removes nothing"
    done = pruned(shop, Rule(keep=3))
    assert [one.id for one in done.gone] == [one.id for one in made[:2]]
    assert done.size == sum(one.size for one in made[:2]) > 0
    assert numbers(shop) == [3, 4, 5]
    assert numbers(shop, "other") == [1, 2]
    for one in (*made[2:], *other):
        versions.open_bundle(shop.storage, one)
    (deed,) = [one for one in audit.of_tenant(shop.database, "shop") if one.action == "model.prune"]
    assert deed.detail is not None
    assert deed.detail["models"] == {"mlp@1": made[0].id, "mlp@2": made[1].id}
    assert not pruned(shop, Rule(keep=3)).gone
    with pytest.raises(ValueError, match="newest"):
        Rule(keep=0)


def test_a_number_is_never_given_twice(shop: Registry) -> None:
    kept(shop, 3)
    pruned(shop)
    assert versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(9)).number == 4
    # Nor where the newest has lost its bytes: the newest that is whole stays as well.
    shop.storage.remove(f"{models.prefix('shop', 'mlp', 4)}/{SEAL}")
    assert not pruned(shop).gone


def test_only_what_is_older(shop: Registry) -> None:
    now = datetime.now(UTC)
    for number, days in ((1, 40), (2, 20), (3, 10), (4, 0)):
        made = (now - timedelta(days=days)).isoformat(timespec="seconds")
        versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(number, made=made))
    pruned(shop, Rule(keep=2, before=now - timedelta(days=30)))
    assert numbers(shop) == [2, 3, 4]
    pruned(shop, Rule(keep=1, before=now - timedelta(days=15)))
    assert numbers(shop) == [3, 4]
    for made in ("long ago", "2020-01-01T00:00:00"):  # of no time that can be told, and of one without its zone
        versions.keep(shop.database, shop.storage, "shop", "odd", bundle(1, made=made))
    versions.keep(shop.database, shop.storage, "shop", "odd", bundle(1))
    pruned(shop, Rule(keep=1, before=now - timedelta(days=15)))
    assert numbers(shop, "odd") == [1, 3]


def test_whatever_is_named_stays(shop: Registry) -> None:
    made = kept(shop, 6)
    promoted(shop, made[0])
    promoted(shop, made[1], made[0])
    aliases.challenge(shop.database, "shop", "mlp", made[2].id, actor="test")
    before = aliases.of_tenant(shop.database, "shop")
    done = pruned(shop)
    assert [one.number for one in done.gone] == [4, 5]
    assert done.named == {
        "mlp@1": "previous of mlp of shop",
        "mlp@2": "champion of mlp of shop",
        "mlp@3": "challenger of mlp of shop",
    }
    assert numbers(shop) == [1, 2, 3, 6]
    assert aliases.of_tenant(shop.database, "shop") == before
    assert {one.alias for one in before} == {CHAMPION, CHALLENGER, PREVIOUS}


def test_a_base_stays_while_anybody_needs_it(shop: Registry) -> None:
    bases = kept(shop, 6, "mlp", None)
    tenants.add(shop.database, "other", actor="test")
    promoted(shop, bases[0], tenant="other")  # a business that a base answers for
    kept(shop, 1, donor=bases[1].id)  # one whose model began as it
    # And one that went on from its own model, which had begun as a base: the row tells the one, its metrics the other.
    went_on = replace(
        bundle(7), documents={**bundle(7).documents, "metrics": {"finetune": {"made": {"base": bases[2].id}}}}
    )
    versions.keep(shop.database, shop.storage, "other", "mlp", went_on, donor="0123456789abcdef")
    job, _ = jobs.submit(shop.database, "finetune", "d", {"bases": [bases[3].id]}, ["shop"], actor="test")
    done = pruned(shop, tenant=None)
    assert [one.number for one in done.gone] == [5]
    assert done.named == {
        "mlp@1": "champion of mlp of other",
        "mlp@2": "models that began as it: 1",
        "mlp@3": "models that began as it: 1",
        "mlp@4": f"job {job.id} speaks of it",
    }
    jobs.stop(shop.database, job.id, actor="test")
    tenants.remove(shop.database, shop.storage, "other", actor="test")
    assert [one.number for one in pruned(shop, tenant=None).gone] == [1, 3, 4]


def test_nothing_of_a_business_that_a_job_is_at_work_for(shop: Registry) -> None:
    kept(shop, 3)
    job, _ = jobs.submit(shop.database, "finetune", "d", {}, ["shop"], actor="test")
    assert set(pruned(shop).named.values()) == {f"job {job.id} is at work for it"}
    mine = jobs.claim(shop.database, job.id, Process.this())
    jobs.lose(shop.database, mine, "silent")  # yet it may live
    assert not pruned(shop).gone
    old = JOBS.update().values(ended="2020-01-01T00:00:00.000000+00:00")
    shop.database.write(lambda connection: connection.execute(old))
    assert len(prune.found(shop.database, shop.storage, "shop", NEWEST).gone) == 2, "not for ever"
    assert jobs.beat(shop.database, job.id, mine.attempt) is jobs.Wish.GO
    assert not pruned(shop).gone
    results.write(shop.database, job.id, [results.Outcome("shop", results.DONE)], attempt=mine.attempt)
    assert [one.number for one in pruned(shop).gone] == [1, 2]


def test_what_referred_to_it_reads_as_before(shop: Registry) -> None:
    made = kept(shop, 2)
    last = versions.keep(shop.database, shop.storage, "shop", "mlp", bundle(3), donor=made[1].id)
    pruned(shop)
    assert versions.by_ids(shop.database, [made[1].id, last.id]).keys() == {last.id}
    assert versions.get(shop.database, "shop", "mlp").donor == made[1].id
    with pytest.raises(Unknown):
        versions.get(shop.database, "shop", "mlp", 2)
    with pytest.raises(Unknown):
        promoted(shop, made[1])
    with pytest.raises(Unknown, match="removed meanwhile"):
        jobs.submit(shop.database, "finetune", "d", {}, ["shop"], models=[made[1].id], actor="test")


# -- at the same moment ------------------------------------------------------------------------------------------------


def test_whoever_names_it_in_the_same_moment_wins_or_is_told(shop: Registry) -> None:
    """Never is an alias lost, or left naming what is gone."""
    for attempt in range(6):
        made = kept(shop, 2, f"name-{attempt}")
        told: list[str] = []
        start = threading.Barrier(2)

        def promotes(old: Version = made[0], told: list[str] = told, start: threading.Barrier = start) -> None:
            start.wait()
            current = aliases.current(shop.database, "shop", "mlp").get(CHAMPION)
            try:
                aliases.promote(shop.database, "shop", "mlp", old.id, expected=current, actor="test")
            except InvplatError as error:
                told.append(error.message)

        thread = threading.Thread(target=promotes)
        thread.start()
        start.wait()
        gone = [one.id for one in pruned(shop).gone]
        thread.join()
        champion = aliases.current(shop.database, "shop", "mlp").get(CHAMPION)
        known = {one.id for one in versions.of_tenant(shop.database, "shop")}
        assert champion is None or champion in known
        if told:
            assert made[0].id in gone
            assert "no model of id" in told[0]
        else:
            assert champion == made[0].id
            assert made[0].id not in gone
            versions.open_bundle(shop.storage, made[0])


def between(shop: Registry, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], Any]) -> prune.Pruned:
    """A prune that has looked; then that deed, by somebody else; then it goes on."""
    looked = prune.found

    def and_then(*given: Any) -> prune.Pruned:
        found = looked(*given)
        deed()
        return found

    monkeypatch.setattr(prune, "found", and_then)
    done = pruned(shop)
    monkeypatch.undo()
    return done


def test_what_is_named_after_the_look_stays(shop: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    made = kept(shop, 3)
    done = between(shop, monkeypatch, lambda: promoted(shop, made[0]))
    assert [one.number for one in done.gone] == [2]
    assert done.named == {"mlp@1": "champion of mlp of shop"}
    assert aliases.current(shop.database, "shop", "mlp") == {CHAMPION: made[0].id}
    versions.open_bundle(shop.storage, made[0])


def test_a_job_that_begins_after_the_look_keeps_what_it_needs(shop: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(shop, 3)
    submit = lambda: jobs.submit(shop.database, "finetune", "d", {}, ["shop"], actor="test")  # noqa: E731
    done = between(shop, monkeypatch, submit)
    assert not done.gone
    assert numbers(shop) == [1, 2, 3]


def test_an_alias_in_an_open_transaction_is_waited_for(shop: Registry) -> None:
    """PostgreSQL shows nobody what is not committed yet; the cascade would take the alias along all the same."""
    made = kept(shop, 2)
    named, over = threading.Event(), threading.Event()

    def slowly(connection: sa.Connection) -> None:
        aliases.apply(connection, aliases.Move("shop", "mlp", made[0].id, None), "test")
        named.set()
        over.wait(5)

    thread = threading.Thread(target=shop.database.write, args=(slowly,))
    thread.start()
    assert named.wait(30)
    found: list[prune.Pruned] = []
    other = threading.Thread(target=lambda: found.append(pruned(shop)))
    other.start()
    other.join(1.0)
    assert not found, "it did not wait"
    over.set()
    other.join(60)
    thread.join(60)
    assert found[0].gone == []
    assert aliases.current(shop.database, "shop", "mlp") == {CHAMPION: made[0].id}


def test_whoever_names_it_while_it_goes_is_told(shop: Registry) -> None:
    made = kept(shop, 2)
    gone, over = threading.Event(), threading.Event()

    def slowly(connection: sa.Connection) -> None:
        connection.execute(MODELS.delete().where(MODELS.c.id == made[0].id))
        gone.set()
        over.wait(5)

    thread = threading.Thread(target=shop.database.write, args=(slowly,))
    thread.start()
    assert gone.wait(30)
    later = threading.Timer(0.5, over.set)
    later.start()
    with pytest.raises(Unknown, match="no model of id"):
        promoted(shop, made[0])
    with pytest.raises(Unknown, match="no model of id"):
        aliases.challenge(shop.database, "shop", "mlp", made[0].id, actor="test")
    thread.join(60)
    assert aliases.of_tenant(shop.database, "shop") == []


def test_two_at_once(shop: Registry) -> None:
    kept(shop, 8)
    found: list[prune.Pruned] = []
    threads = [
        threading.Thread(target=lambda keep=keep: found.append(pruned(shop, Rule(keep)))) for keep in (1, 1, 3, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    gone = [one.number for each in found for one in each.gone]
    assert sorted(gone) == [1, 2, 3, 4, 5, 6, 7], "each once"
    assert numbers(shop) == [8]


# -- killed on the way -------------------------------------------------------------------------------------------------


class Killed(Exception):
    pass


def killed(shop: Registry, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """A prune that dies at one of its removals of bytes."""
    storage, left = shop.storage, [after]
    really = storage.remove

    def remove(prefix: str) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        really(prefix)

    monkeypatch.setattr(storage, "remove", remove)
    with pytest.raises(Killed):
        pruned(shop)
    monkeypatch.setattr(storage, "remove", really)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_killed_on_the_way_the_same_again_ends_it(shop: Registry, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    made = kept(shop, 3)
    promoted(shop, made[2])
    killed(shop, monkeypatch, after)
    assert [one.number for one in versions.of_tenant(shop.database, "shop")] == [3], "rows go first, all or none"
    trouble = versions.sight(shop.database, shop.storage, "shop")  # somebody lists its models meanwhile
    assert trouble == {}
    for one in versions.of_tenant(shop.database, "shop"):
        versions.open_bundle(shop.storage, one)  # what is there is whole: nothing half removed came back
    pruned(shop)
    assert numbers(shop) == [3]
    assert shop.storage.names("tenants/shop/models/mlp") == ["00000003"], "and nothing is left of the others"


def test_a_writer_that_is_not_done_is_no_leftover(shop: Registry) -> None:
    kept(shop, 2)
    shop.storage.write(f"{models.prefix('shop', 'mlp', 3)}/weights-x.safetensors", b"under way")
    assert pruned(shop).leftovers == []
    assert shop.storage.names("tenants/shop/models/mlp") == ["00000002", "00000003"]


# -- what is shared ----------------------------------------------------------------------------------------------------


@pytest.fixture
def aged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is there is older than a writer can be slow."""
    monkeypatch.setattr(shared, "YOUNG", -60.0)


def trunks(storage: Storage) -> int:
    return len(storage.names(shared.FOLDER))


def test_what_nobody_names_any_more_goes(shop: Registry, aged: None) -> None:
    database, storage = shop.database, shop.storage
    for number in range(4):  # two each
        versions.keep(database, storage, "shop", "mlp", apart(number, trunk=number // 2))
    models.keep(storage, "stranger", "mlp", apart(1, trunk=5))  # of nobody who is registered
    models.keep(storage, None, "mlp", apart(1, trunk=6))
    assert trunks(storage) == 4
    assert sweep.sweep(storage).gone == {}
    would = sweep.found(storage, [models.prefix("shop", "mlp", number) for number in (1, 2)])
    assert len(would.gone) == 1
    pruned(shop, Rule(keep=2))
    swept = sweep.sweep(storage)
    assert swept.gone == would.gone
    assert swept.size > 1000
    assert trunks(storage) == 3
    shared.forget()
    for owner, number in (("shop", 3), ("shop", 4), ("stranger", 1), (None, 1)):
        models.open_bundle(storage, owner, "mlp", number)


def test_what_is_young_stays(shop: Registry) -> None:
    """Its writer is about to seal."""
    shared.put(shop.storage, b"a trunk")
    assert sweep.sweep(shop.storage).gone == {}
    assert trunks(shop.storage) == 1


def test_where_a_seal_can_not_be_read_nothing_goes(shop: Registry, aged: None) -> None:
    kept(shop, 2)
    key = f"{models.prefix('shop', 'mlp', 1)}/{SEAL}"
    shop.storage.write(key, shop.storage.read(key).replace(b'"schema": 2', b'"schema": 9'))  # a newer invplat's
    shop.storage.remove(models.prefix("shop", "mlp", 2))
    swept = sweep.sweep(shop.storage)
    assert (swept.gone, swept.unread) == ({}, [models.prefix("shop", "mlp", 1)])
    assert trunks(shop.storage) == 1


def test_what_is_sealed_while_it_is_swept_is_there(shop: Registry, aged: None, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = shop.storage
    shared.put(storage, apart(1).shared or b"")
    really = storage.remove

    def remove(prefix: str) -> None:
        monkeypatch.setattr(storage, "remove", really)
        models.keep(storage, "shop", "mlp", apart(1))  # finds it there, seals, looks: there it is
        really(prefix)

    monkeypatch.setattr(storage, "remove", remove)
    monkeypatch.setattr(shared, "put", lambda storage, data: shared.File.of(data, "{}.safetensors"))
    assert sweep.sweep(storage).gone == {}
    shared.forget()
    assert models.open_bundle(storage, "shop", "mlp") == apart(1)
