"""What people get wrong: one message that says what was received and what to do, exit code 2, nothing written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.core.names import MAX_NAME, folder
from invplat.data.dataset import Dataset, versions
from invplat.data.sources import records, remote
from invplat.storage import FolderStorage, open_storage

Invplat = Callable[..., Result]
HEADER = "store,sku,date,quantity"
GOOD = "s,a,2025-01-01,1"


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, *lines: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
        return path

    return write


@pytest.fixture
def refused(invplat: Invplat, home: Path) -> Callable[..., str]:
    """What the command said when it refused; that it refused rightly is checked here."""

    def run(*args: object, code: int = 2, tenant: str = "shop") -> str:
        result = invplat("data", "ingest", "--tenant", tenant, "--today", "2026-01-31", *args)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        error = result.stderr
        assert error.startswith("error: ")
        assert "Traceback" not in error
        assert "mistake of ours" not in error
        lines = error.rstrip("\n").split("\n")
        assert 1 <= len(lines) <= 2  # what was received; what to do
        assert len(lines) == 2 or code == 1, "no remedy"
        assert not [path for path in home.rglob("*") if path.is_file()], "something was written"
        return error

    return run


def test_empty_file(file: Any, refused: Any) -> None:
    path = file("sales.csv")
    assert f"{path} is empty" in refused(path)


def test_header_only(file: Any, refused: Any) -> None:
    error = refused(file("sales.csv", HEADER))
    assert "no row of sales could be used" in error
    assert "no rows below" in error


def test_wrong_delimiter(file: Any, refused: Any) -> None:
    error = refused(file("sales.csv", "store~sku~date~quantity", "s~a~2025-01-01~1"))
    assert "no column 'store'" in error
    assert "store~sku~date~quantity" in error


def test_missing_required_column_and_what_looks_like_it(file: Any, refused: Any) -> None:
    error = refused(file("sales.csv", "store,sku,date,quantities", GOOD))
    assert "has no column 'quantity', which sales.quantity needs; 'quantities' looks like it" in error
    assert "its columns are: store, sku, date, quantities" in error


def test_one_column_mapped_twice(file: Any, refused: Any) -> None:
    mapping = file(
        "mine.toml",
        'name = "mine"',
        'frequency = "daily"',
        "[[table]]",
        'table = "sales"',
        'columns = { store = "store", sku = "sku", date = "date", quantity = "amount", quantity = "quantity" }',
    )
    error = refused("--mapping", mapping, file("sales.csv", HEADER, GOOD))
    assert "mapping mine: " in error
    assert "'quantity'" in error
    assert "line 5" in error


def test_a_header_with_one_name_twice(file: Any, refused: Any) -> None:
    error = refused(file("sales.csv", f"{HEADER},quantity", f"{GOOD},2"))
    assert "quantity" in error


def test_dates_that_may_be_read_two_ways(file: Any, refused: Any) -> None:
    error = refused(file("sales.csv", HEADER, "s,a,03/04/2025,1", "s,a,05/06/2025,1"))
    assert "'03/04/2025' may be read as" in error
    assert "formats" in error


def test_dates_in_mixed_formats(file: Any, invplat: Invplat) -> None:
    """What is sure is read; what is not a date in the column's format is set aside, not guessed."""
    path = file("sales.csv", HEADER, GOOD, "s,a,2025/01/02,1", "s,a,20250103,1", "s,a,04.01.2025,1")
    result = invplat("data", "ingest", "--tenant", "shop", "--json", path)
    assert result.exit_code == 0, result.stderr
    rows = Dataset.open(_storage(), "shop").quarantine().to_pylist()
    assert [(row["row"], row["value"], row["reason"]) for row in rows] == [(5, "04.01.2025", "unparsable_date")]


def test_a_huge_line(file: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without line ends, or a quote never closed: told before memory is gone."""
    path = file("sales.csv", HEADER, GOOD, b'"' + b"x" * (records.LONGEST + 10))
    assert str(path) in refused(path)


def test_bytes_that_are_no_text(file: Any, invplat: Invplat) -> None:
    path = file("sales.csv", HEADER, GOOD, "s,b,2025-01-01,2", b"s,Caf\xe9,2025-01-01,3")
    result = invplat("data", "ingest", "--tenant", "shop", "--json", path)
    assert result.exit_code == 0, result.stderr
    dataset = Dataset.open(_storage(), "shop")
    assert "Café" in dataset.read("sales").column("sku").to_pylist()
    assert any("sales.csv" in note for note in dataset.manifest.notes)


def test_binary_rubbish(file: Any, refused: Any) -> None:
    path = file("sales.csv", bytes(range(256)) * 40)
    assert str(path) in refused(path)


def test_a_path_that_does_not_exist(file: Any, refused: Any, tmp_path: Path) -> None:
    file("sales.csv", HEADER, GOOD)
    error = refused(tmp_path / "slaes.csv")
    assert f"there is no {tmp_path / 'slaes.csv'}" in error
    assert "did you mean sales.csv?" in error


@pytest.mark.parametrize(
    "url", ["postgresql://me:hunter2@127.0.0.1:1/shop::sales", "sqlite:////nowhere/shop.db::sales"]
)
def test_a_database_that_does_not_answer(refused: Any, url: str) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    assert "hunter2" not in refused(url)


def test_an_object_gone_in_the_middle(s3: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"s,{n},2025-01-01,1\n" for n in range(400_000))
    s3.files.pipe_file(f"{s3.url}/in/sales.csv", f"{HEADER}\n{lines}".encode())
    monkeypatch.setattr(remote, "AHEAD", 1 << 18)
    real = remote.RemoteFile.open

    def opened(self: Any) -> Any:
        stream = real(self)
        read, seen = stream.read, [0]

        def reading(size: int = -1) -> bytes:
            seen[0] += 1
            if seen[0] == 2 and s3.files.exists(f"{s3.url}/in/sales.csv"):
                s3.files.rm(f"{s3.url}/in/sales.csv")
            data: bytes = read(size)
            return data

        monkeypatch.setattr(stream, "read", reading)
        return stream

    monkeypatch.setattr(remote.RemoteFile, "open", opened)
    assert f"{s3.url}/in/sales.csv is not there any more" in refused(f"{s3.url}/in/sales.csv")


def test_disk_full(file: Any, refused: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FolderStorage, "_temporary", full)
    error = refused(file("sales.csv", HEADER, GOOD), code=1)
    assert "no space left" in error
    assert "nothing that was there before has changed" in error


@pytest.mark.parametrize("tenant", ["../../x", "a/b", "x" * 300, "🛒", "", ".", "Shop", "a b"])
def test_tenant_names(file: Any, refused: Any, tenant: str) -> None:
    error = refused(file("sales.csv", HEADER, GOOD), tenant=tenant)
    assert "is not allowed" in error
    assert "write for example" in error


@pytest.mark.parametrize("store", ["../../x", "a/b", "🛒", "..", "x" * MAX_NAME, "=1+1", "CON", "a\\b", "[red]"])
def test_store_names_are_data(file: Any, invplat: Invplat, home: Path, store: str) -> None:
    result = invplat(
        "data", "ingest", "--tenant", "shop", "--json", file("sales.csv", HEADER, f"{store},a,2025-01-01,1")
    )
    assert result.exit_code == 0, result.stderr
    dataset = Dataset.open(_storage(), "shop")
    assert dataset.stores == [store]
    assert dataset.read("sales", store).column("store").to_pylist() == [store]
    (written,) = home.rglob("sales/*/*.parquet")
    assert written.parent.name == folder(store)


def test_a_name_of_300_characters_and_one_with_control_characters(file: Any, invplat: Invplat) -> None:
    path = file("sales.csv", HEADER, GOOD, f"{'x' * 300},a,2025-01-01,1", "s,a\x07,2025-01-01,1")
    result = invplat("data", "ingest", "--tenant", "shop", "--json", path)
    assert result.exit_code == 0, result.stderr
    rows = Dataset.open(_storage(), "shop").quarantine().to_pylist()
    assert [(row["row"], row["column"], row["reason"]) for row in rows] == [
        (3, "store", "bad_name"),
        (4, "sku", "bad_name"),
    ]


def test_nan_infinity_and_the_year_9999(file: Any, invplat: Invplat) -> None:
    bad = [
        "s,a,2025-01-02,NaN",
        "s,a,2025-01-02,inf",
        "s,a,2025-01-02,-Infinity",
        "s,a,9999-12-31,1",
        "s,a,2030-01-01,1",
    ]
    result = invplat(
        "data", "ingest", "--tenant", "shop", "--today", "2026-01-31", file("sales.csv", HEADER, GOOD, *bad)
    )
    assert result.exit_code == 0, result.stderr
    reasons = Dataset.open(_storage(), "shop").quarantine().column("reason").to_pylist()
    assert reasons == ["not_finite"] * 3 + ["impossible_date", "future_date"]


def test_unknown_mapping(file: Any, refused: Any) -> None:
    error = refused("--mapping", "genric", file("sales.csv", HEADER, GOOD))
    assert "genric" in error
    assert "generic" in error


def test_unknown_table_before_a_path(file: Any, refused: Any) -> None:
    path = file("march.csv", HEADER, GOOD)
    error = refused(f"slaes={path}")
    assert f"there is no table 'slaes' to read {path} into" in error
    assert f"did you mean sales={path}?" in error


def test_a_path_with_an_equals_sign_is_a_path(file: Any, invplat: Invplat) -> None:
    result = invplat("data", "ingest", "--tenant", "shop", "--json", file("year=2025.csv", HEADER, GOOD))
    assert result.exit_code == 0, result.stderr


def test_spreadsheet_and_no_arguments(file: Any, refused: Any) -> None:
    assert "save it as CSV" in refused(file("sales.xlsx", "PK"))
    assert "Missing argument" in refused()


def _storage() -> Any:
    from invplat.core.settings import load_settings

    storage = open_storage(load_settings({}).storage_url)
    assert versions(storage, "shop")
    return storage
