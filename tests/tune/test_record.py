"""A study's record, in a folder and on S3: what is written is enough to go on from."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import nan
from pathlib import Path

import pandas as pd
import pytest

from invplat.core.errors import Conflict, NameRefused, SettingRefused, StorageError, StorageFull
from invplat.storage import FolderStorage, Storage, open_storage
from invplat.tune.record import Record, names
from invplat.tune.search import search_of
from invplat.tune.trial import Pack, State
from tests.tune.studies import SPACE, carried_out, ended, plan_of, study, trained


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "folder":
        yield open_storage(str(tmp_path / "kept"))
    else:
        yield open_storage(f"{request.getfixturevalue('s3').url}/kept")


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "kept")


def test_what_is_written_is_read(storage: Storage) -> None:
    record = Record.create(storage, plan_of())
    packs, finished = study(4, late=1)
    for pack in packs:
        record.asked(pack)
    for pack in packs[1:]:
        record.done(pack, [trial for trial in finished if trial.pack == pack.number])
    again = Record.open(storage, "autumn")
    assert again.plan.differences(plan_of()) == []
    assert again.asked_packs() == packs
    ended = sorted((trial for trial in finished if trial.pack), key=lambda trial: trial.number)
    assert again.finished() == ended
    assert names(storage) == ["autumn"]


def test_a_study_goes_on_from_its_record(storage: Storage) -> None:
    whole, _ = study(4)
    record = Record.create(storage, plan_of())
    search = search_of(plan_of(), lambda params: 4)
    for number in range(3):
        pack = search.ask()
        assert isinstance(pack, Pack)
        record.asked(pack)
        if number != 1:  # was cut off
            record.done(pack, trained(pack))
            search.tell(number, trained(pack))
    again = Record.open(storage, "autumn")
    search = search_of(again.plan, lambda params: 4, told=again.finished(), asked=again.asked_packs())
    rest, _ = carried_out(search)
    assert [pack.number for pack in rest] == [1, *range(3, len(whole))]
    assert rest == [whole[1], *whole[3:]]


def test_the_table_is_for_pandas(storage: Storage) -> None:
    record = Record.create(storage, plan_of(metrics=("pinball", "size")))
    packs, _ = study(4)
    for pack in packs[:2]:
        record.asked(pack)
        record.done(pack, [replace(end, values={"pinball": end.loss, "size": 8.0}) for end in trained(pack)])
    lost = packs[2].trials[0]
    away = {"state": State.DIVERGED, "why": "loss was not finite", "validation": (0.5, nan), "values": {"size": nan}}
    record.done(packs[2], [ended(lost, 2, None, **away)])  # type: ignore[arg-type]
    frame = pd.read_parquet(io.BytesIO(storage.read(record.write_table())))
    assert list(frame.number) == list(range(5))
    assert list(frame.columns[5:11]) == [
        *(f"params.{name}" for name in SPACE.dimensions),
        "values.pinball",
        "values.size",
    ]
    assert frame["params.hidden"].dtype == "int64"
    assert frame["values.pinball"][0] == record.finished()[0].loss
    assert list(frame.state) == ["done"] * 4 + ["diverged"]
    assert frame.iloc[4][["loss", "values.pinball", "values.size"]].isna().all()
    assert frame.iloc[4]["why"] == "loss was not finite"
    assert list(frame["validation"][4])[:1] == [0.5]
    assert frame["finished_at"][0] == pd.Timestamp(1_700_000_000.25, unit="s", tz="UTC")
    assert list(frame.epochs) == [3, 3, 3, 3, 0]


def test_a_table_of_nothing_opens_too(folder: FolderStorage) -> None:
    record = Record.create(folder, plan_of())
    frame = pd.read_parquet(io.BytesIO(folder.read(record.write_table())))
    assert len(frame) == 0
    assert "params.rate" in frame.columns


def test_of_two_studies_with_one_name_one_is_refused(storage: Storage) -> None:
    def create(_: int) -> str | None:
        try:
            Record.create(storage, plan_of())
        except Conflict as refused:
            return refused.hint
        return None

    with ThreadPoolExecutor(4) as pool:
        hints = list(pool.map(create, range(4)))
    assert hints.count(None) == 1
    assert all(hint is None or "--resume autumn" in hint for hint in hints)


def test_a_study_that_is_not_there(folder: FolderStorage) -> None:
    with pytest.raises(SettingRefused, match="no study autum") as refused:
        Record.open(folder, "autum")
    assert "begin one" in str(refused.value.hint)
    Record.create(folder, plan_of())
    with pytest.raises(SettingRefused) as refused:
        Record.open(folder, "autum")
    assert "did you mean autumn" in str(refused.value.hint)
    with pytest.raises(NameRefused):
        Record.open(folder, "../autumn")


def test_another_pack_of_a_number_is_refused(folder: FolderStorage) -> None:
    record = Record.create(folder, plan_of())
    pack = study(4)[0][0]
    record.asked(pack)
    record.asked(pack)  # when a study goes on
    with pytest.raises(Conflict, match="pack 0"):
        record.asked(replace(pack, trials=pack.trials[:1]))


def test_a_full_disk_leaves_what_was_there(folder: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record.create(folder, plan_of())
    pack = study(4)[0][0]
    record.asked(pack)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(StorageFull, match="no space left"):
            record.done(pack, trained(pack))
    assert Record.open(folder, "autumn").finished() == []
    record.done(pack, trained(pack))
    assert Record.open(folder, "autumn").finished() == trained(pack)


def test_a_damaged_file_is_named(folder: FolderStorage) -> None:
    record = Record.create(folder, plan_of())
    record.done(study(4)[0][0], [])
    folder.write("studies/autumn/packs/000000.done.json", b'[{"number": 1}]')
    with pytest.raises(StorageError, match=r"000000\.done\.json is damaged"):
        record.finished()
    folder.write("studies/autumn/study.json", b"[")
    with pytest.raises(StorageError, match=r"study\.json is damaged"):
        Record.open(folder, "autumn")


def test_nothing_kept_is_a_pickle(folder: FolderStorage) -> None:
    record = Record.create(folder, plan_of())
    pack = study(4)[0][0]
    with record.leading():
        record.asked(pack)
        record.done(pack, trained(pack))
    files = [path for path in folder.root.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert all(json.loads(path.read_bytes()) for path in files)
