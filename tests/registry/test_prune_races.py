"""Whoever names an old version while it goes wins or is told: no alias is lost, none names what is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from invplat.core.errors import InvplatError, Unknown
from invplat.registry import aliases, jobs, prune, versions
from invplat.registry.aliases import CHAMPION
from invplat.registry.prune import Rule
from invplat.registry.tables import MODELS
from invplat.registry.versions import Version
from tests.registry.conftest import Registry
from tests.registry.pruning import kept, numbers, promoted, pruned

pytestmark = pytest.mark.usefixtures("fresh")


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
