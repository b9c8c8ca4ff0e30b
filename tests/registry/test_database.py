"""Work is done whole or not at all, waits for what passes, and says clearly what does not."""

from __future__ import annotations

import pickle
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from invplat.core.errors import DatabaseError, SettingRefused
from invplat.registry import tenants
from invplat.registry.database import Database, open_database
from invplat.registry.tables import TENANTS
from tests.registry.conftest import Door


def row(name: str) -> sa.Insert:
    return TENANTS.insert().values(name=name, created="2026", leaving=False)


def test_what_breaks_in_the_middle_leaves_nothing(database: Database) -> None:
    def work(connection: sa.Connection) -> None:
        connection.execute(row("half"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(work)
    assert tenants.names(database) == []
    database.write(lambda connection: connection.execute(row("whole")))
    assert tenants.names(database) == ["whole"]


def test_what_one_read_sees_is_of_one_moment(database: Database) -> None:
    def work(connection: sa.Connection) -> list[int]:
        query = sa.select(sa.func.count()).select_from(TENANTS)
        before = connection.execute(query).scalar_one()
        database.write(lambda other: other.execute(row("new")))
        return [before, connection.execute(query).scalar_one()]

    assert database.read(work) == [0, 0]
    assert tenants.names(database) == ["new"]


def test_a_reader_can_not_write(empty_postgres: str) -> None:
    """SQLite knows no transaction that only reads."""
    database = open_database(empty_postgres)
    with pytest.raises((DatabaseError, sa.exc.DBAPIError)):
        database.read(lambda connection: connection.execute(row("sly")))
    assert tenants.names(database) == []
    database.close()


def test_it_goes_to_other_processes_by_its_address(database: Database) -> None:
    tenants.add(database, "shop", actor="test")
    again: Database = pickle.loads(pickle.dumps(database))
    assert tenants.names(again) == ["shop"]
    again.close()


@contextmanager
def locked(database: Database) -> Iterator[threading.Event]:
    """Another holds the tenants until it is told to let go."""
    ready, over = threading.Event(), threading.Event()

    def hold() -> None:
        def work(connection: sa.Connection) -> None:
            if not database.is_sqlite:
                connection.exec_driver_sql("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
            ready.set()
            over.wait(60)

        database.write(work)

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(30)
    try:
        yield over
    finally:
        over.set()
        thread.join()


def test_a_lock_is_waited_for(database: Database) -> None:
    with locked(database) as over:
        threading.Timer(1.2, over.set).start()
        tenants.add(database, "patient", actor="test")
    assert tenants.names(database) == ["patient"]


def test_a_lock_that_stays_is_told_and_nothing_is_half_written(database: Database, url: str) -> None:
    hasty = Database(url, patience=0.5)
    with locked(database), pytest.raises(DatabaseError, match=r"could not be used for \d+ s") as told:
        tenants.add(hasty, "hasty", actor="test")
    assert told.value.exit_code == 2
    assert "nothing was half written" in str(told.value.hint)
    assert tenants.names(database) == []
    hasty.close()


def test_a_person_is_told_that_it_is_waited_for(database: Database, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("invplat.registry.database.TOLD_AFTER", 0.1)
    said: list[str] = []
    patient = Database(url, patience=60)
    with locked(database) as over:

        def told(text: str) -> None:
            said.append(text)
            over.set()

        patient.told = told
        tenants.add(patient, "patient", actor="test")
    assert said == ["the registry's database does not answer; asking again for up to 60 s"]
    patient.close()


def test_a_server_that_is_down_for_a_while_is_waited_for(door: tuple[Door, str]) -> None:
    entrance, url = door
    database = open_database(url)
    tenants.add(database, "before", actor="test")
    entrance.shut()
    timer = threading.Timer(1.0, entrance.open)
    timer.start()
    tenants.add(database, "after", actor="test")
    timer.join()
    assert tenants.names(database) == ["after", "before"]
    database.close()


def test_work_cut_off_in_the_middle_is_done_again_from_its_beginning(door: tuple[Door, str]) -> None:
    entrance, url = door
    database = open_database(url)
    tries = []

    def work(connection: sa.Connection) -> None:
        connection.execute(row("one"))
        if not tries:
            entrance.shut()
            entrance.open()
        tries.append(1)
        connection.execute(row("two"))

    database.write(work)
    assert len(tries) == 2
    assert tenants.names(database) == ["one", "two"]
    database.close()


def test_cut_off_in_the_moment_of_writing_is_not_done_twice(door: tuple[Door, str]) -> None:
    """Nobody knows whether it was done; who says that twice is well is believed."""
    entrance, url = door
    database = open_database(url)
    tries = []

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.execute(row(f"try-{len(tries)}"))
        if len(tries) == 1:
            entrance.shut()
            entrance.open()

    with pytest.raises(DatabaseError, match="in the moment of writing"):
        database.write(work)
    assert len(tries) == 1
    tries.clear()
    database.write(work, repeatable=True)
    assert len(tries) == 2
    database.close()


def test_a_server_that_is_not_there_is_told_without_its_password(door: tuple[Door, str]) -> None:
    entrance, url = door
    entrance.shut()
    with pytest.raises(DatabaseError, match="could not be used") as told:
        open_database(url, patience=0.3)
    assert "secret-word" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


def test_what_will_not_pass_is_not_waited_for(empty_postgres: str, tmp_path: Path) -> None:
    """With an hour's patience each of these would hang."""
    with pytest.raises(DatabaseError, match='"nowhere" does not exist'):
        open_database(re.sub(r"/test_\w+", "/nowhere", empty_postgres), patience=3600)
    with pytest.raises(DatabaseError, match='"stranger" does not exist'):
        open_database(empty_postgres.replace("postgres:@", "stranger:@"), patience=3600)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        open_database(f"sqlite:///{broken}", patience=3600)
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="can't be made"):
        open_database(f"sqlite:///{tmp_path / 'file' / 'below' / 'registry.db'}", patience=3600)


def test_an_address_that_keeps_nothing_is_refused() -> None:
    for url in ("sqlite://", "sqlite:///:memory:"):
        with pytest.raises(SettingRefused, match="keeps nothing"):
            open_database(url)
    with pytest.raises(SettingRefused, match="not understood"):
        open_database("postgresql://user:pass@host:port/x")


def test_patience_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    monkeypatch.setenv("INVPLAT_DATABASE_PATIENCE", "2.5")
    assert open_database(url).patience == 2.5
    for text in ("soon", "-1", "nan"):
        monkeypatch.setenv("INVPLAT_DATABASE_PATIENCE", text)
        with pytest.raises(SettingRefused, match="no number of seconds"):
            open_database(url)


def test_a_folder_that_goes_away_comes_back(tmp_path: Path) -> None:
    """As a network drive's does."""
    home, away = tmp_path / "home", tmp_path / "away"
    database = open_database(f"sqlite:///{home / 'registry.db'}")
    tenants.add(database, "shop", actor="test")
    home.rename(away)
    timer = threading.Timer(0.7, lambda: away.rename(home))
    timer.start()
    assert tenants.names(database) == ["shop"]
    timer.join()


def test_many_writers_at_once_all_get_their_turn(database: Database) -> None:
    def work(number: int) -> None:
        for step in range(5):
            tenants.add(database, f"shop-{number}-{step}", actor="test")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tenants.names(database)) == 30


def test_sqlite_is_kept_as_it_should_be(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'registry.db'}")
    assert database.read(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys").scalar()) == 1
    with sqlite3.connect(tmp_path / "registry.db") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()
