"""One table through every kind of source: the same rows, numbers, projection and batches."""

from __future__ import annotations

import csv
import gzip
import io
import pickle
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invplat.data.mapping import Formats
from invplat.data.sources.base import Source
from invplat.data.sources.locate import locate

COLUMNS = ["store", "sku", "date", "quantity", "price"]
ROWS: list[tuple[str, str, date, int, float | None]] = [
    (
        f"Café {number % 7}",
        f'Käse, "alt" {number % 31}' if number % 5 else "two\nlines",
        date(2024, 1, 1) + timedelta(days=number % 366),
        number % 13 - 1,
        None if number % 11 == 0 else number / 4,
    )
    for number in range(1000)
]
EXPECTED = [
    (store, sku, day.isoformat(), str(quantity), "" if price is None else f"{price:.2f}")
    for store, sku, day, quantity, price in ROWS
]
EUROPEAN = Formats(delimiter=";", encoding="cp1252", decimal=",")


def written(delimiter: str = ",", decimal: str = ".", encoding: str = "utf-8") -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerow(COLUMNS)
    writer.writerows([(*row[:4], row[4].replace(".", decimal)) for row in EXPECTED])
    return stream.getvalue().encode(encoding)


def parquet() -> bytes:
    columns = [pa.array(values) for values in zip(*ROWS, strict=True)]
    table = pa.table(dict(zip(COLUMNS, columns, strict=True)))
    table = table.set_column(0, "store", table["store"].dictionary_encode()).set_column(
        1, "sku", table["sku"].cast(pa.large_string())
    )
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=300)
    return sink.getvalue()


def sqlite(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(
            "CREATE TABLE sales (store TEXT, sku TEXT, date DATE, quantity INTEGER, price DECIMAL(9, 2))"
        )
        connection.executemany(
            "INSERT INTO sales VALUES (?, ?, ?, ?, ?)", [(*row[:2], row[2].isoformat(), *row[3:]) for row in ROWS]
        )
    connection.close()


@pytest.fixture(scope="module")
def postgres_sales(postgres_url: str) -> Iterator[str]:
    import psycopg

    with psycopg.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS sales")
        cursor.execute("CREATE TABLE sales (store text, sku text, date date, quantity bigint, price numeric(9, 2))")
        cursor.executemany("INSERT INTO sales VALUES (%s, %s, %s, %s, %s)", ROWS)
    yield postgres_url
    with psycopg.connect(postgres_url) as connection:
        connection.execute("DROP TABLE sales")


def local(name: str, data: Callable[[], bytes]) -> Callable[..., str]:
    def make(folder: Path, _: Any) -> str:
        (folder / name).write_bytes(data())
        return str(folder / name)

    return make


def zipped(folder: Path, _: Any) -> str:
    with zipfile.ZipFile(folder / "sales.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/sales.csv", written())
    return str(folder / "sales.zip")


def database(what: str) -> Callable[..., str]:
    def make(folder: Path, _: Any) -> str:
        sqlite(folder / "shop.db")
        return f"sqlite:///{folder / 'shop.db'}{what}"

    return make


def postgres(what: str) -> Callable[..., str]:
    return lambda _, request: request.getfixturevalue("postgres_sales") + what


def on_s3(name: str, data: Callable[[], bytes]) -> Callable[..., str]:
    def make(_: Path, request: Any) -> str:
        s3 = request.getfixturevalue("s3")
        s3.files.pipe_file(f"{s3.url}/in/{name}", data())
        return f"{s3.url}/in/{name}"

    return make


def in_memory(_: Path, __: Any) -> str:
    import fsspec

    fsspec.filesystem("memory").pipe_file("/shop/sales.csv", written())
    return "memory://shop/sales.csv"


SELECT = "::SELECT store, sku, date, quantity, price FROM sales"
KINDS: dict[str, tuple[Callable[..., str], Formats]] = {
    "csv": (local("sales.csv", written), Formats()),
    "csv.gz": (local("sales.csv.gz", lambda: gzip.compress(written())), Formats()),
    "zip": (zipped, Formats()),
    "european": (local("sales.csv", lambda: written(";", ",", "cp1252")), EUROPEAN),
    "european, found": (local("sales.csv", lambda: written(";", ",", "cp1252")), Formats(decimal=",")),
    "utf-16": (local("sales.csv", lambda: written("\t", ".", "utf-16")), Formats()),
    "utf-8-sig": (local("sales.csv", lambda: written(encoding="utf-8-sig")), Formats()),
    "old mac": (local("sales.txt", lambda: written("|").replace(b"\r\n", b"\r")), Formats()),
    "parquet": (local("sales.parquet", parquet), Formats()),
    "sqlite table": (database("::sales"), Formats()),
    "sqlite database": (database(""), Formats()),
    "sqlite query": (database(SELECT), Formats()),
    "postgres table": (postgres("::sales"), Formats()),
    "postgres schema": (postgres("::public.sales"), Formats()),
    "postgres query": (postgres(SELECT), Formats()),
    "s3 csv": (on_s3("sales.csv", written), Formats()),
    "s3 csv.gz": (on_s3("sales.csv.gz", lambda: gzip.compress(written())), Formats()),
    "s3 parquet": (on_s3("sales.parquet", parquet), Formats()),
    "memory": (in_memory, Formats()),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Source:
    make, formats = KINDS[kind]
    (found,) = locate([make(tmp_path, request)], formats=formats)
    return found


def plain(name: str, value: Any, decimal: str) -> str:
    if value is None:
        return ""
    if name == "price":
        return f"{float(str(value).replace(decimal, '.')):.2f}"
    return str(value)


def rows(source: Source, columns: list[str], decimal: str = ".") -> list[tuple[str, ...]]:
    tables = [batch.table for batch in source.batches(columns)]
    assert all(table.column_names == columns for table in tables)
    return [tuple(plain(name, row[name], decimal) for name in columns) for table in tables for row in table.to_pylist()]


def numbers(source: Source) -> list[int]:
    found: list[int] = []
    for batch in source.batches(["store"]):
        own = range(batch.first_row, batch.first_row + len(batch.table)) if batch.rows is None else batch.rows
        found.extend(int(number) for number in own)
    return found


def smaller(source: Any) -> Source:
    """The same source in tiny batches."""
    for setting, value in (("block_size", 700), ("batch_rows", 90)):
        if hasattr(source, setting):
            setattr(source, setting, value)
    return source  # type: ignore[no-any-return]


def test_same_rows(source: Source, kind: str) -> None:
    assert source.columns() == COLUMNS
    assert rows(source, COLUMNS, KINDS[kind][1].decimal) == EXPECTED


def test_projection_in_the_order_asked(source: Source, kind: str) -> None:
    assert rows(source, ["quantity", "store"]) == [(row[3], row[0]) for row in EXPECTED]


def test_no_columns_still_counts_rows(source: Source) -> None:
    assert sum(len(batch.table) for batch in source.batches([])) == len(ROWS)


def test_row_numbers(source: Source) -> None:
    first = 2 if source.text else 1
    assert numbers(source) == list(range(first, first + len(ROWS)))


def test_small_batches_give_the_same(source: Source, kind: str) -> None:
    small = smaller(source)
    assert len(list(small.batches(["store"]))) > 5
    assert rows(small, COLUMNS, KINDS[kind][1].decimal) == EXPECTED
    assert numbers(small) == numbers(source)


def test_names(source: Source, kind: str) -> None:
    assert source.label.split(".")[0] == ("query" if "query" in kind else "sales")
    assert source.label.split(".")[0] in source.name.lower() or "select" in source.name.lower()


def test_fingerprint_is_stable(source: Source) -> None:
    assert source.fingerprint() == source.fingerprint()


def test_goes_to_another_process(source: Source, kind: str) -> None:
    there = pickle.loads(pickle.dumps(source))
    assert there.name == source.name
    assert rows(there, COLUMNS, KINDS[kind][1].decimal) == EXPECTED


def test_only_plain_types(source: Source) -> None:
    for batch in source.batches(COLUMNS):
        for kind in batch.table.schema.types:
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            assert not pa.types.is_large_string(kind)
            assert not pa.types.is_decimal(kind)
            assert not source.text or kind == pa.string()


def test_unknown_column_is_refused_with_the_nearest(source: Source) -> None:
    from invplat.core.errors import SourceError

    with pytest.raises(SourceError, match="no column 'quantty'") as refused:
        list(source.batches(["quantty"]))
    assert "'quantity'" in str(refused.value.hint)
