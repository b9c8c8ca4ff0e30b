"""Of two promotions at once exactly one wins, and the way back is always there."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import Conflict, Unknown
from invplat.registry import aliases, audit, overview, tenants, versions
from invplat.registry.aliases import Move
from invplat.registry.database import Database, open_database
from invplat.registry.versions import Version

# Waits for its turn, then promotes what it is told to, as decided against what it is told.
PROMOTE = """
import sys, time
from invplat.core.errors import Conflict
from invplat.registry import aliases
from invplat.registry.database import open_database
url, at, model, expected = sys.argv[1:]
database = open_database(url)
time.sleep(max(0, float(at) - time.time()))
try:
    aliases.promote(database, "shop", "mlp", model, expected=expected, actor="process")
    print("won")
except Conflict:
    print("lost")
"""


def models(database: Database, tenant: str | None, count: int, name: str = "mlp") -> list[str]:
    """Ids of new versions."""
    if tenant is not None:
        tenants.ensure(database, tenant, actor="test")
    before = len(versions.of_tenant(database, tenant, name))
    made = [
        Version(tenant, name, before + number, "mlp", None, None, 0, "0", {}, {}, {}) for number in range(1, count + 1)
    ]
    return [one.id for one in versions.register(database, made)]


def test_the_champion_until_now_becomes_the_previous(database: Database) -> None:
    first, second = models(database, "shop", 2)
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="gate", reason="the first")
    assert aliases.current(database, "shop", "mlp") == {"champion": first}
    aliases.challenge(database, "shop", "mlp", second, actor="gate")
    assert aliases.current(database, "shop", "mlp") == {"champion": first, "challenger": second}
    aliases.promote(database, "shop", "mlp", second, expected=first, actor="gate", reason="0.9 < 1.0")
    assert aliases.current(database, "shop", "mlp") == {"champion": second, "previous": first}
    assert aliases.rollback(database, "shop", "mlp", expected=second, actor="ann") == first
    assert aliases.current(database, "shop", "mlp") == {"champion": first, "previous": second}
    said = [(one.actor, one.action, (one.detail or {}).get("reason")) for one in audit.of_tenant(database, "shop")]
    assert said[:2] == [("ann", "model.rollback", ""), ("gate", "model.promote", "0.9 < 1.0")]


def test_who_decided_against_another_champion_is_refused(database: Database) -> None:
    first, second, third = models(database, "shop", 3)
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="test")
    before = audit.of_tenant(database, "shop")
    for expected in (None, third):
        with pytest.raises(Conflict, match="not the one this was decided against"):
            aliases.promote(database, "shop", "mlp", second, expected=expected, actor="test")
    assert aliases.current(database, "shop", "mlp") == {"champion": first}
    assert audit.of_tenant(database, "shop") == before
    aliases.promote(database, "shop", "mlp", second, expected=first, actor="test")
    with pytest.raises(Conflict):
        aliases.rollback(database, "shop", "mlp", expected=first, actor="test")
    assert aliases.current(database, "shop", "mlp") == {"champion": second, "previous": first}


def test_by_a_clock_that_is_behind_it_is_the_newest_nonetheless(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    models_of = {name: models(database, "shop", 2, name) for name in ("mlp", "lstm")}
    monkeypatch.setattr(aliases, "now", lambda: "2099-01-01T00:00:00.000000+00:00")
    aliases.promote(database, "shop", "mlp", models_of["mlp"][0], expected=None, actor="ahead")
    stamps = [overview.stamp(database)]
    monkeypatch.setattr(aliases, "now", lambda: "2001-01-01T00:00:00.000000+00:00")
    aliases.promote(database, "shop", "lstm", models_of["lstm"][0], expected=None, actor="behind")
    newest = max(aliases.champions(database), key=lambda one: one.changed)
    assert newest.workload == "lstm"
    for before, after in (models_of["mlp"], models_of["mlp"][::-1]):
        stamps.append(overview.stamp(database))
        aliases.promote(database, "shop", "mlp", after, expected=before, actor="behind")
        assert max(aliases.champions(database), key=lambda one: one.changed).model == after
    stamps.append(overview.stamp(database))
    assert len(set(stamps)) == len(stamps)  # whoever serves has seen each of them


def test_there_is_no_way_back_from_the_first(database: Database) -> None:
    (only,) = models(database, "shop", 1)
    aliases.promote(database, "shop", "mlp", only, expected=None, actor="test")
    with pytest.raises(Unknown, match="no champion of mlp before"):
        aliases.rollback(database, "shop", "mlp", expected=only, actor="test")


def test_promoting_the_champion_changes_nothing(database: Database) -> None:
    first, second = models(database, "shop", 2)
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="test")
    aliases.promote(database, "shop", "mlp", second, expected=first, actor="test")
    before = aliases.of_tenant(database, "shop")
    aliases.promote(database, "shop", "mlp", second, expected=second, actor="test")
    assert aliases.of_tenant(database, "shop") == before


def test_a_base_may_serve_a_business_another_s_model_may_not(database: Database) -> None:
    (base,) = models(database, None, 1)
    (other,) = models(database, "other", 1)
    tenants.ensure(database, "shop", actor="test")
    aliases.promote(database, "shop", "mlp", base, expected=None, actor="test")
    with pytest.raises(Unknown):
        aliases.promote(database, "shop", "mlp", other, expected=base, actor="test")
    with pytest.raises(Unknown):
        aliases.challenge(database, "shop", "mlp", other, actor="test")
    with pytest.raises(Unknown, match="the bases have no model"):
        aliases.promote(database, None, "mlp", other, expected=None, actor="test")
    aliases.promote(database, None, "mlp", base, expected=None, actor="test")
    found = [(one.tenant, one.model) for one in aliases.champions(database)]
    assert found == [(None, base), ("shop", base)]
    assert aliases.champions(database, since="9999") == []
    assert [one.tenant for one in aliases.champions(database, tenants=["shop"])] == ["shop"]


def test_of_two_threads_exactly_one_wins(database: Database) -> None:
    first, *others = models(database, "shop", 9)
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="test")
    barrier = Barrier(8)

    def promote(model: str) -> bool:
        barrier.wait()
        try:
            aliases.promote(database, "shop", "mlp", model, expected=first, actor=model)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(promote, others))
    assert sum(won) == 1
    winner = others[won.index(True)]
    assert aliases.current(database, "shop", "mlp") == {"champion": winner, "previous": first}
    assert [one.actor for one in audit.of_tenant(database, "shop") if one.action == "model.promote"] == [winner, "test"]


def test_of_two_that_promote_the_very_first_one_wins(database: Database) -> None:
    both = models(database, "shop", 2)
    barrier = Barrier(2)

    def promote(model: str) -> bool:
        barrier.wait()
        refused = aliases.promote_many(database, [Move("shop", "mlp", model, None)], actor=model)
        return not refused

    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(promote, both))
    assert sorted(won) == [False, True]
    assert aliases.current(database, "shop", "mlp") == {"champion": both[won.index(True)]}


def test_of_two_processes_exactly_one_wins(database: Database, url: str) -> None:
    import time

    first, *others = models(database, "shop", 3)
    aliases.promote(database, "shop", "mlp", first, expected=None, actor="test")
    at = str(time.time() + 2.0)
    started = [
        subprocess.Popen([sys.executable, "-c", PROMOTE, url, at, model, first], stdout=subprocess.PIPE, text=True)
        for model in others
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in started]
    assert sorted(said) == ["lost", "won"]
    winner = others[said.index("won")]
    assert aliases.current(database, "shop", "mlp") == {"champion": winner, "previous": first}


def test_hundreds_at_once_each_with_its_own_fate(database: Database) -> None:
    names = [f"shop-{number:03d}" for number in range(120)]
    for name in names:
        tenants.ensure(database, name, actor="test")
    made = [Version(name, "mlp", number, "mlp", None, None, 0, "0", {}, {}, {}) for name in names for number in (1, 2)]
    ids = [one.id for one in versions.register(database, made)]
    firsts, seconds = ids[::2], ids[1::2]
    moves = [Move(name, "mlp", model, None) for name, model in zip(names, firsts, strict=True)]
    assert aliases.promote_many(database, moves, actor="gate") == []
    assert len(aliases.champions(database)) == 120
    # Every third was overtaken, one has another's model, one business is not there.
    moves = [
        Move(name, "mlp", second, second if number % 3 == 0 else first)
        for number, (name, first, second) in enumerate(zip(names, firsts, seconds, strict=True))
    ]
    moves += [Move("shop-000", "lstm", seconds[1], None), Move("gone", "mlp", seconds[1], None)]
    refused = {(move.tenant, move.workload) for move, _ in aliases.promote_many(database, moves, actor="gate")}
    assert refused == {(name, "mlp") for name in names[::3]} | {("shop-000", "lstm"), ("gone", "mlp")}
    champions = {one.tenant: one.model for one in aliases.champions(database)}
    assert champions == {
        name: first if number % 3 == 0 else second
        for number, (name, first, second) in enumerate(zip(names, firsts, seconds, strict=True))
    }


STEPS = st.lists(
    st.tuples(st.sampled_from(["promote", "stale", "rollback", "challenge"]), st.integers(0, 4)), max_size=12
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_story_ends_as_it_should(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """Told beside it by a few lines of plain Python."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('story') / 'registry.db'}")
    ids = models(database, "shop", 5)
    champion: str | None = None
    told: dict[str, str] = {}
    for what, number in steps:
        model = ids[number]
        try:
            if what == "promote":
                aliases.promote(database, "shop", "mlp", model, expected=champion, actor="test")
                if champion not in (None, model):
                    told["previous"] = str(champion)
                champion = told["champion"] = model
                if told.get("challenger") == model:
                    del told["challenger"]
            elif what == "stale":
                other = next(one for one in ids if one != champion)
                with pytest.raises(Conflict):
                    aliases.promote(database, "shop", "mlp", model, expected=other, actor="test")
            elif what == "challenge":
                if model == champion:
                    with pytest.raises(Conflict, match="the champion of mlp already"):
                        aliases.challenge(database, "shop", "mlp", model, actor="test")
                else:
                    aliases.challenge(database, "shop", "mlp", model, actor="test")
                    told["challenger"] = model
            else:
                champion = aliases.rollback(database, "shop", "mlp", expected=str(champion), actor="test")
                told["champion"], told["previous"] = told["previous"], told["champion"]
                if told.get("challenger") == champion:
                    del told["challenger"]
        except Unknown:
            assert what == "rollback"
            assert "previous" not in told
        assert aliases.current(database, "shop", "mlp") == told
    database.close()
