"""What an administrator does over HTTP, and nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from invplat.registry import audit
from tests.serve.house import MINE, OTHER, House, opened, problem, service_in

ASKED = [
    ("GET", "/v1/tenants", None),
    ("POST", "/v1/tenants", {"tenant": "new"}),
    ("DELETE", f"/v1/tenants/{MINE}", None),
    ("POST", f"/v1/tenants/{MINE}/keys", {}),
    ("GET", "/v1/keys", None),
    ("DELETE", "/v1/keys/0123456789abcdef", None),
    ("POST", "/v1/reload", None),
    ("GET", "/v1/audit", None),
]


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with opened(service_in(home)) as found:
        yield found


@pytest.mark.parametrize(("method", "path", "body"), ASKED)
def test_only_an_administrator(house: House, method: str, path: str, body: object) -> None:
    more = {} if body is None else {"json": body}
    for who in ("read", "write"):
        assert "administrator" in problem(house.ask(method, path, who, **more), 403)["detail"]


def test_every_route_of_administration_is_tried() -> None:
    from invplat.serve.routes import admin

    known = {(next(iter(one.methods)), one.path) for one in admin.router.routes}  # type: ignore[attr-defined]
    tried = {(method, path.replace(MINE, "{tenant}").replace("0123456789abcdef", "{key}")) for method, path, _ in ASKED}
    assert known == tried


def test_a_business_comes_and_goes(house: House) -> None:
    made = house.post("/v1/tenants", "admin", json={"tenant": "corner"})
    assert (made.status_code, made.json()["tenant"]) == (201, "corner")
    assert house.service.told == ["reload"]
    problem(house.post("/v1/tenants", "admin", json={"tenant": "corner"}), 409)
    problem(house.post("/v1/tenants", "admin", json={"tenant": "../x"}), 422)
    listed = house.get("/v1/tenants", "admin").json()["tenants"]
    assert [one["tenant"] for one in listed] == ["corner", MINE, OTHER]
    key = house.post("/v1/tenants/corner/keys", "admin", json={"label": "till"}).json()
    assert (key["scopes"], key["label"], key["tenant"]) == (["tenant:read"], "till", "corner")
    house.secrets["corner"] = key["secret"]
    assert house.get("/v1/me", "corner").json()["tenant"] == "corner"  # at once, here
    assert house.ask("DELETE", "/v1/tenants/corner", "admin").status_code == 204
    problem(house.get("/v1/me", "corner"), 401)
    problem(house.ask("DELETE", "/v1/tenants/corner", "admin"), 404)
    deeds = house.get("/v1/audit", "admin").json()["deeds"]
    assert (deeds[0]["action"], deeds[0]["subject"]) == ("tenant.remove", "corner")
    assert deeds[0]["actor"] == "key " + house.secrets["admin"].split("_")[1]


def test_keys(house: House) -> None:
    asked = {"scopes": ["tenant:read", "tenant:write"], "label": "<b>till</b>"}
    made = house.post(f"/v1/tenants/{MINE}/keys", "admin", json=asked).json()
    secret, name = made["secret"], made["key"]
    listed = house.get("/v1/keys", "admin")
    assert name in listed.text
    assert "secret" not in listed.text
    assert secret.split("_", 2)[2] not in listed.text
    mine = house.get(f"/v1/keys?tenant={MINE}", "admin").json()["keys"]
    assert {one["tenant"] for one in mine} == {MINE}
    house.secrets["till"] = secret
    assert house.get("/v1/me", "till").status_code == 200
    assert house.ask("DELETE", f"/v1/keys/{name}", "admin").json()["revoked"]
    problem(house.get("/v1/me", "till"), 401)
    problem(house.ask("DELETE", f"/v1/keys/{name}", "admin"), 404)
    problem(house.post(f"/v1/tenants/{MINE}/keys", "admin", json={"scopes": ["admin"]}), 422)
    problem(house.post(f"/v1/tenants/{MINE}/keys", "admin", json={"scopes": []}), 422)
    problem(house.post("/v1/tenants/nobody/keys", "admin", json={}), 404)
    problem(house.get("/v1/keys?tenant=nobody", "admin"), 404)


def test_reload_and_audit(house: House) -> None:
    assert house.post("/v1/reload", "admin").json() == {"reloading": True}
    assert house.service.told == ["reload"]
    assert len(house.get("/v1/audit?limit=2", "admin").json()["deeds"]) == 2
    mine = house.get(f"/v1/audit?tenant={MINE}", "admin").json()["deeds"]
    assert {one["tenant"] for one in mine} == {MINE}
    problem(house.get("/v1/audit?tenant=nobody", "admin"), 404)
    problem(house.get("/v1/audit?limit=0", "admin"), 422)
    assert audit.recent(house.service.database)


def test_an_administrator_may_ask_for_any_business(house: House) -> None:
    assert house.get(f"/v1/tenants/{OTHER}/jobs", "admin").json() == {"jobs": []}
    said = problem(house.get("/v1/tenants/tenant-00/jobs", "admin"), 404)
    assert MINE in said["hint"]
