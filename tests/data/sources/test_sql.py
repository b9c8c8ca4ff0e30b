"""Databases: what is read, what can't be written, and what is said without the password."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy.engine import make_url

from invplat.core.errors import MissingExtra, SourceError
from invplat.data.sources.base import Source
from invplat.data.sources.locate import locate
from invplat.data.sources.sql import arrow, is_sql, sql_sources


@pytest.fixture
def shop(tmp_path: Path) -> str:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute('CREATE TABLE "daily sales; DROP TABLE stores" (store TEXT, "net ""price""" REAL)')
        connection.execute('INSERT INTO "daily sales; DROP TABLE stores" VALUES (?, ?)', ("a", 1.5))
        connection.execute("CREATE TABLE stores (store TEXT, opened DATE)")
        connection.executemany(
            "INSERT INTO stores VALUES (?, ?)", [("a", "2020-01-01"), ("b", "31.12.2020"), ("c", 20200101)]
        )
        connection.execute("CREATE VIEW open_stores AS SELECT * FROM stores")
    connection.close()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def only(path: str) -> Source:
    (found,) = locate([path])
    return found


def rows(source: Source) -> list[dict[str, Any]]:
    return [row for batch in source.batches(source.columns()) for row in batch.table.to_pylist()]


def test_every_table_and_view(shop: str) -> None:
    assert [source.label for source in locate([shop])] == ["daily sales; DROP TABLE stores", "open_stores", "stores"]


def test_odd_names_are_quoted(shop: str) -> None:
    assert rows(only(f"{shop}::daily sales; DROP TABLE stores")) == [{"store": "a", 'net "price"': 1.5}]
    assert len(rows(only(f"{shop}::stores"))) == 3


def test_whatever_sqlite_holds_is_text_where_it_must_be(shop: str) -> None:
    assert [row["opened"] for row in rows(only(f"{shop}::stores"))] == ["2020-01-01", "31.12.2020", "20200101"]


def test_query_with_colons_percent_and_a_semicolon(shop: str) -> None:
    assert rows(only(f"{shop}::SELECT 'at 10:30 :x 5%' AS note, count(*) AS n FROM stores;")) == [
        {"note": "at 10:30 :x 5%", "n": 3}
    ]


@pytest.mark.parametrize("tail", ["stores", "SELECT store AS a, store AS a FROM stores"])
def test_repeated_columns_of_a_query(shop: str, tail: str) -> None:
    found = only(f"{shop}::{tail}")
    if tail == "stores":
        assert found.columns() == ["store", "opened"]
    else:
        with pytest.raises(SourceError, match="more than one column named a"):
            found.columns()


def test_unknown_table_offers_the_nearest(shop: str) -> None:
    with pytest.raises(SourceError, match="no table 'store'") as refused:
        locate([f"{shop}::store"])
    assert refused.value.hint == "did you mean stores?"


def test_sqlite_file_that_is_not_there_is_not_made(tmp_path: Path, shop: str) -> None:
    with pytest.raises(SourceError, match="no such file") as refused:
        locate([shop.replace("shop.db", "shp.db") + "::stores"])
    assert "shop.db" in str(refused.value.hint)
    assert not (tmp_path / "shp.db").exists()


def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database, but long enough to look at" * 50)
    with pytest.raises(SourceError, match="file is not a database"):
        locate([f"sqlite:///{tmp_path / 'text.db'}::stores"])


def test_broken_query(shop: str) -> None:
    with pytest.raises(SourceError, match="syntax error"):
        only(f"{shop}::SELECT FROM WHERE").columns()


def test_sqlite_can_not_be_written(shop: str) -> None:
    found = only(f"{shop}::WITH gone AS (SELECT 1) DELETE FROM stores RETURNING store")
    with pytest.raises(SourceError, match="readonly"):
        rows(found)
    assert len(rows(only(f"{shop}::stores"))) == 3


def test_row_numbers_run_on(shop: str) -> None:
    (found,) = sql_sources(f"{shop}::stores", batch_rows=2)
    assert [(batch.first_row, len(batch.table)) for batch in found.batches(["store"])] == [(1, 2), (3, 1)]


def test_fingerprint_is_unknown_beforehand(shop: str) -> None:
    assert only(f"{shop}::stores").fingerprint() == ""


# PostgreSQL


def test_postgres_types(postgres_url: str) -> None:
    query = (
        "SELECT 1::bigint AS i, 1.5::numeric AS d, 2.5::real AS f, true AS b, DATE '2024-02-29' AS day, "
        "TIMESTAMP '2024-02-29 10:30' AS at, 'x'::text AS t, NULL::text AS n, '5%' AS p"
    )
    (batch,) = only(f"{postgres_url}::{query}").batches(["i", "d", "f", "b", "day", "at", "t", "n", "p"])
    assert batch.table.schema.types == [
        *(pa.int64(), pa.float64(), pa.float64(), pa.bool_(), pa.date32(), pa.timestamp("us")),
        *(pa.string(), pa.string(), pa.string()),
    ]


def test_postgres_can_not_be_written(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        connection.execute("CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS 'DELETE FROM kept RETURNING n'")
    try:
        with pytest.raises(SourceError, match="read-only transaction"):
            rows(only(f"{postgres_url}::SELECT emptied() AS n"))
        assert rows(only(f"{postgres_url}::kept")) == [{"n": 1}]
    finally:
        with psycopg.connect(postgres_url) as connection:
            connection.execute("DROP FUNCTION emptied")
            connection.execute("DROP TABLE kept")


def test_postgres_is_streamed(postgres_url: str) -> None:
    (found,) = sql_sources(f"{postgres_url}::SELECT generate_series(1, 1000000000) AS n", batch_rows=10)
    batches = found.batches(["n"])
    assert next(batches).table.to_pylist()[0] == {"n": 1}
    batches.close()  # type: ignore[attr-defined]


def test_password_is_never_shown(shop: str) -> None:
    url = "postgresql://keeper:s3cret-word@127.0.0.1:1/shop"
    with pytest.raises(SourceError, match=r"keeper:\*\*\*@127") as refused:
        locate([f"{url}::sales"])
    assert "s3cret-word" not in str(refused.value)
    with pytest.raises(SourceError, match="not understood") as refused:
        locate(["postgresql://keeper:s3cret-word@host:port:x/shop::sales"])
    assert "s3cret-word" not in str(refused.value)


def test_unknown_user(postgres_url: str) -> None:
    url = make_url(postgres_url).set(username="nobody", password="s3cret-word").render_as_string(hide_password=False)
    with pytest.raises(SourceError, match=r'role "nobody" does not exist|authentication failed') as refused:
        locate([f"{url}::sales"])
    assert "s3cret-word" not in str(refused.value)


def test_missing_driver() -> None:
    with pytest.raises(MissingExtra) as refused:
        locate(["oracle://u:p@host/shop::sales"])
    assert str(refused.value.hint).startswith("pip install ")


def test_which_addresses_are_databases() -> None:
    assert is_sql("postgresql+psycopg://h/d::t")
    assert is_sql("sqlite:///shop.db")
    assert not is_sql("s3://bucket/sales.csv")
    assert not is_sql("sales.csv")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None], pa.int64()),
        ([2**70, 1], pa.float64()),
        ([1, 2.5], pa.float64()),
        ([Decimal("1.5"), None], pa.float64()),
        ([None, None], pa.string()),
        ([1, "x"], pa.string()),
        ([date(2024, 1, 1)], pa.date32()),
        ([datetime(2024, 1, 1)], pa.timestamp("us")),
        ([datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)], pa.string()),
        ([True, None], pa.bool_()),
        ([b"raw"], pa.string()),
    ],
)
def test_plainest_type(values: Sequence[Any], kind: pa.DataType) -> None:
    assert arrow(values).type == kind
    assert arrow(values).null_count == sum(value is None for value in values)
