"""PostgreSQL is killed for half a minute, while a job works and clients ask: nothing is lost, nothing done twice."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn

from invplat.client import Client
from invplat.core.settings import load_settings
from invplat.registry import aliases, audit, jobs, keys, results, versions
from invplat.registry.database import Database
from invplat.registry.jobs import State
from invplat.serve.app import application
from invplat.serve.limits import Limits
from invplat.serve.service import Options, Service
from invplat.storage import open_storage
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from tests.chaos.moved import moved_to
from tests.chaos.promises import Promise
from tests.chaos.tuning import begun, until
from tests.serve.shops import moved, shops_in
from tests.transfer.firms import NAMES

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(600)]
DOWN = 30.0  # seconds
# A pack for each business, so that there is a middle.
RUN = "from invplat.transfer import jobs_packs; jobs_packs.MOST = 1; from invplat.cli.main import main; main()"


@dataclass
class Server:
    """A PostgreSQL of the test's own."""

    raw: Any
    url: str

    def kill(self) -> None:
        """As a machine does that loses its power: nothing is said to anybody."""
        os.kill(int(self.raw.get_pid()), signal.SIGKILL)

    def start(self) -> None:
        with self.raw._lock:
            self.raw.ensure_postgres_running()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pgserver = pytest.importorskip("pgserver")
    raw = pgserver.get_server(tmp_path_factory.mktemp("killed"), cleanup_mode="stop")
    try:
        yield Server(raw, raw.get_uri())
    finally:
        raw.cleanup()


@pytest.fixture
def shops(server: Server, home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: Any) -> Path:
    shops_in(home, tmp_path_factory)
    moved_to(home, server.url)
    (home / "invplat.db").unlink()
    monkeypatch.setenv("INVPLAT_DATABASE_URL", server.url)
    return home


@contextmanager
def listening(service: Service) -> Iterator[str]:
    app = application(service, Limits(rate=0))
    own = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
    thread = threading.Thread(target=own.run)
    thread.start()
    until(lambda: own.started)
    try:
        yield f"http://127.0.0.1:{own.servers[0].sockets[0].getsockname()[1]}"
    finally:
        own.should_exit = True
        thread.join(30)


@dataclass
class Asking:
    """Two clients that ask on and on; what each answer says must be what some model of the business says."""

    url: str
    secrets: dict[str, str]
    asked: int = 0
    right: int = 0
    longest: float = 0.0
    wrong: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[Asking]:
        works = [threading.Thread(target=self._go, args=(seed,)) for seed in range(2)]
        for work in works:
            work.start()
        try:
            yield self
        finally:
            self._over.set()
            for work in works:
                work.join(90)

    def _go(self, seed: int) -> None:
        draw = random.Random(seed)
        clients = {name: Client(self.url, secret, patience=60) for name, secret in self.secrets.items()}
        while not self._over.wait(0.05):
            tenant = draw.choice(NAMES)
            with self._lock:
                self.asked += 1
            began = time.monotonic()
            said = ""
            try:
                what = draw.choice(("forecasts", "orders"))
                answer = getattr(clients[tenant], what)(tenant)
                good = answer["tenant"] == tenant and len(answer[what]) > 0
                if what == "forecasts":
                    good = good and all(np.isfinite(one["mean"]).all() for one in answer[what])
                said = "" if good else f"{tenant}: {str(answer)[:200]}"
            except Exception as error:  # whatever it was, it is no answer
                said = repr(error)
            with self._lock:
                self.right += not said
                self.longest = max(self.longest, time.monotonic() - began)
                self.wrong += [said] if said else []
        for client in clients.values():
            client.close()


def test_killed_while_it_is_needed(server: Server, shops: Path, promise: Promise) -> None:
    fault = f"PostgreSQL killed for {DOWN:.0f} s while four businesses are fine-tuned and clients ask"
    promise(fault, "every question is answered, the job ends well, nothing is written twice, promotions go through")
    storage = open_storage(str(shops / "storage"))
    with Database(server.url, patience=120) as database:
        made = {name: keys.create(database, name, actor="test")[1] for name in NAMES}
        before = {name: len(versions.of_tenant(database, name, "mlp")) for name in NAMES}
        base = find_bases(database, storage, [], None)[0]
        job = submit(database, Asked("mlp", (base.id,), "all", epochs=30), NAMES, actor="test")[0].id
        settings = load_settings({"home": str(shops)}, {"INVPLAT_DATABASE_URL": server.url})
        service = Service(settings, Options(every=1.0)).start()
        words = [sys.executable, "-c", RUN, "jobs", "run", job, "--home", str(shops), "--quiet"]
        with listening(service) as url, Asking(url, made).running() as asking, begun(words) as process:
            until(lambda: results.counts(database, [job])[job].get("done", 0) > 0, process)
            done = results.counts(database, [job])[job]["done"]
            assert done < len(NAMES)
            server.kill()
            gone = time.monotonic()
            at = asking.right
            time.sleep(DOWN)
            while_down = asking.right - at
            server.start()
            up = time.monotonic()
            own = moved(database, shops, NAMES[0], ("head.says.",), 71)  # the first that a person does after it
            until(lambda: service.served(NAMES[0]).version.id == own.id)
            found = time.monotonic() - up
            process.wait(timeout=240)
            ended = time.monotonic() - up
            at = asking.right
            until(lambda: asking.right > at + 20)
        assert service.journal is not None
        service.journal.flush()
        lost = service.journal.lost
        service.close()
        assert process.returncode == 0, process.stderr and process.stderr.read()
        state = jobs.get(database, job)
        assert (state.state, state.attempt) == (State.DONE, 1)
        twice = 0
        for name in NAMES:
            rows = versions.of_tenant(database, name, "mlp")
            folders = storage.names(f"tenants/{name}/models/mlp")
            assert [f"{one.number:08d}" for one in rows] == folders
            twice += max(0, len(rows) - before[name] - 1 - (name == NAMES[0]))
            deeds = [one for one in audit.of_tenant(database, name) if one.action == "model.promote"]
            models = [(one.detail or {})["model"] for one in deeds]
            twice += len(models) - len(set(models))
            assert aliases.current(database, name, "mlp")[aliases.CHAMPION]
    assert not asking.wrong, (len(asking.wrong), asking.wrong[:3])
    assert asking.right == asking.asked
    assert while_down > 50
    assert (twice, lost) == (0, 0)
    promise(
        fault,
        measured={
            "answers lost": asking.asked - asking.right,
            "answered": asking.asked,
            "of these while it was down": while_down,
            "longest s": round(asking.longest, 1),
            "a promotion is served after s": round(found, 1),
            "written twice": twice,
            "job done after s": round(ended, 1),
            "down s": round(up - gone, 1),
        },
    )
