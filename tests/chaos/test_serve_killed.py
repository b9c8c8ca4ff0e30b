"""A deployment under load, whose parts are killed or taken away: with the client nothing is lost, doubled or mixed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.serving import Load, Wanted
from tests.serve.deployed import CONTROLLER, PROXY, REPLICA, Deployed, deployed, until
from tests.serve.shops import BASE, LAST, RULE, WHOLE, serving, shops_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EVERYBODY = (LAST, WHOLE, BASE, RULE)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployed, Wanted]]:
    home = tmp_path_factory.mktemp("killed") / "home"
    shops_in(home, tmp_path_factory)
    wanted = Wanted()
    with serving(home) as service:
        for name in EVERYBODY:
            wanted.learn(service, name)
    with deployed(home) as found:
        yield found, wanted


@contextmanager
def load(there: tuple[Deployed, Wanted], what: str, tenants: tuple[str, ...] = EVERYBODY) -> Iterator[Load]:
    """Before, while and after whatever happens in the `with`."""
    found, wanted = there
    until(lambda: whole(found))
    with Load(found, wanted, tenants).running() as running:
        until(running.fresh)
        yield running
        until(running.fresh)
    running.check(what)


def whole(found: Deployed) -> bool:
    return len(found.called(REPLICA)) == len(found.ports()) == found.answering() == 2


def kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_replica_and_then_another(there: tuple[Deployed, Wanted]) -> None:
    found = there[0]
    with load(there, "replicas killed") as running:
        for _ in range(2):
            kill(found.called(REPLICA)[:1])
            until(lambda: not whole(found))
            print(f"\nthe replica is back after {until(lambda: whole(found)):.1f} s")
            until(running.fresh)


def test_haproxy(there: tuple[Deployed, Wanted]) -> None:
    found = there[0]
    with load(there, "HAProxy killed"):
        gone = found.in_front()
        kill(gone)
        took = until(lambda: found.in_front() and not set(found.in_front()) & set(gone) and whole(found))
        print(f"\nHAProxy is back after {took:.1f} s")


def test_serve_s_proxy_actor(there: tuple[Deployed, Wanted]) -> None:
    found = there[0]
    with load(there, "proxy actor killed"):
        gone, front = found.called(PROXY), found.in_front()
        kill(gone)
        took = until(lambda: found.called(PROXY) and found.called(PROXY) != gone)
        took += until(lambda: found.in_front() != front and len(found.in_front()) == 1)
        print(f"\nthe proxy actor is back after {took:.1f} s")
        kill(found.called(REPLICA)[:1])  # it must hear of what comes and goes
        until(lambda: not whole(found))
        until(lambda: whole(found))


def test_serve_s_controller(there: tuple[Deployed, Wanted]) -> None:
    found = there[0]
    with load(there, "controller killed"):
        gone = found.called(CONTROLLER)
        kill(gone)
        took = until(lambda: found.called(CONTROLLER) and found.called(CONTROLLER) != gone)
        print(f"\nthe controller is back after {took:.1f} s")
        kill(found.called(REPLICA)[:1])
        until(lambda: not whole(found))
        until(lambda: whole(found))
