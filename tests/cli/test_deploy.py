"""`invplat deploy`, `status` and `undeploy`, and the demo's end, with a stand-in for the deployment itself."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from click.testing import Result

from invplat.cli import demo, running
from invplat.core.process import Process
from invplat.core.settings import load_settings
from invplat.registry import keys
from invplat.registry.database import Database
from tests.cli.deployed import Shop, Stand, serving

Invplat = Callable[..., Result]


@pytest.fixture
def shop() -> Iterator[Shop]:
    with serving() as made:
        yield made


@pytest.fixture
def stand(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """In the place of the true one; nobody waits for Ctrl-C."""
    import invplat.serve

    made = Stand(shop)
    monkeypatch.setitem(sys.modules, "invplat.serve.deployment", made)
    monkeypatch.setattr(invplat.serve, "deployment", made, raising=False)
    monkeypatch.setattr("invplat.cli.deploy.Told.wait", lambda told: None)
    return made


@pytest.fixture
def business(invplat: Invplat) -> str:
    assert invplat("tenant", "add", "shop").exit_code == 0
    return "shop"


def registered(tenant: str) -> list[Any]:
    with closing(Database(load_settings().database_url)) as database:
        return keys.of_tenant(database, tenant)


def taken() -> socket.socket:
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen()
    return found


def test_it_tells_where_it_is_and_a_line_that_works(invplat: Invplat, stand: Stand, shop: Shop, business: str) -> None:
    result = invplat("deploy", "--port", 0, "--key-for", business)
    assert result.exit_code == 0, result.output
    assert f"1 business at {shop.url}, the page at {shop.url}/" in result.stdout
    (secret,) = re.findall(r"export INVPLAT_KEY=(ivp_\S+)", result.stdout)
    assert result.output.count(secret) == 1
    (key,) = registered(business)
    assert (key.scopes, key.revoked) == (("tenant:read", "tenant:write"), None)
    (line,) = re.findall(r"^  (curl .*)$", result.stdout, re.MULTILINE)
    environment = {**os.environ, "INVPLAT_KEY": secret}
    ended = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)["tenant"] == "shop"
    assert shop.asked[-1][2:] == ({"by": "total", "horizon": 7}, f"Bearer {secret}")
    assert "it has stopped" in result.stderr
    assert stand.stopped


def test_its_note_is_there_while_it_runs_and_has_no_secret(
    invplat: Invplat, stand: Stand, shop: Shop, home: Path, business: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "serve.json"
    seen: list[Any] = []

    def look(told: object) -> None:
        seen.extend((json.loads(path.read_text()), stat.S_IMODE(path.stat().st_mode), path.read_text()))
        seen.append(json.loads(invplat("status", "--json").stdout))
        seen.append(invplat("deploy", "--port", 0))

    monkeypatch.setattr("invplat.cli.deploy.Told.wait", look)
    result = invplat("deploy", "--port", 0, "--key-for", business, "--json")
    note, mode, text, state, second = seen
    content = json.loads(result.stdout)
    assert (note["url"], note["pid"], mode) == (shop.url, os.getpid(), 0o600)
    assert content["key"] not in text
    assert content["url"] == shop.url
    assert (state["state"], state["url"], state["tenants"]) == ("running", shop.url, 1)
    assert second.exit_code == 2
    assert f"has a service already: at {shop.url}" in second.stderr
    assert "invplat undeploy" in second.stderr
    assert not path.exists()


def test_nothing_is_left_where_it_fails(
    invplat: Invplat, stand: Stand, home: Path, business: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(stand, "begun", fail)
    before = signal.getsignal(signal.SIGTERM)  # Ray's, where a test before this one has used it
    result = invplat("deploy", "--port", 0, "--key-for", business)
    assert result.exit_code == 1
    assert not (home / "serve.json").exists()
    (key,) = registered(business)
    assert key.revoked
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_wish_to_end_while_it_starts_ends_it(
    invplat: Invplat, stand: Stand, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand, "begun", lambda: signal.raise_signal(signal.SIGTERM))
    result = invplat("deploy", "--port", 0)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "interrupted")
    assert not (home / "serve.json").exists()


def test_a_name_that_is_none_costs_no_deployment(invplat: Invplat, stand: Stand, business: str) -> None:
    result = invplat("deploy", "--port", 0, "--key-for", "shpo")
    assert result.exit_code == 2
    assert stand.options is None


def test_options_come_from_flags_then_a_file(invplat: Invplat, stand: Stand, tmp_path: Path) -> None:
    with taken() as free:
        port = free.getsockname()[1]
    path = tmp_path / "serve.toml"
    path.write_text('replicas = "1..3"\nworkload = "mlp"\nmemory = "2GiB"\nrate = 10\nhaproxy = false\nin_flight = 8\n')
    result = invplat("deploy", "--config", path, "--port", port, "--rate", 20, "--workload", "a", "--workload", "b")
    assert result.exit_code == 0, result.output
    made = stand.options
    assert (made.port, made.replicas, made.workloads) == (port, (1, 3), ("a", "b"))
    assert (made.memory, made.rate, made.haproxy, made.in_flight) == (2 << 30, 20.0, False, 8)
    assert invplat("deploy", "--replicas", 2, "--haproxy", "--port", 0).exit_code == 0
    assert (stand.options.replicas, stand.options.haproxy, stand.options.workloads) == ((2, 2), True, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "did you mean port?"),
        ("colour = 1", "it may set host"),
        ("port = 70000", "port = 70000 makes no sense"),
        ("port = true", "port = True makes no sense"),
        ('replicas = "2..1"', "replicas = '2..1' makes no sense"),
        ("replicas = [0, 1]", "makes no sense"),
        ("replicas = 1.5", "makes no sense"),
        ('memory = "much"', 'for example "1GiB"'),
        ("rate = nan", "makes no sense"),
        ("workload = []", "makes no sense"),
        ("haproxy = 1", "makes no sense"),
        ("host = ", "is not TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    invplat: Invplat, stand: Stand, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "serve.toml"
    path.write_text(text + "\n")
    result = invplat("deploy", "--config", path)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert stand.options is None


def test_a_port_that_is_in_use_is_refused(invplat: Invplat, stand: Stand, home: Path) -> None:
    with taken() as other:
        result = invplat("deploy", "--port", other.getsockname()[1])
    assert (result.exit_code, "is in use" in result.stderr) == (2, True)
    assert stand.options is None
    assert not (home / "serve.json").exists()
    result = invplat("deploy", "--host", "256.1.1.1", "--port", 0)
    assert result.exit_code == 2


def test_on_a_cluster_it_goes_on(invplat: Invplat, stand: Stand, home: Path) -> None:
    result = invplat("deploy", "--address", "10.0.0.5:6379")
    assert result.exit_code == 0, result.output
    assert stand.address == "10.0.0.5:6379"
    assert "invplat undeploy --address 10.0.0.5:6379" in result.stderr
    assert "it has stopped" not in result.stderr
    assert not (home / "serve.json").exists()
    content = json.loads(invplat("status", "--address", "10.0.0.5:6379", "--json").stdout)
    assert (content["state"], content["at"]) == ("RUNNING", "10.0.0.5:6379")
    assert "HEALTHY" in invplat("status", "--address", "10.0.0.5:6379").stdout
    assert "it has stopped" in invplat("undeploy", "--address", "10.0.0.5:6379").stdout
    stand.there = False
    result = invplat("undeploy", "--address", "10.0.0.5:6379", "--json")
    assert (result.exit_code, json.loads(result.stdout)["stopped"]) == (0, False)


def test_once_asks_for_every_business_and_takes_its_keys_back(
    invplat: Invplat, stand: Stand, shop: Shop, business: str
) -> None:
    result = invplat("deploy", "--once", "--port", 0, "--json")
    assert result.exit_code == 0, result.output
    checks = json.loads(result.stdout)["checks"]
    assert [(one["asked"], one["tenant"]) for one in checks] == [
        ("health", None),
        ("page", None),
        ("forecasts", "shop"),
        ("orders", "shop"),
    ]
    assert [one["answer"] for one in checks[2:]] == ["2 series by mlp@2", "2 orders of 2 items"]
    assert all(key.revoked for key in registered(business))
    shop.refuse["orders"] = (422, {"detail": "no stock"})
    result = invplat("deploy", "--once", "--port", 0)
    assert (result.exit_code, "no stock (422)" in result.stderr) == (2, True)
    assert all(key.revoked for key in registered(business))
    assert stand.stopped


def test_the_demo_s_end_is_to_serve(
    invplat: Invplat, stand: Stand, home: Path, business: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = demo._type
    monkeypatch.setattr(demo, "_type", lambda output, words, *rest: words == "deploy" and real(output, words, *rest))
    (home / "world" / business).mkdir(parents=True)
    result = invplat("demo", "--once", "--json")
    assert result.exit_code == 0, result.output
    assert [one["asked"] for one in json.loads(result.stdout)["checks"]] == ["health", "page", "forecasts", "orders"]
    result = invplat("demo", "--serve")
    assert "export INVPLAT_KEY=ivp_" in result.stdout
    assert "curl -s" in result.stdout
    assert not (home / "serve.json").exists()


def test_nothing_is_served(invplat: Invplat, home: Path) -> None:
    result = invplat("status")
    assert (result.exit_code, "nothing is served" in result.stdout) == (1, True)
    assert json.loads(invplat("status", "--json").stdout)["state"] == "down"
    result = invplat("undeploy", "--json")
    assert (result.exit_code, json.loads(result.stdout)["stopped"]) == (0, False)


def test_the_note_of_one_that_died_is_nobody_s(invplat: Invplat, stand: Stand, home: Path) -> None:
    """Its number may be another process's by now, which nobody may be asked to end."""
    with running.claimed(home) as claim:
        claim.running = replace(claim.running, process=replace(Process.this(), born="1"))
        claim.serves(stand.shop.url)
        assert json.loads(invplat("undeploy", "--json").stdout)["stopped"] is False
        assert invplat("status").exit_code == 1
        assert invplat("deploy", "--port", 0).exit_code == 0
    (home / "serve.json").write_text('{"url": 3}')
    assert invplat("status").exit_code == 1


def test_one_on_another_machine_is_left_alone(invplat: Invplat, stand: Stand, home: Path) -> None:
    with running.claimed(home) as claim:
        claim.running = replace(claim.running, process=replace(Process.this(), host="elsewhere"))
        claim.serves("http://elsewhere:8000")
        result = invplat("undeploy")
        assert (result.exit_code, "can't be reached from here" in result.stderr) == (2, True)
        result = invplat("deploy", "--port", 0)
        assert (result.exit_code, "if it is gone, remove" in result.stderr) == (2, True)
        (home / "serve.json").unlink()


@pytest.mark.parametrize("number", [signal.SIGINT, None])
def test_it_ends_when_it_is_told_to(invplat: Invplat, shop: Shop, home: Path, number: signal.Signals | None) -> None:
    """A process of its own; none: by `undeploy`."""
    script = f"""
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        from types import SimpleNamespace
        import invplat.serve
        from tests.cli.deployed import Stand
        invplat.serve.deployment = sys.modules["invplat.serve.deployment"] = Stand(SimpleNamespace(url="{shop.url}"))
        from invplat.cli.main import cli
        cli.main(["deploy", "--port", "0", "--json"])
    """
    process = subprocess.Popen(
        [sys.executable, "-c", dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"] == shop.url
        if number is None:
            ended = invplat("undeploy", "--json")
            assert json.loads(ended.stdout) == {"stopped": True, "pid": process.pid}
        else:
            process.send_signal(number)
        assert process.wait(30) == 0
    assert not (home / "serve.json").exists()
