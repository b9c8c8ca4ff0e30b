"""Object storage: found like folders, read as a stream, honest about what goes wrong, silent about keys."""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from invplat.core.errors import SourceError
from invplat.data.sources import remote
from invplat.data.sources.base import Source
from invplat.data.sources.locate import locate
from invplat.data.sources.remote import hide_secrets

TEXT = b"a,b\n" + b"".join(b"%d,%s\n" % (number, b"x" * 100) for number in range(20_000))


@pytest.fixture(autouse=True)
def _small_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a file of 2 MB takes several requests."""
    monkeypatch.setattr(remote, "AHEAD", 1 << 18)


@pytest.fixture
def filled(s3: Any) -> Any:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.csv", TEXT)
    table = io.BytesIO()
    pq.write_table(pa.table({"a": range(10)}), table)
    for name, data in {
        "in/sales_1.csv": TEXT,
        "in/sales_2.csv.gz": gzip.compress(TEXT),
        "in/sales_3.zip": packed.getvalue(),
        "in/stock.parquet": table.getvalue(),
        "in/.hidden.csv": b"a\n1\n",
        "in/notes.md": b"",
        "in/deeper/other.csv": b"a\n1\n",
    }.items():
        s3.files.pipe_file(f"{s3.url}/{name}", data)
    return s3


def labels(path: str) -> list[str]:
    return [source.label for source in locate([path])]


def count(source: Source) -> int:
    return sum(len(batch.table) for batch in source.batches(["a"]))


@pytest.mark.parametrize("end", ["", "/"])
def test_prefix(filled: Any, end: str) -> None:
    found = locate([f"{filled.url}/in{end}"])
    assert [source.label for source in found] == ["sales_1.csv", "sales_2.csv", "inner.csv", "stock.parquet"]
    assert [count(source) for source in found] == [20_000, 20_000, 20_000, 10]
    assert found[0].name == f"{filled.url}/in/sales_1.csv"
    assert found[0].size == len(TEXT)


def test_glob(filled: Any) -> None:
    assert labels(f"{filled.url}/in/sales_?.csv*") == ["sales_1.csv", "sales_2.csv"]
    assert labels(f"{filled.url}/in/*/other.csv") == ["other.csv"]


def test_endpoint_from_the_stores_own_variable(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INVPLAT_STORAGE_OPTIONS")
    monkeypatch.setenv("AWS_ENDPOINT_URL", filled.endpoint)
    type(filled.files).clear_instance_cache()
    (found,) = locate([f"{filled.url}/in/sales_1.csv"])
    assert count(found) == 20_000


def test_missing_object_names_the_nearest(filled: Any) -> None:
    with pytest.raises(SourceError, match=r"there is no s3://shop/in/sales_l\.csv") as refused:
        labels(f"{filled.url}/in/sales_l.csv")
    assert refused.value.hint == "did you mean sales_1.csv?"


@pytest.mark.parametrize("path", ["s3://nosuchbucket/sales.csv", "s3://nosuchbucket", "s3://nosuchbucket/*.csv"])
def test_missing_bucket(s3: Any, path: str) -> None:
    with pytest.raises(SourceError, match="nosuchbucket"):
        labels(path)


def test_unreachable_endpoint_shows_no_key(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "INVPLAT_STORAGE_OPTIONS",
        '{"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 0}}}',
    )
    type(s3.files).clear_instance_cache()
    with pytest.raises(SourceError, match=r"s3://shop/sales\.csv") as refused:
        labels(f"{s3.url}/sales.csv")
    assert "not-to-be-shown" not in str(refused.value)


def test_forbidden(filled: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError("Access Denied for AKIATEST")

    (found,) = locate([f"{filled.url}/in/sales_1.csv"])
    monkeypatch.setattr(type(filled.files), "open", forbidden)
    with pytest.raises(SourceError, match="may not be read") as refused:
        found.columns()
    assert "AKIATEST" not in str(refused.value)


@pytest.mark.parametrize("name", ["sales_1.csv", "sales_2.csv.gz", "sales_3.zip"])
def test_object_gone_in_the_middle(filled: Any, name: str) -> None:
    (found,) = locate([f"{filled.url}/in/{name}"])
    found.block_size = 50_000  # type: ignore[attr-defined]
    batches = found.batches(["a"])
    next(batches)
    filled.files.rm(f"{filled.url}/in/{name}")
    with pytest.raises(SourceError, match="not there any more"):
        list(batches)


def test_object_changed_in_the_middle(filled: Any) -> None:
    (found,) = locate([f"{filled.url}/in/sales_1.csv"])
    found.block_size = 50_000  # type: ignore[attr-defined]
    batches = found.batches(["a"])
    next(batches)
    filled.files.pipe_file(f"{filled.url}/in/sales_1.csv", TEXT.replace(b"x", b"y"))
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(batches)


def test_change_is_noticed_where_the_store_does_not_guard() -> None:
    import fsspec

    files = fsspec.filesystem("memory")
    files.pipe_file("/shop/sales.csv", TEXT)
    (found,) = locate(["memory://shop/sales.csv"])
    found.block_size = 50_000  # type: ignore[attr-defined]
    batches = found.batches(["a"])
    next(batches)
    files.pipe_file("/shop/sales.csv", TEXT + b"1,2\n")
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(batches)
    files.rm("/shop", recursive=True)


def test_fingerprint_follows_the_content(filled: Any) -> None:
    (found,) = locate([f"{filled.url}/in/sales_1.csv"])
    first = found.fingerprint()
    assert first.startswith("etag:")
    filled.files.pipe_file(f"{filled.url}/in/sales_1.csv", b"a,b\n")
    assert found.fingerprint() != first
    filled.files.pipe_file(f"{filled.url}/in/sales_1.csv", TEXT)
    assert found.fingerprint() == first


def test_hide_secrets() -> None:
    assert hide_secrets("ftp://me:word@host/a.csv") == "ftp://***@host/a.csv"
    assert hide_secrets("https://host/a.csv?X-Amz-Signature=abc") == "https://host/a.csv"
    assert hide_secrets("s3://shop/a@b.csv") == "s3://shop/a@b.csv"
