"""Requests against a server that fails in every way that a server can."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from invplat.client import Client, NoAnswer, ServerSaid, patience
from tests.client import service as play
from tests.client.service import Service

KEY = "ivp_0123456789abcdef_" + "s" * 43


@pytest.fixture
def client(service: Service) -> Iterator[Client]:
    with Client(service.url, KEY, timeout=5, patience=20) as made:
        yield made


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; how long one would have."""
    found: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", found.append)
    return found


@pytest.mark.parametrize(
    "turn",
    [
        play.reset,
        play.no_word,
        play.cut_short,
        play.nonsense,
        play.not_yet,
        *(play.problem(status) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_what_passes_is_tried_again(client: Client, service: Service, turn: play.Turn) -> None:
    service.first(turn, turn)
    assert client.forecasts("shop", horizon=7) == {"tenant": "shop", "forecasts": []}
    assert len(service.seen) == 3
    assert len({(one.path, one.body) for one in service.seen}) == 1


@pytest.mark.parametrize("ask", [Client.finetune, Client.orders, Client.model, Client.kpis, Client.insights])
def test_every_question_is(client: Client, service: Service, ask: Callable[..., object]) -> None:
    service.first(play.reset, play.problem(503))
    assert ask(client, "shop") == {"tenant": "shop", "forecasts": []}


def test_a_server_that_hangs_is_left(service: Service) -> None:
    service.first(play.hang)
    with Client(service.url, KEY, timeout=0.2, patience=20) as client:
        assert client.model("shop")["tenant"] == "shop"
    assert len(service.seen) == 2


def test_a_server_that_only_hangs_is_an_error(service: Service) -> None:
    service.first(*[play.hang] * 3)
    said = pytest.raises(NoAnswer, match=r"did not answer within 0\.1 seconds")
    with Client(service.url, KEY, timeout=0.1, patience=20) as client, said:
        client.model("shop")
    assert len(service.seen) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_what_stays_is_not_tried_again(client: Client, service: Service, status: int) -> None:
    service.first(play.problem(status, {"hint": "do this", "near": ["milk", "silk"]}))
    with pytest.raises(ServerSaid, match=f"told {status}") as raised:
        client.orders("shop")
    said = raised.value
    assert (said.status, said.exit_code, said.near) == (status, 2, ("milk", "silk"))
    assert said.hint == "do this; did you mean milk, silk?"
    assert len(service.seen) == 1


def test_a_front_that_nobody_stands_behind_is_told_of(service: Service) -> None:
    service.usual = play.not_yet
    said = pytest.raises(ServerSaid, match="knows of no application")
    with Client(service.url, KEY, patience=0.3) as client, said:
        client.model("shop")
    assert len(service.seen) > 1


def test_a_mistake_of_the_server_s_is_tried_five_times(client: Client, service: Service, waits: list[float]) -> None:
    service.first(*[play.problem(500)] * 9)
    with pytest.raises(ServerSaid) as raised:
        client.model("shop")
    assert (raised.value.exit_code, len(service.seen)) == (1, 5)


def test_a_wait_that_is_asked_for_is_kept(client: Client, service: Service, waits: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    service.first(play.problem(429, Retry_After="3"), play.problem(503, Retry_After=soon))
    client.model("shop")
    assert 3 <= waits[0] <= 3.5
    assert 3 <= waits[1] <= 5.5


def test_a_wait_past_all_patience_is_not_begun(client: Client, service: Service, waits: list[float]) -> None:
    service.first(play.problem(429, Retry_After="60"))
    with pytest.raises(ServerSaid) as raised:
        client.model("shop")
    assert (raised.value.after, waits, len(service.seen)) == (60, [], 1)
    assert raised.value.hint == "ask again in 60 seconds"


@pytest.mark.parametrize("text", ["soon", "", "nan", "-4", "Mon, 99 Foo 2026"])
def test_a_wait_that_says_nothing_is_ours_to_choose(
    client: Client, service: Service, waits: list[float], text: str
) -> None:
    service.first(play.problem(429, Retry_After=text))
    client.model("shop")
    assert len(waits) == 1
    assert 0 <= waits[0] <= 0.1


def test_waits_grow_and_differ(waits: list[float]) -> None:
    trouble = patience.Trouble(NoAnswer("no"))
    clocks = [patience.Patience(60) for _ in range(2)]
    for clock in clocks:
        for _ in range(12):
            assert clock.once_more(trouble)
    first, second = waits[:12], waits[12:]
    assert first != second
    assert first[0] <= patience.FIRST
    assert patience.LONGEST / 2 <= first[-1] <= patience.LONGEST


def test_patience_ends(service: Service, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    service.usual = play.problem(503)
    with Client(service.url, KEY, patience=10) as client, pytest.raises(ServerSaid, match="told 503"):
        client.model("shop")
    assert 8 <= now[0] <= 10
    assert 8 <= len(service.seen) <= 30


def test_nobody_there_is_an_error_with_a_remedy(service: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with Client(url, KEY, patience=0.3) as client, pytest.raises(NoAnswer, match="refused") as raised:
            client.model("shop")
    assert raised.value.hint
    assert "invplat status" in raised.value.hint
    assert KEY not in str(raised.value)


def test_a_host_that_nobody_knows_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with Client("http://shop.invalid", KEY) as client, pytest.raises(NoAnswer, match="Name or service not known"):
        client.model("shop")
    assert len(waits) == 2


def test_nothing_is_lost_nor_doubled_by_many_threads(service: Service) -> None:
    """Every third request fails, each in its own way; every question has its own answer."""
    ways = [play.reset, play.no_word, play.cut_short, play.problem(503), play.problem(429)]
    counted = iter(range(10_000))
    lock = threading.Lock()

    def usual(handler: play.Handler) -> None:
        with lock:
            number = next(counted)
        if number % 3 == 0:
            ways[number // 3 % len(ways)](handler)
        else:
            handler.say(200, b'{"path": "%s"}' % handler.path.encode())

    service.usual = usual
    found: dict[int, str] = {}
    with Client(service.url, KEY, patience=60) as client:

        def ask(first: int) -> None:
            for number in range(first, first + 25):
                found[number] = client.job(f"job-{number}")["path"]

        threads = [threading.Thread(target=ask, args=(25 * number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == {number: f"/v1/jobs/job-{number}" for number in range(200)}


def test_a_job_is_waited_for(client: Client, service: Service) -> None:
    states = ["queued", "running", "running", "done"]
    service.first(*(play.json_of({"job": "j1", "state": state}) for state in states))
    assert client.wait({"job": "j1"}, every=0.001)["state"] == "done"
    service.usual = play.json_of({"job": "j1", "state": "running"})
    with pytest.raises(NoAnswer, match="job j1 is running"):
        client.wait("j1", every=0.001, most=0.005)
