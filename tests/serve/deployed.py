"""One `invplat deploy` in a process of its own, over a home with four businesses, and what a test asks of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from invplat.client import Client
from invplat.core.settings import Settings, load_settings
from invplat.registry import keys
from invplat.registry.database import Database
from tests.transfer.firms import NAMES

REPLICA, FRONT, PROXY, CONTROLLER = "ServeReplica", "haproxy -db", "ray::HAProxyManager", "ray::ServeController"
JSON = "application/json"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Deployed:
    home: Path
    url: str
    process: subprocess.Popen[str]
    secrets: dict[str, str]  # by business; admin
    took: float  # seconds until it said where it is
    known: set[int] = field(default_factory=set)  # processes of it, present and past

    @property
    def settings(self) -> Settings:
        return load_settings({"home": str(self.home)}, {})

    @contextmanager
    def database(self) -> Iterator[Database]:
        with closing(Database(self.settings.database_url)) as found:
            yield found

    def client(self, tenant: str, **more: Any) -> Client:
        return Client(self.url, self.secrets[tenant], **more)

    def ask(self, path: str, who: str | None, body: Any = None, *, port: int | None = None, **headers: str) -> Answer:
        """Once, and without patience."""
        where = urlsplit(self.url)
        with closing(http.client.HTTPConnection("127.0.0.1", port or where.port or 80, timeout=30)) as wire:
            secret = self.secrets.get(who, who) if who else None
            given = {"Content-Type": JSON, **({"Authorization": f"Bearer {secret}"} if secret else {}), **headers}
            content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
            wire.request("GET" if content is None else "POST", path, content, given)
            answer = wire.getresponse()
            return Answer(answer.status, {name.lower(): each for name, each in answer.getheaders()}, answer.read())

    def forecasts(self, tenant: str, body: Any, **more: Any) -> Answer:
        return self.ask(f"/v1/tenants/{tenant}/forecasts", more.pop("who", tenant), body, **more)

    def called(self, name: str) -> list[int]:
        """Processes of this deployment, by what they are called."""
        found = below(self.process.pid)
        self.known.update(found)
        return sorted(pid for pid, told in found.items() if name in told)

    def in_front(self) -> list[int]:
        """HAProxy, even if whoever started it has gone."""
        folder = self.folder()
        return sorted(pid for pid, told in commands().items() if FRONT in told and str(folder) in told)

    def folder(self) -> Path:
        """Where HAProxy's files are."""
        for pid in self.called(CONTROLLER):
            for word in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if word.startswith(b"RAY_SERVE_HAPROXY_SERVER_STATE_BASE="):
                    self._folder = Path(word.partition(b"=")[2].decode())
        return self._folder

    def ports(self) -> list[int]:
        """Those of the replicas, as HAProxy knows them."""
        return [int(line.rsplit(":", 1)[1].split()[0]) for line in self._servers() if "SERVE_REPLICA" in line]

    def backup(self) -> int:
        return next(int(line.rsplit(":", 1)[1].split()[0]) for line in self._servers() if "backup" in line)

    def _servers(self) -> list[str]:
        files = list(self.folder().glob("*/haproxy.cfg"))
        return [line for path in files for line in path.read_text().splitlines() if line.strip().startswith("server ")]

    def answering(self) -> int:
        """How many replicas do."""
        found = 0
        for port in self.ports():
            try:
                found += self.ask("/healthz", None, port=port).status == 200
            except OSError:
                continue
        return found

    def command(self, *words: object, code: int = 0) -> Any:
        """What `invplat … --json` prints."""
        line = [sys.executable, "-m", "invplat", *map(str, words), "--home", str(self.home), "--json"]
        ended = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120, env=environment())
        assert ended.returncode == code, (ended.stdout, ended.stderr)
        return json.loads(ended.stderr if code == 2 else ended.stdout)

    def left(self) -> dict[int, str]:
        """What there still is of it."""
        there = commands()
        return {pid: there[pid] for pid in self.known if there.get(pid)}


@contextmanager
def deployed(home: Path, *words: object) -> Iterator[Deployed]:
    """Up, with two replicas, and gone afterwards."""
    secrets = {}
    with closing(Database(load_settings({"home": str(home)}, {}).database_url)) as database:
        for name in NAMES:
            secrets[name] = keys.create(database, name, (keys.READ, keys.WRITE), actor="test")[1]
        secrets["admin"] = keys.create(database, None, (keys.ADMIN,), actor="test")[1]
    line = [sys.executable, "-m", "invplat", "deploy", "--port", "0", "--replicas", "2", "--home", str(home), "--json"]
    told, trouble = home / "deploy.out", home / "deploy.err"
    began = time.monotonic()
    with open(told, "w") as out, open(trouble, "w") as wrong:
        process = subprocess.Popen(
            [*line, *map(str, words)], stdout=out, stderr=wrong, text=True, env=environment(), start_new_session=True
        )
    try:
        until(lambda: told.read_text().endswith("}\n") or process.poll() is not None, 200)
        assert process.poll() is None, trouble.read_text()
        found = Deployed(home, json.loads(told.read_text())["url"], process, secrets, time.monotonic() - began)
        until(lambda: len(found.ports()) == found.answering() == 2)
        yield found
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Nobody's settings."""
    found = {name: value for name, value in os.environ.items() if not name.startswith(("INVPLAT_", "RAY_"))}
    return {**found, "OMP_NUM_THREADS": "1"}


def until(reached: Callable[[], Any], seconds: float = 120) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    while not reached():
        assert time.monotonic() < began + seconds, "waited in vain"
        time.sleep(0.05)
    return time.monotonic() - began


def commands() -> dict[int, str]:
    """Every process, and what it was called with; those that have ended are not there."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue
    return found


def below(pid: int) -> dict[int, str]:
    """The processes that descend from one."""
    there, parents = commands(), {}
    for each in there:
        try:
            parents[each] = int(Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found: dict[int, str] = {}
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and child != pid:
            found[child] = there[child]
    return found
