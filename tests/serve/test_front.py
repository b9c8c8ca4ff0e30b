"""The script in HAProxy's place, given what Serve writes for it: no port but one, and what it knew is not forgotten."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from invplat.core.errors import SettingRefused
from invplat.serve import front
from tests.serve.deployed import commands, until


class Shop(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A check of health hangs up as soon as it knows."""


@pytest.fixture
def shop() -> Iterator[int]:
    """A replica, as HAProxy sees one; its port."""
    server = Server(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def lowered(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Stand:
    """What Serve's actor does: writes settings and starts what it believes to be HAProxy."""

    def __init__(self, given: dict[str, str]) -> None:
        self.given = given
        self.folder = Path(given["RAY_SERVE_HAPROXY_SERVER_STATE_BASE"]) / "node"
        self.settings = self.folder / "haproxy.cfg"
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, replicas: list[int]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray.serve  # noqa: F401 -- first, or its parts import each other in vain
            from ray.serve._private.haproxy import BackendConfig, HAProxyApi, HAProxyConfig, ServerConfig
            from ray.serve.config import HTTPOptions
        servers = [ServerConfig(f"replica-{port}", "127.0.0.1", port) for port in replicas]
        backends = {"http-shop": BackendConfig("http-shop", "/", app_name="shop", servers=servers)} if replicas else {}
        settings = HAProxyConfig(
            http_options=HTTPOptions(host="127.0.0.1", port=self.port),
            socket_path=str(self.folder / "admin.sock"),
            server_state_base=str(self.folder),
            server_state_file=str(self.folder / "server-state"),
            stats_port=int(self.given["RAY_SERVE_HAPROXY_STATS_PORT"]),
            metrics_port=int(self.given["RAY_SERVE_HAPROXY_METRICS_PORT"]),
            metrics_enabled=False,
            nbthread=1,
        )
        made = HAProxyApi(settings, backends, str(self.settings))
        made.set_backend_configs(backends)
        made._generate_config_file_internal()

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        line = [self.given["RAY_SERVE_HAPROXY_BINARY_PATH"], "-db", "-f", str(self.settings), "-dR", *more]
        self.started.append(subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return self.started[-1]

    def ask(self) -> tuple[int, dict[str, str], bytes]:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/v1/anything", timeout=30) as answer:
                return answer.status, lowered(answer.headers), answer.read()
        except HTTPError as error:
            with error:
                return error.code, lowered(error.headers), error.read()
        except OSError:
            return 0, {}, b""

    def says(self, status: int) -> bool:
        return self.ask()[0] == status


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    monkeypatch.delenv("RAY_SERVE_HAPROXY_BINARY_PATH", raising=False)
    with front.front() as given:
        if "RAY_SERVE_HAPROXY_BINARY_PATH" not in given:
            pytest.skip("there is no HAProxy on this machine")
        found = Stand(given)
        yield found
        for process in found.started:
            process.kill()
            process.wait()
    assert not found.folder.parent.exists()


def test_no_port_but_the_one_that_was_asked_for(stand: Stand, shop: int) -> None:
    stand.write([shop])
    stand.start()
    until(lambda: stand.says(200))
    for name in ("STATS", "METRICS"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(stand.given[f"RAY_SERVE_HAPROXY_{name}_PORT"])), timeout=1)
    text = stand.settings.read_text()
    assert "timeout http-request 30s" in text
    assert "*:" not in text


def test_where_there_is_no_replica_it_says_when_to_come_again(stand: Stand) -> None:
    for replicas in ([], [9]):
        stand.write(replicas)
        process = stand.start()
        until(lambda: stand.says(503))
        _, headers, body = stand.ask()
        assert headers["retry-after"] == "1"
        assert headers["content-type"] == "application/problem+json"
        assert json.loads(body)["status"] == 503
        process.kill()
        process.wait()


def test_one_that_knows_no_replica_yet_goes_by_what_was_known(stand: Stand, shop: int) -> None:
    stand.write([shop])
    first = stand.start()
    until(lambda: stand.says(200))
    first.kill()
    first.wait()
    stand.write([])
    stand.start()
    until(lambda: stand.says(200))
    assert stand.says(200)


def test_one_started_beside_it_takes_over(stand: Stand, shop: int) -> None:
    """Serve's actor was lost, and knows nothing of the HAProxy that is there."""
    stand.write([shop])
    first = stand.start()
    until(lambda: stand.says(200))
    stand.start()
    until(lambda: first.poll() is not None or not stand.says(200))
    assert first.wait(10) == 0
    assert all(stand.says(200) for _ in range(20))


def test_nothing_is_left_of_one_whose_actor_was_lost(shop: int) -> None:
    with front.front() as given:
        if "RAY_SERVE_HAPROXY_BINARY_PATH" not in given:
            pytest.skip("there is no HAProxy on this machine")
        found = Stand(given)
        found.write([shop])
        process = found.start()
        until(lambda: found.says(200))
    assert process.wait(10) != 0
    assert not [told for told in commands().values() if str(found.folder) in told]


def test_two_deployments_do_not_meet() -> None:
    with front.front() as one, front.front() as other:
        ports = [{value for name, value in given.items() if name.endswith("_PORT")} for given in (one, other)]
        folders = [{value for name, value in given.items() if str(value).startswith("/")} for given in (one, other)]
        assert not ports[0] & ports[1]
        assert not folders[0] & folders[1]
        assert os.stat(one["RAY_SERVE_HAPROXY_SERVER_STATE_BASE"]).st_mode & 0o077 == 0


def test_a_port_that_somebody_has() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(SettingRefused, match="is in use"),
        front.held("127.0.0.1", taken.getsockname()[1]),
    ):
        pass


def test_a_held_port_is_handed_to_nobody_but_who_asks_for_it() -> None:
    with front.held("127.0.0.1", 0) as port, front.held("127.0.0.1", 0) as other:
        assert port != other
        with socket.create_server(("127.0.0.1", port)):  # as HAProxy does
            pass
        with socket.socket() as late, pytest.raises(OSError, match="in use"):
            late.bind(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.7"])
def test_a_host_that_is_not_here(host: str) -> None:
    with pytest.raises(SettingRefused, match=r"is no address|can't be had"), front.held(host, 0):
        pass
