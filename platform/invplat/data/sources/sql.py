"""A table, a view or a SELECT of a database as Arrow batches, streamed, in a transaction that may only read.

Values are typed by what the driver gives, so a batch's column is text as soon as one of its values is (SQLite holds
anything anywhere). Knows nothing of what columns mean. Rows are numbered from 1 in the order the database gives them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from invplat.core.errors import MissingExtra, SourceError
from invplat.data.mapping import Formats
from invplat.data.sources.base import Batch, Source
from invplat.data.sources.wanted import all_there

ROWS = 50_000
SYSTEMS = ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql", "duckdb", "snowflake", "bigquery")
SHOWN = 60  # characters of a query in its name


def is_sql(path: str) -> bool:
    return "://" in path and path.split("://", 1)[0].split("+")[0] in SYSTEMS


def sql_sources(path: str, *, batch_rows: int = ROWS) -> list[SqlSource]:
    """URL::table and URL::SELECT … are one source; a bare URL is one for every table and view."""
    text, what = _split(path)
    database = Database(text)
    if _is_query(what):
        return [SqlSource(database, query=what.rstrip().rstrip(";"), batch_rows=batch_rows)]
    if what:
        return [SqlSource(database, table=database.checked(what), batch_rows=batch_rows)]
    tables = database.tables
    if not tables:
        raise SourceError(f"{database.name} has no tables", hint="name another database, or ask for permission to read")
    return [SqlSource(database, table=table, batch_rows=batch_rows) for table in tables]


class Database:
    """A connection that is made when needed and shows no password."""

    def __init__(self, text: str) -> None:
        try:
            self.url = _usual_driver(make_url(text))
        except (sa.exc.ArgumentError, ValueError):
            raise SourceError(
                "a database address is not understood", hint="write for example postgresql://user@host/shop::sales"
            ) from None
        self.name = make_url(text).render_as_string(hide_password=True)
        self.text = text
        self.engine = self._engine()

    def __reduce__(self) -> tuple[object, ...]:
        return (Database, (self.text,))  # an engine can't go to another process, an address can

    @cached_property
    def tables(self) -> list[str]:
        with self.told(), self.engine.connect() as connection:
            found = sa.inspect(connection)
            return sorted({*found.get_table_names(), *found.get_view_names()})

    def checked(self, table: str) -> str:
        """The table's name, if there is such a table; `schema.table` too."""
        there = self.tables
        schema, _, plain = table.rpartition(".")
        if table in there or (schema and self._in_schema(schema, plain)):
            return table
        near = get_close_matches(table, there, n=1)
        raise SourceError(
            f"{self.name} has no table {table!r}",
            hint=f"did you mean {near[0]}?" if near else f"it has {', '.join(there) or 'no tables'}",
        )

    def _in_schema(self, schema: str, table: str) -> bool:
        with self.told(), self.engine.connect() as connection:
            found = sa.inspect(connection)
            return table in {*found.get_table_names(schema=schema), *found.get_view_names(schema=schema)}

    def columns_of(self, table: str) -> list[str]:
        schema, name = self.parts(table)
        with self.told(), self.engine.connect() as connection:
            return [str(column["name"]) for column in sa.inspect(connection).get_columns(name, schema=schema)]

    def parts(self, table: str) -> tuple[str | None, str]:
        schema, _, name = table.rpartition(".")
        return (None, table) if not schema or table in self.tables else (schema, name)

    @contextmanager
    def reading(self, batch_rows: int) -> Iterator[sa.Connection]:
        with self.told(), self.engine.connect() as connection:
            options: dict[str, Any] = {"stream_results": True, "yield_per": batch_rows, "no_parameters": True}
            if self.engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            yield connection.execution_options(**options)

    @contextmanager
    def told(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as error:
            first = (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]
            if self.url.password:
                first = first.replace(str(self.url.password), "***")
            raise SourceError(f"{self.name}: {first}", hint="check address, user, password and query") from error

    def _engine(self) -> sa.Engine:
        if self.url.get_backend_name() == "sqlite":
            return sa.create_engine("sqlite://", creator=_read_only(self._sqlite_file()), poolclass=NullPool)
        system = self.url.get_backend_name()
        try:
            return sa.create_engine(self.url, poolclass=NullPool)
        except ModuleNotFoundError as error:
            extra = "'invplat[postgres]'" if system == "postgresql" else str(error.name)
            raise MissingExtra(f"{system} needs a driver that is not installed", hint=f"pip install {extra}") from error
        except sa.exc.NoSuchModuleError as error:
            raise MissingExtra(
                f"{self.url.drivername} needs a SQLAlchemy dialect that is not installed",
                hint=f"pip install the SQLAlchemy dialect for {system}",
            ) from error

    def _sqlite_file(self) -> Path:
        file = Path(self.url.database or "")
        if not file.is_file():
            near = (
                get_close_matches(file.name, [entry.name for entry in file.parent.iterdir()], n=1)
                if file.parent.is_dir()
                else []
            )
            raise SourceError(
                f"{self.name}: there is no such file",
                hint=f"did you mean {near[0]}?" if near else "write sqlite:///FILE::TABLE",
            )
        return file


class SqlSource:
    text = False
    size: int | None = None

    def __init__(self, database: Database, *, table: str = "", query: str = "", batch_rows: int = ROWS) -> None:
        self.database = database
        self.table = table
        self.query = query
        self.batch_rows = batch_rows
        self.label = database.parts(table)[1] if table else "query"
        shown = table or " ".join(query.split())
        self.name = f"{database.name}::{shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + '…'}"
        self.notes: list[str] = []

    def with_formats(self, formats: Formats) -> Source:
        """Typed values need no formats."""
        return self

    def columns(self) -> list[str]:
        names = self.database.columns_of(self.table) if self.table else self._query_columns()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SourceError(
                f"{self.name} gives more than one column named {', '.join(twice)}",
                hint="give each its own name with AS",
            )
        return names

    def fingerprint(self) -> str:
        """Empty: what a query gives is only known once it is read; whoever reads may hash the batches."""
        return ""

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        there = self.columns()
        all_there(columns, there, self.name)
        first = 1
        with (
            self.database.reading(self.batch_rows) as connection,
            self._run(connection, columns or there[:1]) as result,
        ):
            positions = [list(result.keys()).index(name) for name in columns]
            for rows in result.partitions(self.batch_rows):
                values = list(zip(*rows, strict=True))
                arrays = [arrow(values[position]) for position in positions]
                table = pa.Table.from_arrays(arrays, names=list(columns)) if arrays else _no_columns(len(rows))
                yield Batch(table, first)
                first += len(rows)

    def _run(self, connection: sa.Connection, columns: Sequence[str]) -> sa.CursorResult[Any]:
        if self.query:
            return connection.exec_driver_sql(self.query)
        schema, name = self.database.parts(self.table)
        # Without types on the columns SQLAlchemy hands through what the driver gives, whatever SQLite has in them.
        table = sa.table(name, *(sa.column(column) for column in columns), schema=schema)
        return connection.execute(sa.select(*table.columns))

    def _query_columns(self) -> list[str]:
        with self.database.reading(1) as connection, connection.exec_driver_sql(self.query) as result:
            if not result.returns_rows:
                raise SourceError(f"{self.name} gives no rows", hint="write a SELECT")
            return list(result.keys())


def arrow(values: Sequence[Any]) -> pa.Array:
    """One column's values as the plainest Arrow type that holds them all."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string())
    if kinds <= {int}:
        try:
            return pa.array(values, pa.int64())
        except (pa.ArrowInvalid, OverflowError):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds <= {int, float, Decimal}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds in ({bool}, {str}, {date}):
        return pa.array(values)
    if kinds == {datetime} and len({value.tzinfo is None for value in values if value is not None}) == 1:
        return pa.array(values)
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _no_columns(rows: int) -> pa.Table:
    return pa.table({"": pa.nulls(rows)}).select([])


def _split(path: str) -> tuple[str, str]:
    """The URL and what stands behind `::`; the host may be an IPv6 address, which has `::` of its own."""
    host = path.index("://") + 3
    found = path.find("::", max(host, path.find("/", host)))
    return (path, "") if found < 0 else (path[:found], path[found + 2 :].strip())


def _is_query(text: str) -> bool:
    return text[:6].upper() == "SELECT" or text[:5].upper() in ("WITH ", "WITH\n")


def _usual_driver(url: URL) -> URL:
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgres", "postgresql") else url


def _read_only(file: Path) -> Callable[[], sqlite3.Connection]:
    return lambda: sqlite3.connect(f"file:{quote(str(file.absolute()))}?mode=ro", uri=True)
