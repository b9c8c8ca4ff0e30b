"""`invplat deploy` as it is: replicas, HAProxy and Serve in processes of their own, asked over HTTP."""

from __future__ import annotations

import csv
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from invplat.registry import aliases, keys, versions
from invplat.registry.bundle import packed
from invplat.serve.asking import ARROW
from invplat.serve.order_schemas import OrdersAsked
from invplat.serve.service import Service
from tests.serve.deployed import Deployed, deployed, until
from tests.serve.shops import BASE, LAST, RULE, WHOLE, in_process, moved, promoted, same, serving, shops_in
from tests.serve.test_service import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    home = tmp_path_factory.mktemp("deployed") / "home"
    shops_in(home, tmp_path_factory)
    with deployed(home) as found:
        yield found


@pytest.fixture(scope="module")
def here(up: Deployed) -> Iterator[Service]:
    """The same, in this process."""
    with serving(up.home) as found:
        yield found


def figures(answer: Any) -> tuple[Any, Any]:
    rows = answer["forecasts"]
    return np.array([one["mean"] for one in rows]), np.array([one["quantiles"] for one in rows])


def arrow_of(content: bytes) -> pa.Table:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_all()


@pytest.mark.parametrize("tenant", [BASE, LAST, WHOLE, RULE])
def test_answers_are_those_computed_in_process(up: Deployed, here: Service, tenant: str) -> None:
    here.refresh()
    if tenant == RULE:
        told = run(here.volume(RULE)).book.told
        mean, quantiles = told["mean"], told["quantiles"]
    else:
        wanted = in_process(here, tenant)
        mean, quantiles = wanted.mean, wanted.quantiles
    orders = run(here.orders(tenant, OrdersAsked())).records()
    with up.client(tenant) as client:
        said = client.forecasts()
        table = client.forecasts(as_table=True)
        decided = client.orders()
        listed = client.orders(as_table=True).to_pylist()
    by_arrow = arrow_of(up.forecasts(tenant, {}, Accept=ARROW).body)
    raw = up.forecasts(tenant, {}).json()
    for found in (said, raw):
        ours = figures(found)
        assert same(ours[0], mean)
        assert same(ours[1], quantiles)
        assert found["model"]["reference"] == here.served(tenant).named["reference"]
    for each in (table, by_arrow):
        assert same(np.array(each.column("mean").to_pylist()), mean)
        assert same(np.array(each.column("quantiles").to_pylist()), quantiles)
    for one, other, wanted_one in zip(decided["orders"], listed, orders, strict=True):
        for name, value in wanted_one.items():
            close = pytest.approx(value, rel=1e-6, abs=1e-6) if isinstance(value, float) else None
            assert one[name] == (close if close is not None else _plain(value))
            if name in other and isinstance(value, float):
                assert other[name] == close


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda other: getattr(other, "value", None) or str(other)))


def test_series_named_in_a_table_are_answered_in_its_order(up: Deployed) -> None:
    with up.client(LAST) as client:
        names = [(one["store"], one["sku"]) for one in client.forecasts()["forecasts"]][::-1]
        table = pa.table({"store": [store for store, _ in names], "sku": [sku for _, sku in names]})
        found = client.forecasts(series=table, as_table=True)
    assert list(zip(found.column("store").to_pylist(), found.column("sku").to_pylist(), strict=True)) == names


def test_the_walls_are_not_passed_by_at_a_replica_s_own_port(up: Deployed) -> None:
    """They listen on this machine alone, and ask for keys as everybody does; so does what Serve keeps in reserve."""
    for port in (*up.ports(), up.backup()):
        assert up.forecasts(LAST, {}, who=None, port=port).status == 401
        assert up.forecasts(LAST, {}, who="ivp_0123456789abcdef_x", port=port).status == 401
        assert up.forecasts(LAST, {}, who=WHOLE, port=port).status == 403
        assert up.forecasts(LAST, {}, who=LAST, port=port).status == 200
        assert up.ask("/v1/me", None, port=port).status == 401
    for name in ("/stats", "/metrics", "/-/routes", "/-/healthz"):
        content = up.ask(name, None).body
        assert not any(tenant.encode() in content for tenant in up.secrets)


def test_no_port_is_open_to_others(up: Deployed) -> None:
    """HAProxy of itself would tell everybody its figures, at every address of the machine."""
    pids = {*up.in_front(), *up.called("ServeReplica"), *up.called("ray::ProxyActor")}
    speaks = {port for port, address in listening(pids) if address != "127.0.0.1" and answers_http(port)}
    assert not speaks


def listening(pids: set[int]) -> set[tuple[int, str]]:
    """Ports of these processes, over IPv4 and IPv6, and the address each listens at."""
    inodes = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(handle.readlink().name)
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                address, _, port = words[1].partition(":")
                found.add((int(port, 16), "127.0.0.1" if address == "0100007F" else address))
    return found


def answers_http(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as wire:
            wire.settimeout(1)
            wire.sendall(b"GET /stats HTTP/1.0\r\n\r\n")
            return wire.recv(5) == b"HTTP/"
    except OSError:
        return False


def test_a_promotion_reaches_both_replicas_without_one_failure(up: Deployed, here: Service) -> None:
    before = up.forecasts(LAST, {}).json()["model"]["reference"]
    with asked_on(lambda: up.forecasts(LAST, {})) as seen:
        with up.database() as database:
            made = moved(database, up.home, LAST, ("head.says.",), 23)
        took = until(lambda: all(reference_at(up, port) == made.reference for port in up.ports()))
        time.sleep(0.3)
    print(f"\na promotion is served by both replicas after {took:.1f} s")
    assert {answer.status for answer in seen} == {200}
    said = [answer.json() for answer in seen]
    assert {each["model"]["reference"] for each in said} == {before, made.reference}
    here.refresh()
    wanted = in_process(here, LAST)
    for each in said:
        assert same(figures(each)[0], wanted.mean) == (each["model"]["reference"] == made.reference)


def test_a_challenger_is_asked_what_the_champion_is_and_answers_nobody(up: Deployed) -> None:
    before = up.forecasts(LAST, {}).json()["model"]["reference"]
    with up.database() as database:
        champion = aliases.current(database, LAST, "mlp")[aliases.CHAMPION]
        made = moved(database, up.home, LAST, ("head.says.",), 29)
        aliases.promote(database, LAST, "mlp", champion, expected=made.id, actor="test")
    until(lambda: all(reference_at(up, port) == before for port in up.ports()))
    up.command("models", "challenge", made.reference, "--tenant", LAST)
    seen: list[Any] = []

    def said() -> int:
        seen.extend(up.forecasts(LAST, {}, port=port).json() for port in up.ports())
        told = up.ask(f"/v1/tenants/{LAST}/model", LAST).json()["challenger"]
        assert told is None or (told["reference"], told["trouble"]) == (made.reference, None)
        return told["said"] if told else 0

    took = until(lambda: said() >= len(seen[0]["forecasts"]))
    print(f"\nafter {took:.1f} s the challenger has said of every series what it would have told")
    assert {each["model"]["reference"] for each in seen} == {before}
    up.command("models", "challenge", made.reference, "--tenant", LAST, "--end")


def test_a_new_base_reaches_whoever_has_no_model_of_its_own(up: Deployed, here: Service) -> None:
    own = up.forecasts(LAST, {}).json()["model"]["reference"]
    with asked_on(lambda: up.forecasts(BASE, {})) as seen:
        with up.database() as database:
            old = versions.of_tenant(database, None)[-1]
            bundle = versions.open_bundle(here.storage, old)
            weights = {name: value * 1.01 for name, value in bundle.tensors.items()}
            made = versions.keep(database, here.storage, None, "mlp", replace(bundle, weights=packed(weights)))
            promoted(database, None, made)
        until(lambda: all(reference_at(up, port, BASE) == made.reference for port in up.ports()))
    assert {answer.status for answer in seen} == {200}
    here.refresh()
    assert same(figures(up.forecasts(BASE, {}).json())[0], in_process(here, BASE).mean)
    assert up.forecasts(LAST, {}).json()["model"]["reference"] == own


def reference_at(up: Deployed, port: int, tenant: str = LAST) -> str:
    found: str = up.forecasts(tenant, {}, port=port).json()["model"]["reference"]
    return found


class asked_on:
    """From two threads, for as long as the `with` lasts; what was answered."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask, self.seen, self.over = ask, [], threading.Event()
        self.threads = [threading.Thread(target=self._go) for _ in range(2)]

    def _go(self) -> None:
        while not self.over.wait(0.01):
            self.seen.append(self.ask())

    def __enter__(self) -> list[Any]:
        for one in self.threads:
            one.start()
        until(lambda: len(self.seen) > 5)
        return self.seen

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for one in self.threads:
            one.join(30)


def test_a_revoked_key_opens_nothing_within_seconds(up: Deployed) -> None:
    with up.database() as database:
        made, secret = keys.create(database, WHOLE, actor="test")
        known = until(lambda: all(up.ask("/v1/me", secret, port=port).status == 200 for port in up.ports()))
        keys.revoke(database, WHOLE, made.id, actor="test")
    took = until(lambda: all(up.ask("/v1/me", secret, port=port).status == 401 for port in up.ports()))
    print(f"\na key is known everywhere after {known:.1f} s, and not any more {took:.1f} s after it was revoked")
    assert took < 5


def test_newer_data_are_taken_up(up: Deployed, tmp_path: Path) -> None:
    before = up.forecasts(WHOLE, {}).json()
    sales = up.home / "world" / WHOLE / "sales.csv"
    with open(sales, newline="") as stream:
        rows = list(csv.DictReader(stream))
    last = max(row["date"] for row in rows)
    fresh = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
    with open(tmp_path / "sales.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "date": fresh} for row in rows if row["date"] == last)
    up.command("data", "append", "--tenant", WHOLE, "--mapping", "generic", f"sales={tmp_path / 'sales.csv'}")
    took = until(lambda: all(as_of(up, port) == fresh for port in up.ports()))
    print(f"\nnewer data are served by both replicas after {took:.1f} s")
    after = up.forecasts(WHOLE, {}).json()
    assert after["dataset"] == before["dataset"] + 1
    with serving(up.home) as service:
        assert same(figures(after)[0], in_process(service, WHOLE).mean)


def as_of(up: Deployed, port: int) -> str:
    found: str = up.forecasts(WHOLE, {}, port=port).json()["as_of"]
    return found


def test_the_commands_beside_it(up: Deployed) -> None:
    state = up.command("status")
    assert (state["state"], state["url"], state["tenants"], state["replicas"]) == ("running", up.url, 4, 2)
    assert state["pid"] == up.process.pid
    key = up.secrets[LAST]
    found = up.command("query", "forecast", "--key", key, "--by", "total", "--horizon", 7)
    assert len(found["forecasts"]) == 1
    assert up.command("query", "orders", LAST, "--key", key)["orders"]
    second = up.command("deploy", "--port", 0, code=2)
    assert f"has a service already: at {up.url}" in second["error"]


def test_it_ends_and_leaves_nothing(up: Deployed) -> None:
    folder, began = up.folder(), time.monotonic()
    up.in_front()
    assert len(up.known) > 5
    up.known.update(up.in_front())
    assert up.command("undeploy")["stopped"] is True
    assert up.process.wait(30) == 0
    print(f"\nup after {up.took:.1f} s, ended after {time.monotonic() - began:.1f} s")
    assert not (up.home / "serve.json").exists()
    until(lambda: not up.left())
    assert not folder.exists()
    told = (up.home / "deploy.err").read_text().splitlines()
    assert all(line in QUIET for line in told), told


QUIET = ("Ray is up; starting the replicas", "stopping", "it has stopped")
