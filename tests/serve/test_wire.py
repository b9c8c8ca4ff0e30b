"""Bytes as anybody may send them to the port: nothing of it is a 500, and the next request is answered."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest
import uvicorn

from invplat.serve.limits import Limits
from tests.serve.house import House, opened, service_in


@pytest.fixture
def port(home: Path) -> Iterator[tuple[int, House]]:
    with opened(service_in(home), Limits(rate=0, patience=0.2)) as house:
        server = uvicorn.Server(uvicorn.Config(house.app, log_level="critical", lifespan="off", ws="none"))
        with socket.create_server(("127.0.0.1", 0)) as found:
            thread = threading.Thread(target=server.run, kwargs={"sockets": [found]})
            thread.start()
            while not server.started:
                time.sleep(0.005)
            yield found.getsockname()[1], house
            server.should_exit = True
            thread.join()


def told(port: int, sent: bytes) -> tuple[int, bytes, dict[str, str]]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(sent)
        answer = HTTPResponse(wire)
        answer.begin()
        return answer.status, answer.read(), dict(answer.getheaders())


def test_bytes_on_the_wire(port: tuple[int, House]) -> None:
    number, house = port
    key = house.secrets["admin"].encode()
    right = b"Host: x\r\nAuthorization: Bearer " + key + b"\r\n"
    json_of = right + b"Content-Type: application/json\r\n"
    tricks = [
        b"GET /v1/tenants/../../etc/passwd HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /v1/tenants/%00/jobs HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /v1/tenants/a%0d%0aX-Evil:%20yes/jobs HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /v1/tenants/\xff\xfe/jobs HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /v1/tenants/%ff/jobs?limit=%00 HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n" + right + b"\r\n",
        b"GET http://evil/v1/nothing HTTP/1.1\r\n" + right + b"\r\n",
        b"GET /v1/me HTTP/1.1\r\n" + right.replace(b"Bearer ", b"Bearer \x00") + b"\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"k" * 60_000 + b"\r\n\r\n",
        b"POST /v1/tenants HTTP/1.1\r\n" + json_of + b"Content-Length: -1\r\n\r\n",
        b"POST /v1/tenants HTTP/1.1\r\n" + json_of + b"Content-Length: 99999999999999999999\r\n\r\n",
        b"POST /v1/tenants HTTP/1.1\r\n" + json_of + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /v1/tenants HTTP/1.1\r\n" + json_of + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /v1/tenants HTTP/1.1\r\n" + right + b"Content-Type: \xff\xff\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/tenants HTTP/1.1\r\n" + right + b"Content-Length: 2\r\n\r\n{}",
        b"POST /v1/tenants HTTP/1.1\r\n" + json_of + b"Content-Length: 9\r\n\r\n{}",  # and the rest never comes
        b"BREW /v1/me HTTP/1.1\r\n" + right + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ]
    for sent in tricks:
        status, body, headers = told(number, sent)
        assert 400 <= status < 500, (status, sent[:100])
        assert len(body) < 2000
        assert "x-evil" not in {name.lower() for name in headers}
        assert told(number, b"GET /v1/me HTTP/1.1\r\n" + right + b"\r\n")[0] == 200
    page = house.client.get("/metrics").text
    assert 'status="5' not in page
    assert "invplat_requests_in_flight 1.0" in page


def test_whoever_hangs_up_is_forgotten(port: tuple[int, House]) -> None:
    number, house = port
    key = house.secrets["admin"].encode()
    begun = b"POST /v1/tenants/tenant-0000/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key
    begun += b"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", number)) as wire:
            wire.sendall(begun)
    until = time.monotonic() + 30
    while "invplat_requests_in_flight 1.0" not in house.client.get("/metrics").text:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert 'status="500"' not in house.client.get("/metrics").text
