"""What is too much: refused early, and told when to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from invplat.serve.limits import Bounds, Limits, Rates
from tests.serve.house import House, opened, problem, service_in

SMALL = Limits(rate=5, burst=10, body=1000, in_flight=2)


@pytest.fixture
def house(home: Path) -> Iterator[House]:
    with opened(service_in(home), Limits(rate=0, body=1000)) as found:
        yield found


def test_a_bucket() -> None:
    now = [0.0]
    rates = Rates(SMALL, lambda: now[0])
    assert [rates.wait("a") for _ in range(10)] == [0.0] * 10
    assert rates.wait("a") == pytest.approx(0.2)
    assert rates.wait("b") == 0.0
    now[0] = 0.2
    assert rates.wait("a") == 0.0
    assert rates.wait("a") > 0
    now[0] = 100.0
    assert [rates.wait("a") for _ in range(10)] == [0.0] * 10
    assert rates.wait("a") > 0
    assert Rates(Limits(rate=0)).wait("a") == 0.0


def test_keys_at_rest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invplat.serve.limits.MANY_KEYS", 3)
    now = [0.0]
    rates = Rates(SMALL, lambda: now[0])
    for name in "abc":
        rates.wait(name)
    now[0] = 10.0
    rates.wait("d")
    assert set(rates._until) == {"d"}


def test_a_key_that_asks_too_much(home: Path) -> None:
    with opened(service_in(home), Limits(rate=0.001, burst=3)) as house:
        assert [house.get("/v1/me").status_code for _ in range(3)] == [200] * 3
        answer = house.get("/v1/me")
        problem(answer, 429)
        assert int(answer.headers["retry-after"]) >= 1
        assert house.get("/v1/me", "other").status_code == 200
        assert house.get("/healthz", None).status_code == 200


def test_a_body_that_says_it_is_too_long_is_not_read(house: House) -> None:
    path = "/v1/tenants/tenant-0000/anything"
    problem(house.post(path, content=b"x" * 1001, headers={"content-type": "application/json"}), 413)
    problem(house.post(path, content=b"{}", headers={"content-type": "text/plain"}), 415)
    problem(
        house.post(path, content=b"{}", headers={"content-type": "application/json", "content-encoding": "gzip"}), 415
    )
    problem(house.post(path, content=b"{}", headers={"content-type": "application/json"}), 404)


def run(app: Any, scope: dict[str, Any], parts: list[bytes] | None = None) -> list[Message]:
    sent: list[Message] = []
    left = list(parts or [b""])

    async def receive() -> Message:
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def scope_of(path: str, **headers: str) -> dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": raw, "query_string": b"", "root_path": ""}


def test_a_body_that_comes_in_pieces_is_counted(house: House) -> None:
    key = f"Bearer {house.secrets['write']}"
    scope = scope_of("/v1/read", authorization=key, content_type="application/json", transfer_encoding="chunked")

    @house.app.post("/v1/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    sent = run(house.app, scope, [b"x" * 600, b"x" * 600, b""])
    assert sent[0]["status"] == 413
    sent = run(house.app, scope, [b"x" * 600, b"x" * 300, b""])
    assert sent[0]["status"] == 200
    bad = scope_of("/v1/read", authorization=key, content_type="application/json", content_length="many")
    assert run(house.app, bad)[0]["status"] == 400


def test_so_many_at_once() -> None:
    async def all_of() -> list[int]:
        gate = asyncio.Event()
        found: list[int] = []

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            await gate.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})

        bounds = Bounds(slow, SMALL)

        async def ask(path: str = "/v1/me") -> None:
            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    found.append(message["status"])

            async def nothing() -> Message:
                return {"type": "http.disconnect"}

            scope = {"type": "http", "method": "GET", "path": path, "headers": [], "root_path": ""}
            await bounds(scope, nothing, send)

        two = [asyncio.create_task(ask()) for _ in range(2)]
        await asyncio.sleep(0)
        await ask()
        free = asyncio.create_task(ask("/healthz"))
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*two, free)
        assert bounds.in_flight == 0
        return found

    assert asyncio.run(all_of()) == [429, 200, 200, 200]


def test_a_body_that_never_ends_coming() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def everything() -> None:
            while (await receive())["more_body"]:
                pass

        with pytest.raises(HTTPException) as refused:
            await everything()
        assert refused.value.status_code == 408
        await send({"type": "http.response.start", "status": 408, "headers": []})

    async def dripping() -> Message:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def ask() -> None:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = scope_of("/v1/any", content_type="application/json", transfer_encoding="chunked")
        await Bounds(app, Limits(patience=0.05))(scope, dripping, send)
        assert sent[0]["status"] == 408

    asyncio.run(ask())


def test_hanging_up_is_waited_for_without_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert not (await receive())["more_body"]
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    parts = [{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}]

    async def ask() -> None:
        async def receive() -> Message:
            if len(parts) == 1:
                await asyncio.sleep(0.05)
            return parts.pop(0)

        async def send(message: Message) -> None:
            assert message["status"] == 200

        scope = scope_of("/v1/any", content_type="application/json", content_length="2")
        await Bounds(app, Limits(patience=0.01))(scope, receive, send)

    asyncio.run(ask())
