"""The application as a whole: what is an error, what is counted, and tricks with addresses and headers."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Query
from pydantic import BaseModel

from invplat.core import errors
from invplat.registry import keys
from invplat.serve.metrics import observed_batch
from invplat.serve.problems import Missing, Refused, missing, near, of_error
from tests.serve.house import MINE, House, opened, problem, service_in


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with opened(service_in(home)) as found:
        yield found


KINDS = {
    errors.Unknown: 404,
    errors.Conflict: 409,
    errors.SettingRefused: 422,
    errors.FigureRefused: 422,
    errors.NameRefused: 422,
    errors.DatasetError: 422,
    errors.SourceError: 422,
    errors.MappingError: 422,
    errors.DatabaseError: 503,
    errors.StorageError: 503,
    errors.StorageFull: 503,
    errors.BundleRefused: 503,
    errors.MissingExtra: 503,
    errors.Interrupted: 503,
    errors.InvplatError: 500,
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_error_has_its_status(kind: type[errors.InvplatError]) -> None:
    answer = of_error(kind("it is /secret/place", hint="see it: invplat tenant list"))
    assert answer.status_code == KINDS[kind]
    assert b"invplat tenant" not in answer.body
    if answer.status_code == 503:
        assert b"secret" not in answer.body
        assert answer.headers["retry-after"]


def test_every_error_of_ours_is_thought_of() -> None:
    kinds = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.InvplatError)}
    assert kinds - set(KINDS) == {errors.UserError}


def test_near_names() -> None:
    assert near("milk", ["MILK", "milch", "bread"]) == ["MILK", "milch"]
    told = missing("SKU", "mlk" * 100, ["milk"])
    assert len(told.message) < 250
    again = pickle.loads(pickle.dumps(Missing("x", near=["y"])))
    assert again.near == ["y"]
    refused = pickle.loads(pickle.dumps(Refused(429, "x", headers={"a": "b"})))
    assert (refused.status, refused.headers) == (429, {"a": "b"})


class Body(BaseModel):
    figure: float
    names: list[str] = []


def test_what_a_request_got_wrong(house: House) -> None:
    @house.app.post("/v1/try")
    async def tried(body: Body, many: Annotated[int, Query(ge=1)] = 1) -> int:
        return many

    json_of = {"headers": {"content-type": "application/json"}}
    sent = json.dumps({"figure": "x" * 5000, "names": ["a\ud800", 7]})  # half a letter
    said = problem(house.post("/v1/try?many=0", content=sent, **json_of), 422)
    assert {one["field"] for one in said["errors"]} == {"query.many", "body.figure", "body.names.1"}
    assert max(len(str(one["received"])) for one in said["errors"]) <= 200
    many = problem(house.post("/v1/try", json={"figure": 1, "names": [1] * 10_000}), 422)
    assert len(many["errors"]) == 20
    problem(house.post("/v1/try", content=b"{", **json_of), 422)
    problem(house.post("/v1/try", content=b"\xff\xfe", **json_of), 422)
    problem(house.post("/v1/try", content=b'{"figure": NaN', **json_of), 422)
    deep = b"[" * 100_000
    assert house.post("/v1/try", content=deep, **json_of).status_code in (400, 422)


def test_what_nobody_expected_says_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    @house.app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError("password at /secret/place")

    with caplog.at_level(logging.ERROR):
        answer = house.get("/v1/broken")
    said = problem(answer, 500)
    assert "secret" not in answer.text
    name = said["detail"].rsplit(" ", 1)[1]
    assert name in caplog.text
    assert "password at" in caplog.text


def test_addresses_that_there_are_not(house: House) -> None:
    problem(house.get("/v1/nothing"), 404)
    problem(house.get("/nothing", None), 404)
    answer = house.post("/v1/me")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET"


TRICKS = [
    "/v1/tenants/../me", "/v1/tenants/%2e%2e/model", "/v1/tenants/%2e%2e%2f%2e%2e/model", "/v1/tenants/%00/model",
    "/v1/tenants//model", "/v1/tenants/" + "a" * 8000 + "/model", "/v1/tenants/%ff%fe/model", "/v1/jobs/%00",
    "/v1/jobs/" + "9" * 8000, "/v1//me", "//v1/me", "/V1/me", "/v1/tenants/tenant-0000%2f..%2ftenant-0001/model",
    "/v1/tenants/tenant-0000%0d%0aX-Evil:%201/model", "/v1/tenants/tenant-0000/%2e%2e/tenant-0001/model",
    "/v1/me/", "/v1/tenants/'; DROP TABLE tenants; --/model", "/v1/tenants/<script>/model",
]  # fmt: skip


@pytest.mark.parametrize("who", ["read", "admin"])
def test_tricks_with_addresses(house: House, who: str) -> None:
    for path in TRICKS:
        answer = house.client.get(
            "http://testserver" + path,
            headers={"Authorization": f"Bearer {house.secrets[who]}"},
            follow_redirects=False,
        )
        assert 300 < answer.status_code < 500 or answer.json().get("key"), (path, answer.status_code)
        assert answer.status_code != 307, path
        assert "x-evil" not in answer.headers
        assert len(answer.content) < 2000


def test_health_says_nothing(house: House) -> None:
    answer = house.get("/healthz", None)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    house.service.ready = False
    problem(house.get("/healthz", None), 503)


def test_metrics(house: House) -> None:
    house.get("/v1/me")
    house.get("/v1/nothing")
    observed_batch(3)
    page = house.get("/metrics", None).text
    assert 'invplat_requests_total{method="GET",route="/v1/me",status="200"} 1.0' in page
    assert 'route="none",status="404"' in page
    assert "invplat_request_seconds_bucket" in page
    assert "invplat_batch_size_count" in page
    assert "invplat_requests_in_flight 1.0" in page
    for shown in (page, house.get("/metrics", "read").text):
        assert MINE not in shown


def test_metrics_by_business_are_for_administrators(house: House) -> None:
    @house.app.get("/v1/tenants/{tenant}/try")
    async def tried(tenant: str) -> str:
        return tenant

    house.get(f"/v1/tenants/{MINE}/try")
    house.get("/v1/tenants/nobody/try")
    page = house.get("/metrics", "admin").text
    assert f'invplat_tenant_requests_total{{tenant="{MINE}"}} 1.0' in page
    assert "nobody" not in page
    assert f"{MINE}" not in house.get("/metrics", "other").text


def test_the_document_is_whole(house: House) -> None:
    document = house.client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            assert told["summary"], path
            if path.startswith("/v1"):
                assert told["security"] == [{"key": []}]
                assert {"401", "403", "429"} <= set(told["responses"]), (path, method)
            for status, answer in told["responses"].items():
                if status >= "400":
                    assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_no_scope_but_the_known_ones() -> None:
    assert keys.SCOPES == ("tenant:read", "tenant:write", "admin")
