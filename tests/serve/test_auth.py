"""Who is let in, and how soon one who may no longer come is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from invplat.core.errors import DatabaseError
from invplat.registry import keys, tenants
from invplat.serve.auth import Doors, check
from invplat.serve.problems import Refused
from tests.serve.house import MINE, OTHER, House, opened, problem, service_in

WALLED = "this key is not of that business"


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with opened(service_in(home)) as found:
        yield found


def paths(house: House) -> list[tuple[str, str]]:
    """Every method of every route, as the document has them."""
    found = []
    for path, methods in house.app.openapi()["paths"].items():
        found += [(method.upper(), path) for method in methods if path.startswith("/v1")]
    return found


def test_a_key_says_whose_it_is(house: House) -> None:
    said = house.get("/v1/me").json()
    assert said["tenant"] == MINE
    assert said["scopes"] == ["tenant:read"]
    assert house.secrets["read"].split("_")[1] == said["key"]
    assert house.get("/v1/me", "admin").json()["tenant"] is None


def test_answers_are_kept_nowhere(house: House) -> None:
    for who in ("read", None):
        headers = house.get("/v1/me", who).headers
        assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_without_a_right_key_nobody_comes_in(house: House) -> None:
    right = house.secrets["read"]
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    unknown = right.replace(right.split("_")[1], "0" * 16)
    headers = ["", "Bearer", "Bearer ", f"Bearer {wrong}", f"Bearer {unknown}", f"Basic {right}", right, "Bearer \xff"]
    told = set()
    for header in [None, *headers]:
        given = {} if header is None else {"Authorization": header.encode("latin-1")}
        answer = house.client.get("/v1/me", headers=given)  # type: ignore[arg-type]
        problem(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        told.add(answer.content)
    assert len(told) == 1
    assert house.client.get("/v1/me", headers={"authorization": f"bearer {right}"}).status_code == 200
    twice = [("Authorization", f"Bearer {right}"), ("Authorization", f"Bearer {right}")]
    problem(house.client.get("/v1/me", headers=twice), 401)


def test_every_route_is_behind_the_door(house: House) -> None:
    for method, path in paths(house):
        problem(house.ask(method, path.replace("{tenant}", MINE), None), 401)


def test_every_route_of_a_business_is_a_wall(house: House) -> None:
    walled = [(method, path) for method, path in paths(house) if "{tenant}" in path]
    for method, path in walled:
        for scope in ("read", "write"):
            there = house.ask(method, path.replace("{tenant}", OTHER), scope)
            not_there = house.ask(method, path.replace("{tenant}", "nobody"), scope)
            assert problem(there, 403)["detail"] == WALLED, path
            assert there.content == not_there.content
            assert sorted(there.headers) == sorted(not_there.headers)


def test_every_route_has_a_wall_of_its_own_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the guard before them knew only whose key it is."""
    monkeypatch.setattr("invplat.serve.auth.SEGMENT", "/nowhere/")
    asked = {"explain": {"store": "a", "sku": "b"}, "keys": {}}
    for method, path in paths(house):
        if "{tenant}" in path:
            body = asked.get(path.rsplit("/", 1)[1], {})
            query = "?store=a&sku=b" if path.endswith("history") else ""
            more = {"json": body} if method in ("POST", "PUT") else {}
            problem(house.ask(method, path.replace("{tenant}", OTHER) + query, "write", **more), 403)


def test_a_revoked_key_is_refused_within_seconds(house: House) -> None:
    assert house.get("/v1/me").status_code == 200
    keys.revoke(house.service.database, MINE, house.secrets["read"].split("_")[1], actor="test")
    began = time.monotonic()
    while house.get("/v1/me").status_code == 200:
        assert time.monotonic() - began < 30
        time.sleep(0.05)
    problem(house.get("/v1/me"), 401)


def test_a_business_that_leaves_is_out_at_once(house: House) -> None:
    tenants.remove(house.service.database, house.service.storage, OTHER, actor="test")
    house.app.state.doors.refresh()
    problem(house.get("/v1/me", "other"), 401)


def test_while_the_registry_is_down_the_known_keys_open(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    doors = house.app.state.doors

    def down(*_: object) -> None:
        raise DatabaseError("down")

    monkeypatch.setattr("invplat.serve.auth._state", down)
    assert not doors.refresh()
    assert house.get("/v1/me").status_code == 200
    assert doors.age > 0
    page = house.get("/metrics", None).text
    assert "invplat_keys_age_seconds" in page


def test_keys_that_were_never_read_are_a_503(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = service_in(home)

    def down(*_: object) -> None:
        raise DatabaseError("down at sqlite:///secret/place")

    with opened(service) as house:
        monkeypatch.setattr("invplat.serve.auth._state", down)
        house.app.state.doors._locks = None
        answer = house.get("/v1/me")
        assert "secret" not in answer.text
        problem(answer, 503)
        assert answer.headers["retry-after"]


def test_scopes(house: House) -> None:
    doors = house.app.state.doors
    read = {"authorization": f"Bearer {house.secrets['read']}"}
    caller = doors.caller(read)
    assert caller.tenant == MINE
    check(caller, MINE, keys.READ)
    for tenant, scope in ((MINE, keys.WRITE), (OTHER, keys.READ)):
        with pytest.raises(Refused) as refused:
            check(caller, tenant, scope)
        assert refused.value.status == 403
    admin = doors.caller({"authorization": f"Bearer {house.secrets['admin']}"})
    check(admin, OTHER, keys.WRITE)
    assert admin.admin


def test_all_keys_are_read_only_when_one_has_changed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    doors, database = house.app.state.doors, house.service.database
    read: list[int] = []
    locks = keys.locks
    monkeypatch.setattr("invplat.serve.auth.keys.locks", lambda it: (read.append(1), locks(it))[1])
    assert doors.refresh()
    assert read == []
    mine = [house.secrets[who].split("_")[1] for who in ("read", "write")]
    for name in mine:
        read.clear()
        keys.revoke(database, MINE, name, actor="test")
        doors.refresh()
        assert doors.known(name) is None
    keys.create(database, MINE, actor="test")
    tenants.remove(database, house.service.storage, OTHER, actor="test")
    doors.refresh()
    assert doors.known(house.secrets["other"].split("_")[1]) is None


def test_used_keys_are_marked_in_bulk(house: House) -> None:
    house.get("/v1/me")
    mine = {one.id: one for one in keys.of_tenant(house.service.database, MINE)}
    assert not any(one.used for one in mine.values())
    house.app.state.doors.mark()
    mine = {one.id: one for one in keys.of_tenant(house.service.database, MINE)}
    assert mine[house.secrets["read"].split("_")[1]].used
    assert not mine[house.secrets["write"].split("_")[1]].used


def test_the_thread_ends_with_its_doors(home: Path) -> None:
    service = service_in(home)
    before = {one for one in threading.enumerate() if one.name == "invplat-keys"}
    doors = Doors(service.database, every=0.01)
    mine = next(one for one in threading.enumerate() if one.name == "invplat-keys" and one not in before)
    del doors
    mine.join(30)
    assert not mine.is_alive()
    service.database.close()


def test_checking_costs_no_question(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("the registry was asked")

    doors = house.app.state.doors
    monkeypatch.setattr(type(doors._database), "read", asked)
    assert doors.caller({"authorization": f"Bearer {house.secrets['read']}"}).tenant == MINE
