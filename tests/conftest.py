"""What every test may count on: settings of its own, the command line as a function, one Ray for all, a real S3."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, settings

BUCKET = "shop"
# A busy machine is slow, not wrong: no test is judged by the clock.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, those of this folder before all: the last of many short ones keeps nobody waiting,
    the last of a few long ones does."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.parent != Path(__file__).parent))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or touches the settings of the person who runs it."""
    for name in list(os.environ):
        if name.startswith("INVPLAT_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("INVPLAT_HOME", str(folder))
    return folder


@pytest.fixture
def invplat() -> Callable[..., Result]:
    """`invplat("config", "show", "--json")` as a person would type it: exit_code, stdout and stderr."""
    from invplat.cli.main import cli

    def run(*args: object, **options: object) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in args], **options)  # type: ignore[arg-type]

    return run


@pytest.fixture(scope="session")
def ray() -> Iterator[str]:
    """One embedded Ray of two workers for the whole run, as starting it takes seconds; its address."""
    from invplat.session import connected

    with connected(workers=2):
        import ray

        yield ray.get_runtime_context().gcs_address


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


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL of this run's own, over a socket in a temporary folder; it trusts everyone."""
    pgserver = pytest.importorskip("pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[str]:
    """The URL of a new, empty database of it."""
    import psycopg

    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
