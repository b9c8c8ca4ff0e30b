"""Several workers of one process, each with its own stores: together they learn what one learns from all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from invplat.core.errors import DatasetError, StorageError
from invplat.data.dataset import Dataset
from invplat.storage import FolderStorage
from invplat.train.exchange import Exchange, Single, agreed
from invplat.train.forecaster import learnt
from invplat.train.loop import Ended, Epoch, Fitted
from invplat.train.material import Material, read_material
from invplat.train.plan import Plan
from invplat.train.worker import CHECKPOINT, ENDED, Job, Result, result_of, work
from invplat.workload import find
from tests.train.chain import ASKED, chain, kept
from tests.train.shop import TINY
from tests.train.threads import together

SMALL = {"mlp": TINY, "e2e": {"hidden": 32, "channels": 8}}
MOST = 500


@pytest.fixture(autouse=True, scope="module")
def one_thread_a_worker() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return chain(tmp_path_factory.mktemp("chain"))


@pytest.fixture
def storage(dataset: Dataset) -> Iterator[FolderStorage]:
    assert isinstance(dataset.storage, FolderStorage)
    yield dataset.storage
    dataset.storage.remove("fits")


def job_of(dataset: Dataset, workload: str = "mlp", **plan: Any) -> Job:
    params = find(workload).space.complete(SMALL[workload])
    given = {"epochs": 3, "batch_size": 64, "patience": 2, **plan}
    return Job(workload, dataset.tenant, dataset.version, params, Plan.of(params, **given).to_json(), ASKED, MOST)


def alone(dataset: Dataset, job: Job) -> tuple[Material, Fitted]:
    material = read_material(find(job.workload), [dataset], most=MOST, **job.asked)
    return material, learnt(material, job.params, Plan(**job.plan))


def by(workers: int, job: Job, storage: FolderStorage) -> Result:
    together(workers, lambda exchange: work(job, storage, exchange))
    found = result_of(job, find(job.workload), storage)
    assert found is not None
    storage.remove(job.prefix)
    return found


def apart(one: torch.nn.Module, other: torch.nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max(float((first - second).abs().max()) for first, second in pairs)


@pytest.mark.parametrize("openings", [0, 2])
def test_one_worker_is_the_fit_alone_to_the_bit(dataset: Dataset, storage: FolderStorage, openings: int) -> None:
    job = job_of(dataset)
    job = replace(job, asked={**job.asked, "openings": openings})
    material, fitted = alone(dataset, job)
    found = by(1, job, storage)
    assert (found.layout, found.preparation) == (material.layout, material.preparation)
    assert found.schedule == material.businesses[0].schedule
    assert found.notes == material.notes
    assert apart(found.fitted.module, fitted.module) == 0.0
    assert [(epoch.train, epoch.validation) for epoch in found.fitted.history] == [
        (epoch.train, epoch.validation) for epoch in fitted.history
    ]


@pytest.mark.parametrize(
    ("workload", "workers", "openings"), [("mlp", 2, 0), ("mlp", 5, 0), ("mlp", 3, 2), ("e2e", 3, 0)]
)
def test_several_workers_end_where_one_ends(
    workload: str, workers: int, openings: int, dataset: Dataset, storage: FolderStorage
) -> None:
    """To the order of summing: weights within 1e-5, losses within a millionth."""
    job = job_of(dataset, workload, patience=0)  # e2e judges each shard with draws of its own
    job = replace(job, asked={**job.asked, "openings": openings})
    material, fitted = alone(dataset, job)
    found = by(workers, job, storage)
    assert len(found.windows) == workers
    assert sum(found.windows) == len(material.train) == MOST
    assert found.preparation == material.preparation
    assert found.layout.sees.centres == pytest.approx(material.layout.sees.centres)
    assert found.layout.sees.spreads == pytest.approx(material.layout.sees.spreads)
    losses = [epoch.train for epoch in found.fitted.history]
    assert losses == pytest.approx([epoch.train for epoch in fitted.history], rel=1e-6)
    if workload == "mlp":
        told = [epoch.validation for epoch in found.fitted.history]
        assert told == pytest.approx([epoch.validation for epoch in fitted.history], rel=1e-6)
        assert found.fitted.best == fitted.best
        assert apart(found.fitted.module, fitted.module) < 1e-5


def test_each_worker_reads_the_sales_of_its_own_stores_only(dataset: Dataset, storage: FolderStorage) -> None:
    read: dict[int, set[str]] = {}
    job = job_of(dataset, epochs=1)
    by_key = {
        f"tenants/{dataset.tenant}/datasets/data/{file.key}": file.store
        for file in dataset.manifest.tables["sales"].files
    }

    class Watched(FolderStorage):
        rank = -1

        def read(self, key: str) -> bytes:
            if key in by_key:
                read.setdefault(self.rank, set()).add(by_key[key])
            return super().read(key)

    def run(exchange: Exchange) -> None:
        own = Watched(storage.root)
        own.rank = exchange.rank
        work(job, own, exchange)

    together(2, run)
    shards = job.sharding(dataset, 2).shards
    assert {rank: tuple(sorted(stores)) for rank, stores in read.items()} == dict(enumerate(shards))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_an_interrupted_fit_goes_on_with_another_number_of_workers(
    workers: int, dataset: Dataset, storage: FolderStorage
) -> None:
    job = job_of(dataset, epochs=4, patience=0)
    through = by(2, job, storage)

    def break_off(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        together(2, lambda exchange: work(job, storage, exchange, watch=break_off))
    assert storage.names(job.prefix) == [CHECKPOINT, "epochs.json", "material.json"]
    seen: list[int] = []
    together(workers, lambda exchange: work(job, storage, exchange, watch=lambda epoch: seen.append(epoch.number)))
    assert seen == [3, 4]
    found = result_of(job, find("mlp"), storage)
    assert found is not None
    assert [epoch.number for epoch in found.fitted.history] == [1, 2, 3, 4]
    assert apart(found.fitted.module, through.fitted.module) < 1e-5


def test_a_fit_that_has_ended_is_not_begun_again(dataset: Dataset, storage: FolderStorage) -> None:
    job = job_of(dataset, epochs=1)
    together(2, lambda exchange: work(job, storage, exchange))
    before = storage.path(f"{job.prefix}/{ENDED}").stat().st_mtime_ns
    together(2, lambda exchange: work(job, storage, exchange))
    assert storage.path(f"{job.prefix}/{ENDED}").stat().st_mtime_ns == before


def test_early_stopping_decides_alike_everywhere(dataset: Dataset, storage: FolderStorage) -> None:
    job = job_of(dataset, epochs=30, patience=1, learning_rate=0.05)
    found = by(3, job, storage)
    assert found.fitted.ended is Ended.PATIENCE
    assert len(found.fitted.history) == found.fitted.best + 1


def test_what_one_worker_refuses_all_refuse(dataset: Dataset, storage: FolderStorage) -> None:
    job = replace(job_of(dataset), version=7)
    together(2, lambda exchange: work(job, storage, exchange))
    with pytest.raises(DatasetError, match="no dataset version 7"):
        result_of(job, find("mlp"), storage)

    def refuse() -> int:
        raise DatasetError("no good", hint="another")

    def run(exchange: Exchange) -> None:
        agreed(exchange, refuse if exchange.rank == 1 else lambda: 1, lambda found: found)

    with pytest.raises(DatasetError, match="no good"):
        together(3, run)


def test_a_worker_whose_stores_have_nothing_is_named(tmp_path: Path) -> None:
    """One store sells for the first time when training is over; its manifest does not tell."""
    from tests.data.memory import memory_dataset, sales

    rows = sales("a", [3.0] * 120, store="old") + sales("b", [0.0] * 117 + [2.0] * 3, store="young", first=0)
    found = kept(memory_dataset({"sales": rows}), tmp_path)
    job = job_of(found, epochs=1)
    together(2, lambda exchange: work(job, FolderStorage(tmp_path), exchange))
    result = result_of(job, find("mlp"), FolderStorage(tmp_path))
    assert result is not None  # a series that sells nothing for long is a series all the same
    assert len(result.windows) == 2


def test_a_storage_that_is_full_for_a_while_does_not_end_the_fit(dataset: Dataset, storage: FolderStorage) -> None:
    class Full(FolderStorage):
        left = 1

        def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
            if key.endswith(CHECKPOINT) and self.left:
                self.left -= 1
                raise StorageError("no space left")
            super().write(key, data, durable=durable)

    job = job_of(dataset, epochs=1)
    work(job, Full(storage.root), Single())
    found = result_of(job, find("mlp"), storage)
    assert found is not None
    assert len(found.fitted.history) == 1


def test_what_is_kept_is_json_and_safetensors(dataset: Dataset, storage: FolderStorage) -> None:
    job = job_of(dataset, epochs=1)
    work(job, storage, Single())
    for name in storage.names(job.prefix):
        data = storage.read(f"{job.prefix}/{name}")
        if name == CHECKPOINT:
            assert json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        else:
            json.loads(data)
