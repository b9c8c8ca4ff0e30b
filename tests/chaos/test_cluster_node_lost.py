"""Three nodes on this machine, one of which is lost while it serves: whoever asks by the client gets every answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from invplat.client import Client
from invplat.cluster import nodes, note, processes
from invplat.cluster.note import HEAD, Note
from tests.chaos.tuning import command, run, until
from tests.transfer.firms import NAMES, firms_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
RATE = 20  # requests a second
REPLICA = b"ray::ServeReplica"


@pytest.fixture
def cluster(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Note]:
    firms_in(home, tmp_path_factory)
    yield nodes.up(home, 3, 1, dashboard=False, told=print)
    nodes.down(home)


@dataclass
class Asking:
    """One client that asks steadily."""

    answers: list[tuple[float, float]] = field(default_factory=list)  # when, and how long each took
    lost: list[str] = field(default_factory=list)

    @contextmanager
    def of(self, url: str, key: str, tenant: str) -> Iterator[Asking]:
        over = threading.Event()

        def ask() -> None:
            with Client(url, key, patience=60) as client:
                wanted: Any = None
                while not over.wait(1 / RATE):
                    began = time.monotonic()
                    try:
                        said = client.forecasts(tenant, by="total")["forecasts"]
                        wanted = said if wanted is None else wanted
                        self.lost += [] if said == wanted else ["another answer"]
                    except Exception as error:  # whatever it was, it is no answer
                        self.lost.append(repr(error))
                    self.answers.append((time.monotonic(), time.monotonic() - began))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(90)

    def more(self, count: int) -> None:
        enough = len(self.answers) + count
        until(lambda: len(self.answers) >= enough)


def test_a_node_that_serves(home: Path, cluster: Note) -> None:
    def invplat(*words: object) -> dict[str, Any]:
        ended = run(command(*words, "--home", home, "--json"))
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    tenant = NAMES[0]
    key = invplat("tenant", "key", "create", tenant)["secret"]
    with socket.create_server((note.HOST, 0)) as held:
        port = held.getsockname()[1]
    url = invplat("deploy", "--port", port, "--replicas", 2, "--address", "cluster")["url"]
    with Asking().of(url, key, tenant) as asking:
        asking.more(3 * RATE)
        victim = next(node for node, count in replicas(cluster).items() if count and node != HEAD)
        began = time.monotonic()
        nodes.kill(home, victim)
        until(lambda: sum(replicas(cluster).values()) == 2)
        again = time.monotonic() - began
        asking.more(3 * RATE)
    longest = max(took for when, took in asking.answers if when > began)
    told = f"longest {longest:.1f} s, a second replica again after {again:.1f} s"
    print(f"\n{victim} lost while serving: {len(asking.answers)} asked, {len(asking.lost)} lost, {told}")
    assert asking.lost == []
    status = invplat("cluster", "status")
    assert [node["node"] for node in status["nodes"] if not node["alive"]] == [victim]
    assert (status["state"], status["applications"][0]["state"]) == ("degraded", "RUNNING")


def replicas(found: Note) -> dict[str, int]:
    """How many each node has."""
    counted: dict[str, int] = {}
    for pid, node in processes.marked(found.id).items():
        try:
            named = Path(f"/proc/{pid}/cmdline").read_bytes().startswith(REPLICA)
        except OSError:
            continue
        counted[node] = counted.get(node, 0) + named
    return counted
