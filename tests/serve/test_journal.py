"""Forecasts that were given are written down once, though the storage and the registry come and go meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invplat.core.errors import DatabaseError
from invplat.registry.parts import PREDICTED, Shelf
from invplat.serve.journal import Journal
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.service import Service
from invplat.storage import Storage
from tests.serve.shops import LAST, WHOLE, serving, shops_in
from tests.serve.test_service import run


@pytest.fixture
def service(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    shops_in(tmp_path / "home", tmp_path_factory)
    with serving(tmp_path / "home", journal=True) as found:
        yield found


def asked(service: Service, *tenants: str) -> Journal:
    assert service.journal is not None
    for name in tenants:
        run(service.forecasts(name, ForecastsAsked()))
    return service.journal


def rows(service: Service, tenant: str) -> list[int]:
    return [part.rows for part in PREDICTED.of_tenant(service.database, tenant)]


def test_what_the_registry_did_not_take_is_told_it_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = asked(service, LAST)

    def down(*_: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(Shelf, "add", down)
    for _ in range(2):
        with pytest.raises(DatabaseError):
            journal.flush()
    asked(service, WHOLE)
    monkeypatch.undo()
    journal.flush()
    journal.flush()
    assert len(rows(service, LAST)) == len(rows(service, WHOLE)) == 1
    folder = Path(service.settings.home) / "storage" / "tenants" / LAST / "predictions"
    assert len(list(folder.iterdir())) == 1
    assert journal.lost == 0


def test_one_that_could_not_be_written_is_written_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry is away, too, for the others."""
    journal = asked(service, LAST, WHOLE)
    real = Storage.write

    def full(self: Storage, key: str, *given: Any, **more: Any) -> Any:
        if LAST in key:
            raise OSError(28, "No space left on device")
        return real(self, key, *given, **more)

    def down(*_: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(Storage, "write", full)
    monkeypatch.setattr(Shelf, "add", down)
    with pytest.raises(DatabaseError):
        journal.flush()
    monkeypatch.undo()
    journal.flush()
    assert len(rows(service, LAST)) == len(rows(service, WHOLE)) == 1
    assert sum(rows(service, LAST)) == journal.written - sum(rows(service, WHOLE))
