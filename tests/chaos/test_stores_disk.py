"""The disk is full, sooner or later: it is said, nothing is left half or spoilt, and with room it goes on."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import Result

from invplat.core.errors import StorageFull
from invplat.data.dataset import Dataset, data_prefix
from invplat.registry import aliases, results, versions
from invplat.registry.database import Database, open_database
from invplat.registry.jobs import State, get, lose, retry
from invplat.registry.parts import PREDICTED
from invplat.serve.schemas import ForecastsAsked
from invplat.storage import open_storage
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from invplat.transfer.jobs_run import Here, run
from tests.chaos.disk import Disk, small_disk
from tests.chaos.promises import Promise
from tests.serve.shops import serving
from tests.transfer.firms import NAMES, firms_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
LEFT = (0, 4, 8, 16, 24, 40, 64, 96, 160, 256)  # KiB: from the first write to the last
ROOM = (0, 64, 256, 512, 1024, 2048)
NAME = NAMES[0]


@pytest.fixture
def disk(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disk]:
    """With the home folder of a few businesses on it, and little else."""
    with small_disk(home.parent / "disk", 8) as found:
        firms_in(found.path / "home", tmp_path_factory)
        home.symlink_to(found.path / "home")
        yield found


def database_of(home: Path) -> Database:
    return open_database(f"sqlite:///{home / 'invplat.db'}", patience=2)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def sales(path: Path, number: int) -> Path:
    """Some that no version holds yet."""
    lines = ["store,sku,date,quantity"]
    rows = [(store, sku, day) for store in range(4) for sku in range(40) for day in range(1, 29)]
    lines += [f"new-{store},sku-{sku},2024-03-{day:02d},{number}" for store, sku, day in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ingest(disk: Disk, home: Path, tmp_path: Path, invplat: Callable[..., Result], promise: Promise) -> None:
    fault = "the disk is full during ingest"
    promise(
        fault, "exit code 1 and why; no half file; what was there reads as before; with room the same command ends well"
    )
    folder = home / "storage" / data_prefix(NAME)
    storage = open_storage(str(home / "storage"))
    refused = over = spoilt = 0
    for number, left in enumerate(LEFT):
        before, there = Dataset.open(storage, NAME), files(folder)
        words = ("data", "append", "--tenant", NAME, "--mapping", "generic", sales(tmp_path / "more.csv", number))
        disk.fill(left * 1024)
        ended = invplat(*words, "--home", home, "--json")
        disk.clear()
        if ended.exit_code:
            refused += 1
            assert ended.exit_code == 1, ended.output
            assert "no space left" in json.loads(ended.stderr)["error"], ended.stderr
            if Dataset.open(storage, NAME).version == before.version:  # else only the registry could not be told
                over += len(files(folder) - there)
            again = invplat(*words, "--home", home, "--json")
            assert again.exit_code == 0, again.output
        after = Dataset.open(storage, NAME)
        assert after.version == before.version + 1
        assert len(after.read("sales")) == len(before.read("sales")) + (4 * 40 * 28 if number == 0 else 0)
        spoilt += not Dataset.open(storage, NAME, before.version).read("sales").equals(before.read("sales"))
    assert (over, spoilt) == (0, 0)
    assert 3 <= refused < len(LEFT)
    promise(
        fault, measured={"times": len(LEFT), "refused": refused, "files left over": over, "versions spoilt": spoilt}
    )


def test_fine_tune(disk: Disk, home: Path, promise: Promise) -> None:
    fault = "the disk is full during a fine-tune of four"
    promise(
        fault, "the job fails and says why; no half model; champions as before; with room a retry does what is left"
    )
    storage = open_storage(str(home / "storage"))
    models = home / "storage" / "tenants"
    stopped = redone = twice = 0
    with database_of(home) as database:
        base = find_bases(database, storage, [], None)[0]
        for number, left in enumerate(ROOM):
            there, champions = files(models), aliases.champions(database)
            job = submit(database, Asked("mlp", (base.id,), "head", epochs=1), NAMES, actor="test", anew=str(number))[0]
            disk.fill(left * 1024)
            with suppress(StorageFull):  # where not even the job's end could be written down
                run(database, storage, job.id, Here(), actor="test", told=lambda _: None)
            disk.clear()
            found = get(database, job.id)
            if found.state is not State.DONE:
                stopped += 1
                known = {one.model for one in results.of_job(database, job.id) if one.model}
                made = files(models) - there
                assert not [name for name in made if name.endswith(".part")]
                sealed = {name.rpartition("/")[0] for name in made if name.endswith("bundle.json")}
                assert {name.rpartition("/")[0] for name in made if "/models/" in name} == sealed  # none is half
                if not known:
                    assert aliases.champions(database) == champions
                if found.state is State.FAILED:
                    assert "no space left" in found.message or any(
                        "no space left" in one.reason for one in results.of_job(database, job.id)
                    ), found.message
                if found.state is State.RUNNING:  # its end could not be written down: found when it is looked for
                    lose(database, found)
                if found.state is not State.QUEUED:  # not even taken up
                    retry(database, job.id, actor="test")
                redone += len(results.pending(database, job.id))
                run(database, storage, job.id, Here(), actor="test", told=lambda _: None)
                assert get(database, job.id).state is State.DONE
            for name in NAMES:
                rows = [one.number for one in versions.of_tenant(database, name, "mlp")]
                kept = storage.names(f"tenants/{name}/models/mlp")
                assert rows == [int(each) for each in kept]
                twice += max(0, len(rows) - number - 1)
                for one in versions.of_tenant(database, name, "mlp"):
                    versions.open_bundle(storage, one)
    assert 2 <= stopped < len(ROOM)
    assert not twice
    done = stopped * len(NAMES) - redone
    measured = {"times": len(ROOM), "failed": stopped, "models made twice": twice}
    promise(fault, measured=measured | {"businesses to do again": redone, "not to do again": done})


def test_the_journal_of_predictions(disk: Disk, home: Path, promise: Promise) -> None:
    fault = "the disk is full while predictions are written down"
    promise(fault, "answers go on; with room all that was said is written, each once")
    asked, said = 0, 0
    with serving(home, journal=True) as service:
        journal = service.journal
        assert journal is not None
        names = list(service.roster.served)
        for name in names:  # books are at hand before
            asyncio.run(service.volume(name))
        for left in (0, 8, 24):
            for name in names:
                volume = asyncio.run(service.volume(name))
                volume.seen.clear()  # as if its data had changed: all of it is to be written again
            disk.fill(left * 1024)
            for name in names:
                found = asyncio.run(service.forecasts(name, ForecastsAsked()))
                asked += len(found)
                said += len(found)
            with suppress(StorageFull):
                journal.flush()
            for name in names:
                said += len(asyncio.run(service.forecasts(name, ForecastsAsked())))
                asked += len(service.books.get(service.served(name)).book)
            disk.clear()
            journal.flush()
        lost = journal.lost
        parts = [part for name in names for part in PREDICTED.of_tenant(service.database, name)]
        rows = sum(part.rows for part in parts)
        periods = {name: asyncio.run(service.volume(name)).book.dates for name in names}
        wanted = 3 * sum(len(asyncio.run(service.volume(name)).book) * len(periods[name]) for name in names)
        for part in parts:
            table = pq.read_table(io.BytesIO(service.storage.read(part.key)))
            assert len(table) == part.rows
        there = {path for path in files(home / "storage") if "/predictions/" in path}
        assert there == {part.key for part in parts}
    assert (lost, rows) == (0, wanted)
    assert said == asked
    promise(
        fault, measured={"answers lost": asked - said, "rows": rows, "rows lost": lost, "rows twice": rows - wanted}
    )
