"""One process leads a study: another is refused while it lives, and takes over when it is gone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from invplat.core.errors import Conflict, StorageFull
from invplat.storage import FolderStorage, Storage, open_storage
from invplat.tune import leader as module
from invplat.tune.leader import leading, sign_of
from invplat.tune.record import Record
from tests.tune.studies import plan_of, study

PREFIX = "studies/autumn/drivers"
LEADS = """
import sys, time
from invplat.storage import open_storage
from invplat.tune.leader import leading
with leading(open_storage(sys.argv[1]), "studies/autumn/drivers", "autumn"):
    print("leads", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    where = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3").url
    return open_storage(f"{where}/kept")


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path / "kept")


def rewrite(storage: Storage, number: int = 1, **given: Any) -> None:
    """As if another had written it."""
    key = f"{PREFIX}/{number:06d}.json"
    storage.write(key, json.dumps({**json.loads(storage.read(key)), **given}).encode())


def test_a_second_leader_is_refused_until_the_first_has_ended(storage: Storage) -> None:
    with leading(storage, PREFIX, "autumn"):
        with pytest.raises(Conflict, match="is being run by process") as refused, leading(storage, PREFIX, "autumn"):
            pass
        assert "--resume autumn" in str(refused.value.hint)
    with leading(storage, PREFIX, "autumn"):
        sign = sign_of(storage, PREFIX)
        assert sign is not None
        assert sign.alive
    sign = sign_of(storage, PREFIX)
    assert sign is not None
    assert not sign.alive


def test_a_leader_that_was_killed_is_followed_at_once(folder: FolderStorage) -> None:
    process = subprocess.Popen([sys.executable, "-c", LEADS, folder.url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        assert process.stdout.readline() == "leads\n"
        with pytest.raises(Conflict, match=f"process {process.pid} on "), leading(folder, PREFIX, "autumn"):
            pass
        process.kill()
    with leading(folder, PREFIX, "autumn"):
        pass


def test_a_leader_on_another_machine_is_dead_after_a_long_silence(
    folder: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH", 0.05)
    with leading(folder, PREFIX, "autumn"):
        rewrite(folder, host="elsewhere")
        with pytest.raises(Conflict, match="on elsewhere") as refused, leading(folder, PREFIX, "autumn"):
            pass
        assert "in 60 seconds" in str(refused.value.hint)
        rewrite(folder, host="elsewhere", time=time.time() - 2 * module.SILENT)
        with leading(folder, PREFIX, "autumn"):
            pass


@pytest.mark.parametrize("hours", [-1, 1])
def test_one_whose_clock_is_not_ours_is_alive_as_long_as_it_signs(
    folder: FolderStorage, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    monkeypatch.setattr(module, "WATCH", 0.3)
    with leading(folder, PREFIX, "autumn"):
        pass
    over = threading.Event()

    def sign() -> None:
        while not over.wait(0.02):
            rewrite(folder, host="elsewhere", ended=False, time=time.time() + hours * 3600)

    thread = threading.Thread(target=sign)
    thread.start()
    wait_until(lambda: getattr(sign_of(folder, PREFIX), "host", "") == "elsewhere")
    with pytest.raises(Conflict, match="on elsewhere"), leading(folder, PREFIX, "autumn"):
        pass
    over.set()
    thread.join()
    with leading(folder, PREFIX, "autumn"):  # silent now, whatever its clock said
        pass


def test_one_that_was_taken_over_writes_no_more(folder: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.01)
    record, packs = Record.create(folder, plan_of()), study(4)[0]
    with record.leading():
        record.asked(packs[0])
        first = sign_of(folder, PREFIX)
        assert first is not None
        wait_until(lambda: (sign_of(folder, PREFIX) or first).time > first.time)  # it gives signs of life
        folder.write(f"{PREFIX}/000002.json", folder.read(f"{PREFIX}/000001.json"))
        wait_until(lambda: refused(record, packs[1]))


def test_of_two_at_once_one_leads(folder: FolderStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that nobody does."""
    monkeypatch.setattr(module, "sign_of", lambda *_: None)
    monkeypatch.setattr(module, "_last", lambda *_: 0)
    with leading(folder, PREFIX, "autumn"), pytest.raises(Conflict), leading(folder, PREFIX, "autumn"):
        pass


def test_a_storage_that_is_gone_is_not_blamed_on_the_sign(
    folder: FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageFull("no space left")

    with leading(folder, PREFIX, "autumn"):
        monkeypatch.setattr(folder, "write", full)  # also when it ends, which is silent: others have said it by then


def refused(record: Record, pack: Any) -> bool:
    try:
        record.done(pack, [])
    except Conflict as error:
        return "taken over" in error.message
    return False


def wait_until(true: Any) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")
