"""A deployment under load, whose parts are killed or taken away: with the client nothing is lost, doubled or mixed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch

from invplat.registry.versions import Version
from tests.chaos.promises import Promise
from tests.chaos.serving import Load, Wanted
from tests.serve.deployed import CONTROLLER, PROXY, REPLICA, Deployed, deployed, until
from tests.serve.shops import BASE, LAST, RULE, WHOLE, moved, promoted, serving, shops_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
UNDER = "serving under load: "
EVERYBODY = (LAST, WHOLE, BASE, RULE)
OWN = (("head.says.",), ("",), ("head.says.", "head.line."), ("head.line.",))  # what differs in each one's models


@dataclass(frozen=True)
class Play:
    deployed: Deployed
    wanted: Wanted
    turns: dict[str, list[Version]]  # two models of each business


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    home = tmp_path_factory.mktemp("killed") / "home"
    shops_in(home, tmp_path_factory)
    wanted, turns = Wanted(), {name: [] for name in EVERYBODY}
    with serving(home) as service:
        for name in EVERYBODY:
            wanted.learn(service, name)
        for seed in (41, 42):
            for name, prefixes in zip(EVERYBODY, OWN, strict=True):
                turns[name].append(moved(service.database, home, name, prefixes, seed))
                service.refresh()
                assert wanted.learn(service, name) == turns[name][-1].reference
    with deployed(home) as found:
        yield Play(found, wanted, turns)


@contextmanager
def load(play: Play, what: str, promise: Promise, tenants: tuple[str, ...] = EVERYBODY) -> Iterator[Load]:
    """Before, while and after whatever happens in the `with`."""
    fault = UNDER + what
    promise(fault, "no request of the client lost, no answer wrong or another's")
    found, wanted = play.deployed, play.wanted
    until(lambda: whole(found))
    with Load(found, wanted, tenants).running() as running:
        until(running.fresh)
        yield running
        until(running.fresh)
    running.check(what)
    longest = max(each for _, each in running.took)
    promise(fault, measured={"requests lost": 0, "of": running.asked, "longest answer, s": longest})


def whole(found: Deployed) -> bool:
    return len(found.called(REPLICA)) == len(found.ports()) == found.answering() == 2


def kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_replica_and_then_another(play: Play, promise: Promise) -> None:
    found = play.deployed
    with load(play, "replicas killed", promise) as running:
        for _ in range(2):
            kill(found.called(REPLICA)[:1])
            until(lambda: not whole(found))
            promise(f"{UNDER}replicas killed", measured={"seconds to recover": until(lambda: whole(found))})
            until(running.fresh)


def test_haproxy(play: Play, promise: Promise) -> None:
    found = play.deployed
    with load(play, "HAProxy killed", promise):
        gone = found.in_front()
        kill(gone)
        took = until(lambda: found.in_front() and not set(found.in_front()) & set(gone) and whole(found))
        promise(f"{UNDER}HAProxy killed", measured={"seconds to recover": took})


@pytest.mark.long
def test_serve_s_proxy_actor(play: Play, promise: Promise) -> None:
    found = play.deployed
    with load(play, "proxy actor killed", promise):
        gone, front = found.called(PROXY), found.in_front()
        kill(gone)
        took = until(lambda: found.called(PROXY) and found.called(PROXY) != gone)
        took += until(lambda: found.in_front() != front and len(found.in_front()) == 1)
        promise(f"{UNDER}proxy actor killed", measured={"seconds to recover": took})
        kill(found.called(REPLICA)[:1])  # it must hear of what comes and goes
        until(lambda: not whole(found))
        until(lambda: whole(found))


@pytest.mark.long
def test_serve_s_controller(play: Play, promise: Promise) -> None:
    found = play.deployed
    with load(play, "controller killed", promise):
        gone = found.called(CONTROLLER)
        kill(gone)
        took = until(lambda: found.called(CONTROLLER) and found.called(CONTROLLER) != gone)
        promise(f"{UNDER}controller killed", measured={"seconds to recover": took})
        kill(found.called(REPLICA)[:1])
        until(lambda: not whole(found))
        until(lambda: whole(found))


@pytest.mark.long
def test_the_registry_is_away(play: Play, promise: Promise) -> None:
    """What is known goes on; what was changed is taken up afterwards."""
    found, made = play.deployed, play.turns[LAST]
    with load(play, "registry away", promise) as running:
        promote(found, LAST, made[0])
        with taken(found.home / "invplat.db"):
            for _ in range(5):
                until(running.fresh)
        before = running.by[LAST, made[0].reference]
        until(lambda: running.by[LAST, made[0].reference] > before + 20)


@pytest.mark.long
def test_the_storage_is_away(play: Play, promise: Promise) -> None:
    """A champion that can't be read is not taken up: the one before goes on."""
    found, made = play.deployed, play.turns[WHOLE]
    with load(play, "storage away", promise) as running, taken(found.home / "storage"):
        promote(found, WHOLE, made[0])
        for _ in range(5):
            until(running.fresh)


def test_champions_go_over_while_they_are_asked(play: Play, promise: Promise) -> None:
    """Each answer is of one model as a whole, beside clients that dawdle, hang up or ask what nobody can answer."""
    with load(play, "champions swapped", promise) as running, beside(play):
        for turn in range(6):
            goal = {(name, made[turn % 2].reference): 0 for name, made in play.turns.items()}
            for name, made in play.turns.items():
                promote(play.deployed, name, made[turn % 2])
            goal = {one: running.by[one] for one in goal}
            until(lambda goal=goal: all(running.by[one] > count + 5 for one, count in goal.items()))  # type: ignore[misc]


def test_who_spoils_a_batch_is_alone_with_it(play: Play, promise: Promise) -> None:
    """A model whose answers are no numbers, in one stack with another's."""
    found, wanted = play.deployed, play.wanted
    with found.database() as database:
        moved(database, found.home, BASE, ("head.says.",), 51, lambda value: value * torch.nan)
    names = wanted.names(BASE)
    body = {"series": [{"store": store, "sku": sku} for store, sku in names[:2]]}
    with load(play, "a batch spoilt", promise, (LAST, WHOLE, RULE)) as running:
        until(lambda: found.forecasts(BASE, body).status == 500)
        spoilt = Counter[int]()
        with many(lambda: spoilt.update([found.forecasts(BASE, body).status])):
            until(running.fresh)
            until(lambda: spoilt[500] > 50)
    promote(found, BASE, play.turns[BASE][-1])
    until(lambda: found.forecasts(BASE, body).status == 200)


def test_the_command_itself(play: Play, promise: Promise) -> None:
    """Nobody is left to tidy up, but the port is free soon, and nothing says that it runs."""
    found = play.deployed
    found.called(REPLICA)
    found.known.update(found.in_front())
    kill([found.process.pid])
    found.process.wait()
    # Ray's own two agents notice it after a minute, and then end.
    took = until(lambda: not [name for name in found.left().values() if "Agent" not in name])
    what = "the deploy command itself killed"
    promise(what, "all that serves ends by itself, the port is free", {"seconds until it is gone": took})
    where = urlsplit(found.url)
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((where.hostname, where.port))
    assert found.command("status", code=1)["state"] == "down"


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Something that is of no use is in its place."""
    away = path.with_name(f"{path.name}.away")
    if path.suffix == ".db":
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.rename(away)
    path.mkdir() if path.suffix == ".db" else path.touch()
    try:
        yield
    finally:
        path.rmdir() if path.suffix == ".db" else path.unlink()
        away.rename(path)


@contextmanager
def many(work: Callable[[], object], threads: int = 2, every: float = 0.05) -> Iterator[None]:
    """Again and again."""
    over = threading.Event()

    def go() -> None:
        while not over.wait(every):
            with suppress(OSError, HTTPException):
                work()

    going = [threading.Thread(target=go) for _ in range(threads)]
    for one in going:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in going:
            one.join(60)


@contextmanager
def beside(play: Play) -> Iterator[None]:
    """Clients that behave badly."""
    found, (store, sku) = play.deployed, play.wanted.names(LAST)[0]
    right = json.dumps({"series": [{"store": store, "sku": sku}]}).encode()
    nonsense = [
        {"series": [{"store": "x", "sku": "y"}]},
        {"horizon": 0},
        b"{",
        {"what_if": {"price": 1e308}},
        {"by": 1},
    ]
    seen = Counter[int]()

    def hang_up() -> None:
        with sent(found, LAST, right, len(right)):
            return

    def cut_off() -> None:
        with sent(found, LAST, right[:-5], len(right)):
            return

    def dawdle() -> None:
        with sent(found, LAST, b"", len(right)) as wire:
            for place in range(0, len(right), 4):
                wire.sendall(right[place : place + 4])
                time.sleep(0.05)
            assert wire.recv(100).startswith(b"HTTP/1.1 200")

    def ask_nonsense() -> None:
        for each in nonsense:
            seen[found.forecasts(LAST, each, who="admin").status] += 1

    with many(hang_up), many(cut_off), many(dawdle, 8), many(ask_nonsense, 1):
        yield
    assert set(seen) == {404, 422}, seen


@contextmanager
def sent(found: Deployed, tenant: str, body: bytes, length: int) -> Iterator[socket.socket]:
    where = urlsplit(found.url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as wire:
        head = [
            f"POST /v1/tenants/{tenant}/forecasts HTTP/1.1",
            f"Host: {where.netloc}",
            f"Authorization: Bearer {found.secrets['admin']}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
        ]
        wire.sendall("\r\n".join([*head, "", ""]).encode() + body)
        yield wire


def promote(found: Deployed, tenant: str, made: Version) -> None:
    with found.database() as database:
        promoted(database, tenant, made)
