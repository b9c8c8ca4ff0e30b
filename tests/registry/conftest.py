"""The registry on either pair of places: SQLite and a folder, PostgreSQL and S3. Whoever asks for it runs on both."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from invplat.registry import shared, tenants
from invplat.registry.database import Database, open_database
from invplat.storage import Storage, open_storage


@dataclass(frozen=True)
class Registry:
    database: Database
    storage: Storage


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database with nothing in it, not even tables."""
    if request.param == "postgres":
        return str(request.getfixturevalue("empty_postgres"))
    return f"sqlite:///{tmp_path / 'kept' / 'registry.db'}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    found = open_database(url)
    yield found
    found.close()


@pytest.fixture
def registry(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    if database.is_sqlite:
        return Registry(database, open_storage(str(tmp_path / "storage")))
    return Registry(database, open_storage(f"{request.getfixturevalue('s3').url}/shop"))


@pytest.fixture
def shop(registry: Registry) -> Registry:
    """With one business, which is called shop."""
    tenants.add(registry.database, "shop", actor="test")
    return registry


@pytest.fixture
def fresh() -> Iterator[None]:
    """As in a process that has read nothing yet."""
    shared.forget()
    yield
    shared.forget()


class Door:
    """A TCP port before a PostgreSQL that has only a socket file; shut, the server is as good as down."""

    def __init__(self, target: str) -> None:
        self._target = target
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port = found.getsockname()[1]
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []

    def open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """Nobody new comes in, and whoever is inside is thrown out."""
        for each in [self._listener, *self._open]:
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        self._listener, self._open = None, []

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._open += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def door(empty_postgres: str) -> Iterator[tuple[Door, str]]:
    """Open; and the database's URL through it."""
    parts = urlsplit(empty_postgres)
    folder = parse_qs(parts.query)["host"][0]
    found = Door(os.path.join(folder, ".s.PGSQL.5432"))
    found.open()
    yield found, f"postgresql://postgres:secret-word@127.0.0.1:{found.port}{parts.path}"
    found.shut()
