"""Clocks an hour apart: no lease is stolen, the last promotion counts, a revoked key stays revoked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from invplat.registry import jobs, keys, tenants
from invplat.registry.database import Database, open_database
from invplat.registry.jobs import State, Wish
from invplat.registry.parts import PREDICTED
from invplat.serve.auth import Doors, Refused
from invplat.storage import open_storage
from tests.chaos.promises import Promise
from tests.chaos.skew import run_skewed, started_skewed
from tests.serve.shops import BASE, LAST, moved, serving, shops_in
from tests.transfer.firms import NAMES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HOURS = (-1, 1)
ALLOWED = 5.0  # seconds of silence
# Takes up a job as if on another machine, and gives signs of life when it is told to.
HOLDER = """
import sys, time
from dataclasses import replace
from invplat.core.process import Process
from invplat.registry import jobs
from invplat.registry.database import open_database
url, job = sys.argv[1:]
database = open_database(url)
mine = jobs.claim(database, job, replace(Process.this(), host="elsewhere"))
print("claimed", time.time(), flush=True)
for line in sys.stdin:
    print(jobs.beat(database, job, mine.attempt), flush=True)
"""
PROMOTER = """
import sys
from invplat.registry import aliases
from invplat.registry.database import open_database
url, tenant, workload, model = sys.argv[1:]
database = open_database(url)
before = aliases.current(database, tenant, workload).get("champion")
aliases.promote(database, tenant, workload, model, expected=before, actor="elsewhere")
"""
REVOKER = """
import sys
from invplat.registry import keys
from invplat.registry.database import open_database
url, tenant, key = sys.argv[1:]
database = open_database(url)
if key:
    keys.revoke(database, tenant, key, actor="elsewhere")
else:
    found, secret = keys.create(database, tenant, actor="elsewhere")
    print(found.id, secret)
"""
FORECASTER = """
import asyncio, json, sys
from invplat.core.settings import load_settings
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.service import Options, Service
service = Service(load_settings({"home": sys.argv[1]}, {}), Options(every=3600.0)).start()
print(json.dumps({name: asyncio.run(service.forecasts(name, ForecastsAsked())).mean.tolist() for name in sys.argv[2:]}))
service.close()
"""


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    file = f"sqlite:///{tmp_path}/invplat.db"
    url = request.getfixturevalue("empty_postgres") if request.param == "postgres" else file
    with open_database(url) as found:
        tenants.ensure(found, "shop", actor="test")
        yield found


@pytest.mark.parametrize("hours", HOURS)
def test_a_lease(
    database: Database, tmp_path: Path, hours: int, monkeypatch: pytest.MonkeyPatch, promise: Promise
) -> None:
    fault = f"a job's machine has a clock {hours:+} h off, {'SQLite' if database.is_sqlite else 'PostgreSQL'}"
    promise(fault, "its job is not taken from it while it lives, and is found lost when it is silent")
    monkeypatch.setattr(jobs, "SILENT", ALLOWED)
    job = jobs.submit(database, "finetune", "d", {}, ["shop"], actor="test")[0].id
    stolen = 0
    with started_skewed(tmp_path, hours, [*_python(), HOLDER, database.url, job]) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        word, clock = process.stdout.readline().split()
        assert word == "claimed"
        assert abs(float(clock) - time.time() - hours * 3600) < 60  # its clock is wrong indeed
        for _ in range(8):
            stolen += len(jobs.find_lost(database))
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline().strip() == Wish.GO
            time.sleep(0.2)
        assert jobs.get(database, job).state is State.RUNNING
        process.kill()
    began = time.monotonic()
    while not jobs.find_lost(database):
        assert time.monotonic() - began < 60
        time.sleep(0.1)
    took = time.monotonic() - began
    assert jobs.get(database, job).state is State.LOST
    assert stolen == 0
    promise(
        fault, measured={"leases stolen": stolen, "seconds until found": round(took, 1), "seconds allowed": ALLOWED}
    )


def _python() -> list[str]:
    import sys

    return [sys.executable, "-c"]


def test_a_key(database: Database, tmp_path: Path, promise: Promise) -> None:
    fault = f"keys made an hour ahead, revoked an hour behind, {'SQLite' if database.is_sqlite else 'PostgreSQL'}"
    promise(fault, "open at once, shut at once and for good")
    doors = Doors(database, every=0)
    opened = shut = 0
    for made, revoked in ((1, -1), (-1, 1)):
        key, secret = run_skewed(tmp_path, made, REVOKER, database.url, "shop", "").split()
        doors.refresh()
        opened += doors.caller({"authorization": f"Bearer {secret}"}).tenant == "shop"
        run_skewed(tmp_path, revoked, REVOKER, database.url, "shop", key)
        doors.refresh()
        with pytest.raises(Refused, match="opens nothing"):
            doors.caller({"authorization": f"Bearer {secret}"})
        keys.create(database, "shop", actor="test")  # what else changes, by a right clock, does not open it again
        doors.refresh()
        with pytest.raises(Refused, match="opens nothing"):
            doors.caller({"authorization": f"Bearer {secret}"})
        shut += keys.check(database, secret) is None
    doors.close()
    assert (opened, shut) == (2, 2)
    promise(fault, measured={"opened": f"{opened} of 2", "shut": f"{shut} of 2"})


@pytest.fixture
def shops(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shops_in(home, tmp_path_factory)
    return home


def test_a_promotion(shops: Path, tmp_path: Path, promise: Promise) -> None:
    fault = "champions promoted by machines an hour ahead and an hour behind, in turns"
    promise(fault, "whoever was promoted last is served, of one workload and of several")
    url = f"sqlite:///{shops / 'invplat.db'}"
    with serving(shops, journal=False) as service:
        made = [moved(service.database, shops, LAST, ("head.says.",), seed).id for seed in (61, 62, 63)]
        service.refresh()
        wrong = 0
        # One workload by turns; then another, which goes before the first for as long as it is the newer.
        steps = ((1, "mlp", 0), (-1, "mlp", 1), (1, "mlp", 0), (-1, "other", 1), (-1, "mlp", 2))
        for hours, workload, model in steps:
            run_skewed(tmp_path, hours, PROMOTER, url, LAST, workload, made[model])
            service.refresh()
            wrong += service.served(LAST).version.id != made[model]
    assert wrong == 0
    promise(fault, measured={"promotions": len(steps), "another served": wrong})


def test_predictions(shops: Path, tmp_path: Path, promise: Promise) -> None:
    fault = "a serving machine's clock is an hour ahead or behind"
    promise(fault, "the same forecasts for the same days, and all of them written down")
    said: dict[int, dict[str, Any]] = {}
    spans: dict[int, set[tuple[str, str]]] = {}
    known: set[str] = set()
    for hours in (0, *HOURS):
        said[hours] = json.loads(run_skewed(tmp_path, hours, FORECASTER, str(shops), BASE, LAST))
        with open_database(f"sqlite:///{shops / 'invplat.db'}") as database:
            parts = [part for name in NAMES for part in PREDICTED.of_tenant(database, name) if part.id not in known]
        spans[hours] = {(part.tenant, part.first, part.last) for part in parts}
        known |= {part.id for part in parts}
    storage = open_storage(str(shops / "storage"))
    assert all(storage.exists(part.key) for part in parts)
    differ = sum(said[hours] != said[0] or spans[hours] != spans[0] for hours in HOURS)
    assert {tenant for tenant, _, _ in spans[0]} == {BASE, LAST}
    assert differ == 0
    promise(fault, measured={"businesses": len(said[0]), "clocks that said otherwise": differ})
