"""A real PostgreSQL and a real S3 over HTTP for whoever reads or keeps data there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

BUCKET = "shop"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL of this run's own, over a socket in a temporary folder; it trusts everyone."""
    pgserver = pytest.importorskip("pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@dataclass(frozen=True)
class S3:
    """A bucket, the endpoint that serves it, and a file system to put things there."""

    url: str
    endpoint: str
    files: Any


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An empty bucket, found by the settings that a person would make."""
    s3fs = pytest.importorskip("s3fs")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-shown")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", f'{{"endpoint_url": "{s3_endpoint}"}}')
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem(endpoint_url=s3_endpoint)
    files.mkdir(BUCKET)
    yield S3(f"s3://{BUCKET}", s3_endpoint, files)
    files.invalidate_cache()
    files.rm(BUCKET, recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()
