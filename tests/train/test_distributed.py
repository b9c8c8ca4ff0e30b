"""Ray Train's door, on a real Ray of two workers: what it does, it does as one process would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from invplat.core.errors import DatasetError, SettingRefused
from invplat.data.dataset import Dataset
from invplat.storage import FolderStorage, open_storage
from invplat.train.distributed import trained_by_workers
from invplat.train.material import read_material
from invplat.train.training import Trained, trained
from invplat.workload import find
from tests.conftest import S3
from tests.data.memory import MemoryStorage
from tests.train.chain import ASKED, chain
from tests.train.shop import TINY, shop

PLAN = {"epochs": 3, "patience": 2}
MOST = 500

pytestmark = pytest.mark.usefixtures("ray")


def by_workers(dataset: Dataset, workers: int = 2, **options: Any) -> Trained:
    given: dict[str, Any] = {"params": TINY, "plan": PLAN, "asked": {**ASKED, "most": MOST}, **options}
    return trained_by_workers(find("mlp"), [dataset], workers=workers, **given)


def in_this_process(dataset: Dataset, *, whole: bool = False) -> Trained:
    material = read_material(find("mlp"), [dataset], most=MOST, **ASKED)
    return trained(material, params=TINY, plan=PLAN, whole=whole)


def same(one: Trained, other: Trained) -> None:
    """To the order of summing."""
    weights = [dict(made.model.module.state_dict()) for made in (one, other)]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-5)
    figures = [{name: dict(row) for name, row in made.model.metrics["test"].items()} for made in (one, other)]
    assert figures[0]["seasonal_naive"] == figures[1]["seasonal_naive"]
    assert figures[0]["mlp"] == pytest.approx(figures[1]["mlp"], rel=1e-4, nan_ok=True)
    assert one.model.preparation == other.model.preparation
    assert {**one.model.lineage, "made": ""} == {**other.model.lineage, "made": ""}
    assert (one.windows, one.cutoffs) == (other.windows, other.cutoffs)


@pytest.mark.slow
def test_two_workers_give_the_model_and_the_report_of_one_process(tmp_path: Path) -> None:
    dataset = chain(tmp_path)
    told: list[str] = []
    seen: list[int] = []

    def watch(epoch: Any, checkpoint: Any) -> bool:
        seen.append(epoch.number)
        return True

    made = by_workers(dataset, whole=True, told=told.append, watch=watch)
    same(made, in_this_process(dataset, whole=True))
    assert told[0].startswith("2 workers, 2 to 3 stores each; the heaviest has ")
    assert seen == list(range(1, len(made.fitted.history) + 1))
    assert made.notes[-1].startswith("learnt by 2 workers; the heaviest had ")
    assert not dataset.storage.exists("fits") or dataset.storage.names("fits") == []


@pytest.mark.slow
@pytest.mark.long
def test_bytes_may_lie_in_an_object_store(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = chain(tmp_path)
    assert isinstance(folder.storage, FolderStorage)
    options = {"endpoint_url": s3.endpoint, "key": "AKIATEST", "secret": "not-to-be-shown"}
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", json.dumps(options))
    storage = open_storage(f"{s3.url}/chain")
    for path in folder.storage.root.rglob("*"):
        if path.is_file():
            storage.write(str(path.relative_to(folder.storage.root)), path.read_bytes())
    made = by_workers(Dataset.open(storage, folder.tenant))
    same(made, in_this_process(folder))
    assert storage.names("fits") == []


@pytest.mark.slow
def test_what_workers_refuse_comes_out_as_it_was_raised(tmp_path: Path) -> None:
    dataset = chain(tmp_path)
    for file in dataset.manifest.tables["sales"].files:
        (tmp_path / f"tenants/{dataset.tenant}/datasets/data/{file.key}").unlink()
    with pytest.raises(DatasetError, match="no store of shop has a usable history") as refused:
        by_workers(dataset)
    assert "a data file of version 1 is gone" in (refused.value.hint or "")


def test_more_gpus_than_exist_are_refused_with_what_exists(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match=r"2 workers ask for a GPU each, but this Ray has 2 processors and no GPU"):
        by_workers(chain(tmp_path), gpus=True)


def test_more_workers_than_processors_are_refused_with_what_exists(tmp_path: Path) -> None:
    with pytest.raises(SettingRefused, match="4 workers ask for a processor each, but this Ray has 2 processors") as no:
        by_workers(chain(tmp_path), workers=4)
    assert "--workers 2" in (no.value.hint or "")


def test_several_businesses_and_bytes_in_memory_are_refused(tmp_path: Path) -> None:
    dataset = chain(tmp_path)
    with pytest.raises(SettingRefused, match="workers learn from one business, 2 were named"):
        trained_by_workers(find("mlp"), [dataset, dataset], workers=2)
    memory = shop()
    assert isinstance(memory.storage, MemoryStorage)
    with pytest.raises(SettingRefused, match="workers can't read memory"):
        by_workers(memory)
