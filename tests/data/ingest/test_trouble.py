"""When the machine fails: nothing half-written is seen, what was there stays, what was begun is removed."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from invplat.core.errors import DatasetError, InvplatError, SourceError, StorageError, StorageFull
from invplat.data.dataset import versions
from invplat.data.intake import commit
from invplat.data.intake.commit import sweep
from invplat.storage import FolderStorage, ObjectStorage
from tests.data.ingest.shop import Shop

HEADER = "store,sku,date,quantity"
LINES = [f"s{n % 5},{n % 7},2025-01-{1 + n % 28:02d},{n}" for n in range(300)]


@pytest.fixture
def whole(shop: Shop) -> Shop:
    shop.ingest(shop.file("sales_1.csv", HEADER, *LINES, "s1,1,soon,1"))
    return shop


def full(monkeypatch: pytest.MonkeyPatch, when: Any) -> None:
    """A disk that is full for the keys that `when` says."""
    real = FolderStorage._temporary

    def temporary(self: FolderStorage, path: Path, data: bytes, durable: bool = True) -> Path:
        if when(path.as_posix()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(self, path, data, durable)

    monkeypatch.setattr(FolderStorage, "_temporary", temporary)


@pytest.mark.parametrize(
    "where", ["owner.json", "/scratch/", "/sales/s0/", "/sales/s4/", "/quarantine/", "/repairs", "/versions/"]
)
def test_disk_full(whole: Shop, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    before = whole.objects()
    more = whole.file("sales_2.csv", HEADER, *LINES, "s1,1,soon,1", "s1,1,2025-01-01,-1")
    with monkeypatch.context() as patched:
        full(patched, lambda path: where in path)
        for command in (whole.ingest, whole.append):
            with pytest.raises(StorageFull) as refused:
                command(more, budget=2000)
            assert refused.value.exit_code == 1
            assert "no space left" in str(refused.value)
    assert whole.objects() == before
    whole.check()
    assert whole.append(more).manifest.version == 2


def test_disk_full_in_the_temporary_folder(make_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storage spills to this machine's own disk."""
    storage = ObjectStorage("memory://full")
    shop = make_shop("remote", storage)
    path = shop.file("sales.csv", HEADER, *LINES)
    with monkeypatch.context() as patched:
        full(patched, lambda path: "invplat-" in path)
        with pytest.raises(StorageFull):
            shop.ingest(path, budget=2000)
    with monkeypatch.context() as patched:

        def no_room(*_: Any, **__: Any) -> str:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp")

        patched.setattr(tempfile, "mkdtemp", no_room)
        with pytest.raises(StorageFull):
            shop.ingest(path, budget=2000)
    assert storage.names("tenants/shop/datasets/data") == []
    assert versions(storage, "shop") == []
    shop.ingest(path)
    shop.check()
    storage.remove("tenants")


def test_an_interrupt_just_after_the_version_was_made(whole: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is there, so its files must stay: removing them would leave a version that reads wrong."""
    real = FolderStorage.create

    def create(self: FolderStorage, key: str, data: bytes) -> bool:
        real(self, key, data)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(FolderStorage, "create", create)
        with pytest.raises(KeyboardInterrupt):
            whole.ingest(whole.file("sales_2.csv", HEADER, *LINES))
    assert whole.check().version == 2
    assert whole.ingest(whole.root / "sales_1.csv").manifest.version == 3
    assert not [key for key in whole.objects() if "scratch" in key]


def test_an_interrupt_while_a_writing_thread_is_started(whole: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool does not know that thread, which writes on; what it writes must be gone as well."""
    before = whole.objects()
    began = threading.Event()
    start, write = threading.Thread.start, FolderStorage.write

    def interrupted(self: threading.Thread) -> None:
        start(self)
        if self.name.startswith("invplat-write"):
            assert began.wait(60)
            raise KeyboardInterrupt

    def slow(self: FolderStorage, key: str, data: bytes, *, durable: bool = True) -> None:
        if "/sales/" in key:
            began.set()
            time.sleep(0.3)
        write(self, key, data, durable=durable)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        patched.setattr(FolderStorage, "write", slow)
        with pytest.raises(KeyboardInterrupt):
            whole.ingest(whole.file("sales_2.csv", HEADER, *LINES))
        time.sleep(0.5)
    assert whole.objects() == before


def test_trouble_while_tidying_up_after_a_version(whole: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:

        def broken(*_: Any) -> None:
            raise StorageError("the connection broke")

        patched.setattr(commit, "_tidy", broken)
        assert whole.ingest(whole.file("sales_2.csv", HEADER, *LINES), budget=2000).manifest.version == 2
    assert [key for key in whole.objects() if "scratch" in key]
    whole.check()
    _orphan(whole)
    sweep(whole.storage, "shop")
    assert not [key for key in whole.objects() if "scratch" in key]
    whole.check()


def _orphan(shop: Shop, *, pid: int = 2**22 + 1) -> None:
    """As if the process that wrote here had died: no process has this number."""
    for path in shop.storage.root.rglob("owner.json"):
        text = path.read_text()
        if "done" not in text:
            path.write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {pid}'))


def test_a_bad_file_leaves_nothing(whole: Shop) -> None:
    before = whole.objects()
    bad = whole.file("sales_2.csv", HEADER, *LINES[:3])
    bad.write_bytes(bad.read_bytes() + b'"never closed' * 3)
    with pytest.raises(InvplatError):
        whole.ingest(bad, ("stock", whole.file("stock_x.csv", "store,sku", "s,a")))
    assert whole.objects() == before


def test_the_living_are_not_swept(whole: Shop) -> None:
    other = commit.Writer(whole.storage, "shop")
    other.claim()
    whole.storage.write(f"{other.prefix}/sales/s/part-00000.parquet", b"x")
    assert sweep(whole.storage, "shop") == 0
    assert whole.storage.exists(f"{other.prefix}/sales/s/part-00000.parquet")
    _orphan(whole)
    assert sweep(whole.storage, "shop") == 1
    assert whole.storage.names("tenants/shop/datasets/data") == [
        whole.check().manifest.tables["sales"].files[0].key.split("/")[0]
    ]


def test_another_machines_write_and_a_nameless_one_are_left_for_a_while(whole: Shop) -> None:
    keep = set(whole.storage.names("tenants/shop/datasets/data"))
    for write_id, owner in {
        "20250101T000000-elsewhere": b'{"host": "elsewhere", "pid": 1, "since": 4102444800}',
        "20250101T000000-old": b'{"host": "elsewhere", "pid": 1, "since": 0}',
        "20250101T000000-nameless": None,
        "29990101T000000-begun": None,
    }.items():
        prefix = f"tenants/shop/datasets/data/{write_id}"
        whole.storage.write(f"{prefix}/sales/s/part.parquet", b"x")
        if owner:
            whole.storage.write(f"{prefix}/owner.json", owner)
    assert sweep(whole.storage, "shop") == 2
    left = set(whole.storage.names("tenants/shop/datasets/data")) - keep
    assert left == {"20250101T000000-elsewhere", "29990101T000000-begun"}


def test_a_lost_file_and_a_damaged_manifest_are_told(whole: Shop) -> None:
    manifest = whole.dataset().manifest
    whole.storage.remove(f"tenants/shop/datasets/data/{manifest.tables['sales'].files[0].key}")
    with pytest.raises(DatasetError, match="a data file of version 1 is gone"):
        whole.dataset().read("sales")
    key = "tenants/shop/datasets/versions/00000001.json"
    text = whole.storage.read(key)
    for damaged in (text[:100], b"[]", b'{"schema": 1}', text.replace(b'"counts"', b'"count"', 1), b'{"schema": "x"}'):
        whole.storage.write(key, damaged)
        with pytest.raises(DatasetError, match="is not a dataset manifest"):
            whole.dataset()
    whole.storage.write(key, text.replace(b'"schema": 1', b'"schema": 99'))
    with pytest.raises(DatasetError, match="schema 99"):
        whole.dataset()


def test_no_sources(shop: Shop) -> None:
    with pytest.raises(SourceError, match="no files were given"):
        shop.ingest()
