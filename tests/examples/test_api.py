"""The programs of examples/api, against a service that listens."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from invplat.registry import keys
from invplat.registry.database import Database
from invplat.serve.app import application
from tests.serve.shops import LAST, serving, shops_in

API = Path(__file__).parents[2] / "examples" / "api"


@dataclass(frozen=True)
class Listening:
    url: str
    key: str

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {**os.environ, "INVPLAT_URL": self.url, "INVPLAT_KEY": self.key, **environment}
        line = [str(word) for word in words]
        return subprocess.run(line, env=given, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    home = tmp_path_factory.mktemp("api") / "home"
    shops_in(home, tmp_path_factory)
    with serving(home) as found:
        with closing(Database(found.settings.database_url)) as database:
            secret = keys.create(database, LAST, actor="test")[1]
        server = uvicorn.Server(uvicorn.Config(application(found), port=0, log_level="critical", ws="none"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Listening(f"http://127.0.0.1:{port}", secret)
        finally:
            server.should_exit = True
            thread.join()


def test_the_client(service: Listening) -> None:
    ended = service.run(sys.executable, API / "ask.py")
    assert ended.returncode == 0, ended.stderr
    for words in (f"{LAST}, answered by mlp@", "most likely between", "rows of store, sku", "in the week as it is"):
        assert words in ended.stdout, ended.stdout
    for words in ("3 on hand and 12 on order", "orders,", "404: ", "401: ", "did not answer"):
        assert words in ended.stdout, ended.stdout


def test_by_curl(service: Listening) -> None:
    ended = service.run("bash", API / "ask.sh", LAST)
    assert ended.returncode == 0, ended.stderr
    for words in ('"levels":[0.1,0.5,0.9]', " bytes", '"reason":', '"status":422', "(curl: 22)"):
        assert words in ended.stdout, ended.stdout


def test_what_is_missing_is_said(service: Listening) -> None:
    ended = service.run(sys.executable, API / "ask.py", INVPLAT_URL="no address at all")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    ended = service.run("env", "-u", "INVPLAT_KEY", sys.executable, API / "ask.py")
    assert "INVPLAT_KEY is not set" in ended.stderr
    assert service.run("bash", API / "ask.sh").returncode == 1
