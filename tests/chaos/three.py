"""Three nodes on this machine as `invplat cluster up` starts them, what a test does to them, and a client that asks
steadily meanwhile. Nothing of them is left."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from invplat.client import Client
from invplat.cluster import nodes, processes
from invplat.cluster import note as notes
from invplat.cluster.kept import Kept
from invplat.cluster.note import HEAD, Note
from tests.chaos.tuning import command, run, until

RATE = 20  # requests a second of each who asks
CLOSE = 1e-5
REPLICA = "ray::ServeReplica"


@dataclass(frozen=True)
class Three:
    home: Path

    @property
    def note(self) -> Note:
        found = notes.find(self.home)
        assert found is not None
        return found

    def invplat(self, *words: object) -> dict[str, Any]:
        ended = run(command(*words, "--home", self.home, "--json"))
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    def running(self, program: str) -> Counter[str]:
        """How many processes of that name each node has."""
        found: Counter[str] = Counter()
        for pid, node in processes.marked(self.note.id).items():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            found[node] += words.startswith(program.encode())
        return +found

    def worker_of(self, program: str) -> str:
        """A node that has one, and is not the head."""
        seen: list[str] = []
        until(lambda: bool(seen.extend(node for node in self.running(program) if node != HEAD) or seen))
        return seen[0]

    def kill(self, node: str) -> float:
        """When it was lost."""
        nodes.kill(self.home, node)
        return time.monotonic()

    def alive(self) -> dict[str, bool]:
        """As Ray says."""
        return {node["node"]: node["alive"] for node in self.invplat("cluster", "status")["nodes"]}


@contextmanager
def three(
    home: Path, *, cpus: int = 1, dashboard: bool = False, redis: Kept | None = None, namespaces: bool = False
) -> Iterator[Three]:
    up = nodes.up(home, 3, cpus, dashboard=dashboard, told=print, redis=redis, namespaces=namespaces)
    try:
        yield Three(home)
    finally:
        nodes.down(home)
        assert processes.marked(up.id) == {}
        assert not up.folder.exists()


@dataclass
class Asking:
    """One client that asks steadily, and holds each answer against the first; how many are asked at once may change
    its last digits."""

    answers: list[tuple[float, float]] = field(default_factory=list)  # when, and how long each took
    lost: list[str] = field(default_factory=list)

    @contextmanager
    def of(self, url: str, key: str, tenant: str, patience: float = 60) -> Iterator[Asking]:
        over = threading.Event()

        def ask() -> None:
            with Client(url, key, patience=patience) as client:
                wanted: Any = None
                while not over.wait(1 / RATE):
                    began = time.monotonic()
                    try:
                        said = client.forecasts(tenant, by="total")["forecasts"]
                        wanted = said if wanted is None else wanted
                        self.lost += [] if same(said, wanted) else [f"another answer: {said} for {wanted}"]
                    except Exception as error:  # whatever it was, it is no answer
                        self.lost.append(repr(error))
                    self.answers.append((time.monotonic(), time.monotonic() - began))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join(2 * patience)

    def more(self, count: int = 3 * RATE) -> None:
        enough = len(self.answers) + count
        until(lambda: len(self.answers) >= enough)

    def longest(self, since: float) -> float:
        return round(max(took for when, took in self.answers if when > since), 1)


def same(said: Any, wanted: Any) -> bool:
    if isinstance(said, dict) and isinstance(wanted, dict):
        return said.keys() == wanted.keys() and all(same(said[name], wanted[name]) for name in said)
    if isinstance(said, list) and isinstance(wanted, list):
        return len(said) == len(wanted) and all(map(same, said, wanted))
    if isinstance(said, float) and isinstance(wanted, float):
        return math.isclose(said, wanted, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(said == wanted)
