"""A backup made and brought back into an empty place by the runbook's own commands: the same answers, keys and jobs."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invplat.core.settings import Settings, load_settings
from invplat.registry import jobs, keys, results
from invplat.registry.database import Database
from invplat.serve.order_schemas import OrdersAsked
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.service import Options, Service
from invplat.storage import open_storage
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from invplat.transfer.jobs_run import Here, run
from tests.chaos.moved import moved_to
from tests.chaos.promises import Promise
from tests.serve.shops import shops_in
from tests.transfer.firms import NAMES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
RUNBOOK = Path(__file__).parents[2] / "cluster" / "RUNBOOK.md"
# What the cloud's own program does with these words, against the S3 of the tests.
AWS = """#!{python}
import json, os, sys
import s3fs
assert sys.argv[1:3] == ["s3", "sync"], sys.argv
source, target = (word.removeprefix("s3://") for word in sys.argv[3:])
files = s3fs.S3FileSystem(**json.loads(os.environ["INVPLAT_STORAGE_OPTIONS"]))
for path in files.find(source):
    files.pipe_file(target + path.removeprefix(source), files.cat_file(path))
"""


def blocks(heading: str) -> list[str]:
    """The commands under a heading, in order."""
    text = RUNBOOK.read_text().split(f"\n{heading}\n", 1)[1]
    return re.findall(r"```bash\n(.*?)```", re.split(r"\n#+ ", text, maxsplit=1)[0], re.DOTALL)


def typed(commands: str, folder: Path, words: dict[str, str], **environment: str) -> str:
    """As a person would, with words of their own in place of the runbook's; every command must go well."""
    for old, new in words.items():
        commands = commands.replace(old, new)
    there = {
        **os.environ,
        **environment,
        "PATH": f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=there,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, (commands, ended.stdout, ended.stderr)
    return ended.stdout


def answers(settings: Settings) -> dict[str, Any]:
    """What is served of everybody, and by which model."""
    found: dict[str, Any] = {}
    with closing(Service(settings, Options(every=3600.0, journal=False)).start()) as service:
        assert not service.roster.trouble.tenants
        for name in NAMES:
            said = asyncio.run(service.forecasts(name, ForecastsAsked()))
            found[name] = (said.model, said.names, said.mean, said.quantiles)
            found[f"{name} orders"] = asyncio.run(service.orders(name, OrdersAsked())).records()
    return found


def same(before: dict[str, Any], after: dict[str, Any]) -> tuple[int, float]:
    """How many answers differ, and by how much at the most."""
    differ, most = 0, 0.0
    for name in NAMES:
        differ += before[name][:2] != after[name][:2] or before[f"{name} orders"] != after[f"{name} orders"]
        for one, other in zip(before[name][2:], after[name][2:], strict=True):
            most = max(most, float(np.abs(one - other).max()))
    return differ, most


def lived(settings: Settings) -> tuple[str, str]:
    """A job is done and a key is made: a key's secret, and the job's id."""
    storage = open_storage(settings.storage_url)
    with closing(Database(settings.database_url)) as database:
        base = find_bases(database, storage, [], None)[0]
        job = submit(database, Asked("mlp", (base.id,), "head", epochs=1), NAMES, actor="test")[0].id
        run(database, storage, job, Here(), actor="test", told=lambda _: None)
        return keys.create(database, NAMES[0], actor="test")[1], job


def remembered(settings: Settings, secret: str, job: str) -> dict[str, Any]:
    with closing(Database(settings.database_url)) as database:
        key = keys.check(database, secret)
        past = {name: value for name, value in asdict(jobs.get(database, job)).items() if name != "read"}
        return {
            "key": key and (key.id, key.tenant, key.scopes),
            "job": past,
            "results": [asdict(one) for one in results.of_job(database, job)],
        }


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    """The programs that the runbook's commands call, where they are not what the tests have."""
    pgserver = pytest.importorskip("pgserver")
    found = tmp_path / "bin"
    found.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (found / name).symlink_to(Path(pgserver.__file__).parent / "pginstall" / "bin" / name)
    for name, text in {"aws": AWS.format(python=sys.executable), "kubectl": "#!/bin/sh\n"}.items():
        (found / name).write_text(text)
        (found / name).chmod(0o700 | stat.S_IXUSR)
    return found


@pytest.fixture
def buckets(s3: Any) -> Iterator[dict[str, str]]:
    """For the copy, and a new and empty one to begin anew in."""
    names = {name: f"{name}-{secrets.token_hex(4)}" for name in ("backup", "anew")}
    for name in names.values():
        s3.files.mkdir(name)
    yield names
    s3.files.invalidate_cache()
    for name in names.values():
        s3.files.rm(name, recursive=True)


@pytest.mark.long
@pytest.mark.usefixtures("bin_folder")
def test_postgres_and_s3(
    home: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    postgres_url: str,
    s3: Any,
    buckets: dict[str, str],
    promise: Promise,
) -> None:
    import psycopg

    fault = "all is lost: restored from a backup into an empty cluster, PostgreSQL and S3"
    promise(fault, "the same forecasts and orders, keys open, jobs are remembered")
    shops_in(home, tmp_path_factory)
    bucket = s3.url.removeprefix("s3://")
    s3.files.put(f"{home}/storage/", f"{bucket}/invplat/", recursive=True)
    names = [f"{each}_{secrets.token_hex(4)}" for each in ("before", "after")]
    urls = [postgres_url.replace("/postgres?", f"/{name}?") for name in names]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name}")
        try:
            moved_to(home, urls[0])
            places = zip((s3.url, f"s3://{buckets['anew']}"), urls, strict=True)
            before, after = (
                load_settings({"home": str(home), "database_url": url, "storage_url": f"{where}/invplat"}, {})
                for where, url in places
            )
            secret, job = lived(before)
            wanted, known = answers(before), remembered(before, secret, job)
            began = time.monotonic()
            for commands in blocks("## Back up"):
                words = {"BUCKET": bucket, "BACKUP": buckets["backup"], "corner-shop": NAMES[0]}
                typed(commands, tmp_path, words, **_environment(before))
            saved = time.monotonic() - began
            admin.execute(f"DROP DATABASE {names[0]} WITH (FORCE)")
            s3.files.rm(f"{bucket}/invplat", recursive=True)
            began = time.monotonic()
            restore, look = blocks("## Restore")
            words = {"BUCKET": buckets["anew"], "BACKUP": buckets["backup"]}
            typed(restore, tmp_path, words, **_environment(after))
            took = time.monotonic() - began
            look = "\n".join(line for line in look.splitlines() if "query" not in line)  # asked below, in process
            said = typed(look, tmp_path, {}, **_environment(after))
            assert all(name in said for name in (*NAMES, job))
            found = remembered(after, secret, job)
            assert found == known
            differ, apart = same(wanted, answers(after))
        finally:
            for name in names:
                admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert (differ, apart) == (0, 0.0)
    _tell(promise, fault, differ, apart, saved, took)


def test_sqlite_and_a_folder(
    home: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, promise: Promise
) -> None:
    fault = "all is lost: restored from a backup into an empty home, SQLite and a folder"
    promise(fault, "the same forecasts and orders, keys open, jobs are remembered")
    shops_in(home, tmp_path_factory)
    settings = load_settings({"home": str(home)}, {})
    secret, job = lived(settings)
    wanted, known = answers(settings), remembered(settings, secret, job)
    save, restore = blocks("### On one machine, without a cluster")
    words = {"BACKUP": str(tmp_path / "copy")}
    began = time.monotonic()
    with closing(Database(settings.database_url)) as held:  # it is in use meanwhile
        held.read(lambda connection: None)
        typed(save, tmp_path, words, INVPLAT_HOME=str(home))
    saved = time.monotonic() - began
    shutil.rmtree(home)
    began = time.monotonic()
    typed(restore, tmp_path, words, INVPLAT_HOME=str(home))
    took = time.monotonic() - began
    assert remembered(settings, secret, job) == known
    differ, apart = same(wanted, answers(settings))
    assert (differ, apart) == (0, 0.0)
    _tell(promise, fault, differ, apart, saved, took)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "INVPLAT_HOME": str(settings.home),
        "INVPLAT_DATABASE_URL": settings.database_url,
        "INVPLAT_STORAGE_URL": settings.storage_url,
    }


def _tell(promise: Promise, fault: str, differ: int, apart: float, saved: float, took: float) -> None:
    measured = {"businesses": len(NAMES), "answered otherwise": differ, "forecasts apart": apart}
    promise(fault, measured=measured | {"seconds to save": round(saved, 1), "to restore": round(took, 1)})
