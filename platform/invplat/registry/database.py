"""The registry's database: SQLite in the home folder, or PostgreSQL by URL.

Work is a function of a connection, in one transaction: done whole or not at all. A database that is locked, down or
not there yet is asked again for a while, then said to be so. Knows no nouns: those are in the files beside it.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from invplat.core.errors import DatabaseError, InvplatError, MissingExtra, SettingRefused, StorageFull
from invplat.core.settings import hide_secrets
from invplat.registry import schema

T = TypeVar("T")
PATIENCE = 30.0  # seconds that a locked or absent database is asked again
VARIABLE = "INVPLAT_DATABASE_PATIENCE"
BRIEF = 0.5  # seconds that the database itself waits for a lock, so that Ctrl-C is heard
TOLD_AFTER = 2.0  # seconds of waiting after which a person is told
REMARK = "the registry's database does not answer; asking again for up to {:.0f} s"
CONNECTING = 5  # seconds for one try to reach a server
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL)
DISK_FULL = "53100"  # as PostgreSQL has it
BESIDE = 1 << 20  # bytes that SQLite's files beside a database take at the least, and some
# PostgreSQL: connection trouble, too many clients, shutting down or starting, serialization, deadlock, lock timeout.
PASSING = ("08", "53300", "57P01", "57P02", "57P03", "40001", "40P01", "55P03")
PASSING_WORDS = ("starting up", "shutting down", "recovery", "too many", "connection slots")


class Database:
    """Safe for threads. Sent to another process it opens again there."""

    def __init__(self, url: str, patience: float | None = None, told: Callable[[str], None] | None = None) -> None:
        self.url = url
        self.shown = hide_secrets(url)
        self.patience = _patience() if patience is None else patience
        self.told = told
        self._url = _checked(url)
        self._secret = str(self._url.password or "")
        self._engine = _engine(self._url)
        self._reader = self._engine
        if self.is_sqlite:
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        else:
            sa.event.listen(self._engine, "connect", _prepare_postgres)
            # What one read sees is of one moment, as it is on SQLite.
            self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writer = self._engine.execution_options(invplat_writes=True)
        self._closed = weakref.finalize(self, self._engine.dispose)

    def __reduce__(self) -> tuple[object, ...]:
        return (Database, (self.url, self.patience))

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        return self._again(lambda: self._once(self._reader, work, repeatable=True))

    def write(self, work: Callable[[sa.Connection], T], *, repeatable: bool = False) -> T:
        """In one transaction, which others see whole or not at all. `work` may run more than once, so it changes
        nothing else; `repeatable`: having been done twice would not be wrong either."""
        return self._again(lambda: self._once(self._writer, work, repeatable=repeatable))

    def close(self) -> None:
        """Of its connections; used again it makes new ones."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *trouble: object) -> None:
        self.close()

    def _once(self, engine: sa.Engine, work: Callable[[sa.Connection], T], *, repeatable: bool) -> T:
        with engine.connect() as connection:
            transaction = connection.begin()
            try:
                found = work(connection)
            except BaseException:
                if not connection.invalidated:
                    transaction.rollback()
                raise
            try:
                transaction.commit()
            except sa.exc.DBAPIError as error:
                if self.is_sqlite or repeatable or not error.connection_invalidated:
                    raise
                raise DatabaseError(
                    f"the connection to {self.shown} broke in the moment of writing",
                    hint="look whether it was done, then run the command again if it was not",
                ) from error
            return found

    def _again(self, go: Callable[[], T]) -> T:
        began, pause, said = time.monotonic(), 0.02, False
        while True:
            try:
                return go()
            except sa.exc.IntegrityError:
                raise  # whoever writes knows what clashed
            except sa.exc.DBAPIError as error:
                waited = time.monotonic() - began
                if not _passing(error) or waited >= self.patience or self._full(error):
                    raise self._told(error, waited) from error
                if self.told is not None and waited > TOLD_AFTER and not said:
                    self.told(REMARK.format(self.patience))
                    said = True
            time.sleep(min(pause * random.uniform(0.5, 1.5), max(self.patience - waited, 0.001)))
            pause = min(pause * 2, 1.0)

    def _told(self, error: sa.exc.DBAPIError, waited: float) -> InvplatError:
        lines = str(error.orig).strip().splitlines()
        said = lines[0] if lines else type(error.orig).__name__
        if self._secret:
            said = said.replace(self._secret, "***")
        if self._full(error):
            return StorageFull(f"no space left for {self.shown}", hint="free some space; nothing was half written")
        tried = f" for {waited:.0f} s" if _passing(error) else ""
        return DatabaseError(
            f"the registry's database {self.shown} could not be used{tried}: {said}",
            hint="nothing was half written; see that it runs and that nobody holds it, or name another with "
            "INVPLAT_DATABASE_URL",
        )

    def _full(self, error: sa.exc.DBAPIError) -> bool:
        """The disk, or the limit set for us. SQLite calls it full only where it writes: before, it can't open its files
        beside the database, or says no more than that it could not read or write."""
        state = str(getattr(error.orig, "sqlstate", None) or "")
        code = getattr(error.orig, "sqlite_errorcode", 0)
        if state == DISK_FULL or code == sqlite3.SQLITE_FULL:
            return True
        if (code & 0xFF) not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return False
        try:
            found = os.statvfs(Path(self._url.database or "").parent)
        except OSError:
            return False
        return found.f_bavail * found.f_frsize < BESIDE


def open_database(url: str, patience: float | None = None, told: Callable[[str], None] | None = None) -> Database:
    """Its tables brought to the present version first. `told`: who hears that it is being waited for."""
    database = Database(url, patience, told)
    if database.is_sqlite:
        _make_folder(Path(database._url.database or ""))
    try:
        if schema.check(database.read(schema.version)):
            database.write(schema.upgrade, repeatable=True)
    except BaseException:
        database.close()
        raise
    return database


def _checked(url: str) -> URL:
    try:
        found = make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise SettingRefused(
            "the registry's database URL is not understood", hint="write for example postgresql://user@host/invplat"
        ) from None
    if found.get_backend_name() == "sqlite" and (found.database or ":memory:") == ":memory:":
        raise SettingRefused("a registry in memory keeps nothing", hint="write for example sqlite:///invplat.db")
    return found.set(drivername="postgresql+psycopg") if found.drivername == "postgresql" else found


def _engine(url: URL) -> sa.Engine:
    dumped = partial(json.dumps, allow_nan=False)
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(
            url, poolclass=NullPool, json_serializer=dumped, hide_parameters=True, connect_args={"timeout": BRIEF}
        )
    alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
    timeout = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECTING}
    try:
        return sa.create_engine(
            url,
            pool_pre_ping=True,
            pool_recycle=1800,
            hide_parameters=True,
            json_serializer=dumped,
            connect_args={**alive, **timeout},
        )
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "PostgreSQL needs a driver that is not installed", hint="pip install 'invplat[postgres]'"
        ) from error


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"the registry's folder {file.parent} can't be made: {error.strerror}",
            hint="name a home folder that can be written, with --home or INVPLAT_HOME",
        ) from error


def _prepare_sqlite(raw: Any, _: object) -> None:
    raw.isolation_level = None  # transactions begin where we say, see below
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode = WAL")  # readers don't wait for a writer
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    """A writer takes its turn at once: one that has read first could only be refused later."""
    writes = connection.get_execution_options().get("invplat_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgres(raw: Any, _: object) -> None:
    with raw.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {int(BRIEF * 2000)}")
    raw.commit()


def _passing(error: sa.exc.DBAPIError) -> bool:
    """Whether it may go by itself."""
    if isinstance(error.orig, sqlite3.Error):
        return (getattr(error.orig, "sqlite_errorcode", 0) & 0xFF) in BUSY
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return str(state).startswith(PASSING)
    if not isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return False
    text = str(error.orig)  # no connection, so no state: the server's own refusals are FATAL
    return "FATAL" not in text or any(word in text for word in PASSING_WORDS)


def _patience() -> float:
    text = os.environ.get(VARIABLE, "")
    try:
        found = float(text) if text else PATIENCE
        if found < 0 or found != found or found > 86_400:
            raise ValueError
    except ValueError:
        raise SettingRefused(f"{VARIABLE} = {text!r} is no number of seconds", hint="for example 30") from None
    return found
