"""An S3 that refuses a fifth of what it is asked, has done some of that nonetheless, and is slow: all ends right."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invplat.core.errors import StorageError
from invplat.core.settings import load_settings
from invplat.data.dataset import Dataset, data_prefix
from invplat.registry import aliases, results, versions
from invplat.registry.database import open_database
from invplat.registry.jobs import State, get
from invplat.registry.versions import Version
from invplat.serve.schemas import ForecastsAsked
from invplat.serve.service import Options, Service
from invplat.storage import Storage, open_storage
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from invplat.transfer.jobs_run import Here, run
from tests.chaos.promises import Promise
from tests.chaos.slow_s3 import SlowS3, before
from tests.transfer.firms import NAMES, firms_in, typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
REFUSED, LOST, DELAY = 0.08, 0.25, 0.02  # shares of requests, and seconds
HARD = "S3 answers 503 to one in twelve, and to a quarter of writes that it has done; slow"


@pytest.fixture
def busy(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowS3]:
    """The way to the bucket leads through it from now on; as yet it lets all pass."""
    with before(s3.endpoint) as door:
        monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", f'{{"endpoint_url": "{door.url}"}}')
        yield door


Placed = Callable[[str], tuple[Path, Storage]]


@pytest.fixture
def placed(busy: SlowS3, s3: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Placed:
    """A home of a few businesses, their bytes in the bucket under this name."""

    def place(name: str) -> tuple[Path, Storage]:
        home, url = tmp_path / name, f"{s3.url}/{name}"
        firms_in(home, tmp_path_factory)
        s3.files.put(f"{home}/storage/", f"{url.removeprefix('s3://')}/", recursive=True)
        shutil.rmtree(home / "storage")
        return home, open_storage(url)

    return place


def measured(door: SlowS3, work: Callable[[str], Any]) -> dict[str, float]:
    """As it should be, in a place called `plain`; then on a bad day, in `hard`."""
    began = time.monotonic()
    work("plain")
    plain = time.monotonic() - began
    door.refused_share, door.lost_share, door.delay = REFUSED, LOST, DELAY
    door.asked = door.refused = door.lost = 0
    began = time.monotonic()
    work("hard")
    took = time.monotonic() - began
    door.refused_share = door.lost_share = door.delay = 0.0
    assert door.refused
    return {
        "requests": door.asked,
        "refused": door.refused,
        "done but refused": door.lost,
        "seconds": round(took, 1),
        "seconds without": round(plain, 1),
    }


def test_created_once_though_the_answer_was_lost(busy: SlowS3, s3: Any, promise: Promise) -> None:
    """The first writer hears no, asks again, and must not take its own object for another's."""
    fault = "S3 says 503 to a write that it has done"
    promise(fault, "the writer knows its own, of two still one wins")
    storage = open_storage(f"{s3.url}/contract")
    busy.lost_share = 0.3
    won = [storage.create(f"a/{number}", b"mine") for number in range(10)]
    lost = busy.lost
    assert lost >= 2
    assert won == [True] * 10
    busy.lost_share = 0.0
    assert not any(storage.create(f"a/{number}", b"mine") for number in range(10))  # the same bytes, another writer
    promise(fault, measured={"writes": 10, "denied": lost, "own taken for another's": won.count(False)})


def test_one_that_refuses_all_is_told_of(busy: SlowS3, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, once the driver has given up; its patience is cut short here."""
    hasty = f'{{"endpoint_url": "{busy.url}", "config_kwargs": {{"retries": {{"max_attempts": 0}}}}}}'
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", hasty)
    storage = open_storage(f"{s3.url}/contract")
    storage.write("a/here", b"-")
    busy.refused_share = 1.0
    acts = (storage.read, storage.exists, storage.names, storage.remove, lambda key: storage.write(key, b""))
    for act in (*acts, lambda key: storage.create(key, b"")):
        with pytest.raises(StorageError, match="too busy, and went on refusing") as refused:
            act("a/here")
        assert refused.value.exit_code == 1
    busy.refused_share = 0.0
    assert storage.read("a/here") == b"-"


def test_ingest(busy: SlowS3, placed: Placed, promise: Promise) -> None:
    fault = f"{HARD}: ingest, append"
    promise(fault, "the same datasets, each version once, nothing left over")
    homes = {name: placed(name) for name in ("plain", "hard")}

    def work(name: str) -> None:
        home, storage = homes[name]
        more = home / "more.csv"
        lines = [f"x,a,2024-01-{day:02d},{day}" for day in range(1, 29)]
        more.write_text("\n".join(["store,sku,date,quantity", *lines]) + "\n")
        given = ("--tenant", "shop", "--mapping", "generic", "--storage-url", storage.url)
        typed(home, "data", "ingest", home / "world" / NAMES[0], *given)
        typed(home, "data", "append", more, *given)

    said = measured(busy, work)
    storages = [storage for _, storage in homes.values()]
    manifests = [Dataset.open(storage, "shop").manifest for storage in storages]
    assert manifests[0].content_hash == manifests[1].content_hash
    assert [one.version for one in manifests] == [2, 2]
    writes = [storage.names(data_prefix("shop")) for storage in storages]
    assert len(writes[0]) == len(writes[1])
    promise(fault, measured=said)


@pytest.mark.long
def test_fine_tune(busy: SlowS3, placed: Placed, promise: Promise) -> None:
    fault = f"{HARD}: fine-tune of four"
    promise(fault, "the same models, each once, the job done at its first attempt")
    homes = {name: placed(name) for name in ("plain", "hard")}
    made: dict[str, dict[str, Version]] = {}

    def work(name: str) -> None:
        home, storage = homes[name]
        with open_database(f"sqlite:///{home / 'invplat.db'}") as database:
            base = find_bases(database, storage, [], None)[0]
            job = submit(database, Asked("mlp", (base.id,), "head", epochs=1), NAMES, actor="test")[0].id
            run(database, storage, job, Here(), actor="test", told=lambda _: None)
            found = get(database, job)
            assert (found.state, found.attempt) == (State.DONE, 1)
            assert {one.state for one in results.of_job(database, job)} == {"done"}
            rows = {tenant: versions.of_tenant(database, tenant, "mlp") for tenant in NAMES}
            assert all(aliases.current(database, tenant, "mlp").get(aliases.CHAMPION) for tenant in NAMES)
        for tenant, there in rows.items():
            assert [f"{one.number:08d}" for one in there] == storage.names(f"tenants/{tenant}/models/mlp")
            assert len(there) <= 1
        made[name] = {tenant: there[0] for tenant, there in rows.items() if there}

    said = measured(busy, work)
    assert made["plain"].keys() == made["hard"].keys()
    assert made["hard"]
    for tenant, one in made["hard"].items():
        hard = versions.open_bundle(homes["hard"][1], one)
        assert hard.weights == versions.open_bundle(homes["plain"][1], made["plain"][tenant]).weights
    promise(fault, measured=said)


def test_serving_starts(busy: SlowS3, placed: Placed, promise: Promise) -> None:
    fault = f"{HARD}: serving starts"
    promise(fault, "everybody is served, with the same forecasts")
    home, storage = placed("plain")
    settings = load_settings({"home": str(home), "storage_url": storage.url}, {})
    found: dict[str, dict[str, np.ndarray[Any, Any]]] = {}

    def work(name: str) -> None:
        with closing(Service(settings, Options(every=3600.0, journal=False)).start()) as service:
            said = {tenant: asyncio.run(service.forecasts(tenant, ForecastsAsked())) for tenant in NAMES}
            assert not service.roster.trouble.tenants
            found[name] = {tenant: one.mean for tenant, one in said.items()}

    work("first")  # books are made once, and kept
    said = measured(busy, work)
    assert all(np.array_equal(found["plain"][tenant], found["hard"][tenant]) for tenant in NAMES)
    promise(fault, measured=said)
