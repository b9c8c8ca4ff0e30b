"""One contract, three stores: a folder, memory:// and S3 over real HTTP."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from invplat.core.errors import MissingExtra, SettingRefused, StorageError, StorageFull
from invplat.core.names import folder
from invplat.storage import FolderStorage, ObjectStorage, Storage, open_storage


@pytest.fixture(params=["folder", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "folder":
        yield open_storage(str(tmp_path / "here"))
    elif request.param == "memory":
        kept = open_storage("memory://contract")
        yield kept
        kept.remove("a")
    else:
        yield open_storage(f"{request.getfixturevalue('s3').url}/here")


def test_written_is_read(storage: Storage) -> None:
    storage.write("a/b/c.bin", b"\x00one")
    storage.write("a/b/c.bin", b"two", durable=False)
    storage.settle()
    assert storage.read("a/b/c.bin") == b"two"
    with storage.open("a/b/c.bin") as stream:
        assert stream.read() == b"two"
    assert storage.exists("a/b/c.bin")
    assert not storage.exists("a/b/d.bin")


def test_a_glance_tells_size_and_age(storage: Storage) -> None:
    before = time.time()
    storage.write("a/b/c.bin", b"three")
    found = storage.glance("a/b/c.bin")
    assert found is not None
    assert found.size == 5
    assert found.age is not None
    assert -2 < found.age < time.time() - before + 2  # a store may count in whole seconds
    storage.write("a/b/c.bin", b"longer")
    again = storage.glance("a/b/c.bin")
    assert again is not None
    assert again.size == 6
    assert storage.glance("a/b/d.bin") is None
    assert storage.glance("a/none/d.bin") is None


def test_what_is_not_there(storage: Storage) -> None:
    with pytest.raises(FileNotFoundError):
        storage.read("a/none")
    assert storage.names("a/none") == []
    storage.remove("a/none")


def test_names_are_those_directly_below(storage: Storage) -> None:
    for key in ("a/x/1", "a/x/2", "a/y", "a/xy/3"):
        storage.write(key, b"-")
    assert storage.names("a") == ["x", "xy", "y"]
    assert storage.names("a/x") == ["1", "2"]


def test_remove_takes_the_prefix_and_nothing_else(storage: Storage) -> None:
    for key in ("a/x/1", "a/x/deep/2", "a/xy/3", "a/z"):
        storage.write(key, b"-")
    storage.remove("a/x")
    assert storage.names("a") == ["xy", "z"]
    storage.remove("a/z")
    assert storage.names("a") == ["xy"]
    storage.write("a/x/1", b"again")
    assert storage.read("a/x/1") == b"again"


def test_create_only_where_nothing_is(storage: Storage) -> None:
    assert storage.create("a/v1", b"first")
    assert not storage.create("a/v1", b"second")
    assert storage.read("a/v1") == b"first"


def test_of_many_creators_exactly_one_wins(storage: Storage) -> None:
    for attempt in range(5):
        with ThreadPoolExecutor(8) as pool:
            mine = list(pool.map(lambda n, key=f"a/v{attempt}": (storage.create(key, b"%d" % n), n), range(8)))
        (winner,) = [n for won, n in mine if won]
        assert storage.read(f"a/v{attempt}") == b"%d" % winner
    assert storage.names("a") == [f"v{attempt}" for attempt in range(5)]  # nothing of the losers is left


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "..", ".hidden", "A B+C", "ü€", "🛒" * 60, "100%", "a?b*c[d]#e&f=g", "~", "\\", "'\""]
)
def test_any_name_as_a_folder(storage: Storage, name: str) -> None:
    key = f"a/{folder(name)}/part"
    storage.write(key, name.encode())
    assert storage.read(key) == name.encode()
    assert storage.names("a") == [folder(name)]
    storage.remove(f"a/{folder(name)}")
    assert storage.names("a") == []


def test_two_removers_at_once(storage: Storage) -> None:
    for number in range(60):
        storage.write(f"a/x/{number % 7}/{number}", b"-")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(storage.remove, ["a/x"] * 4))
    assert storage.names("a/x") == []


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/"])
def test_a_folder_never_leaves_its_root(tmp_path: Path, key: str) -> None:
    storage = FolderStorage(tmp_path / "here")
    for act in (storage.read, storage.remove, storage.names, lambda key: storage.write(key, b"")):
        with pytest.raises(StorageError, match="not a plain relative path"):
            act(key)
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_breaks_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FolderStorage(tmp_path)
    storage.write("a", b"before")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for act in (storage.write, storage.create):
        with pytest.raises(StorageFull, match="no space left while writing"):
            act("a", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert storage.read("a") == b"before"


def test_other_trouble_keeps_its_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="file/x: File exists"):
        FolderStorage(tmp_path).write("file/x", b"")


def test_an_unreachable_store_is_no_mistake_of_ours(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = '{"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 0}}}'
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", quick)
    type(s3.files).clear_instance_cache()
    storage = open_storage(s3.url)
    acts = (storage.read, storage.exists, storage.names, storage.remove, lambda key: storage.write(key, b""))
    for act in (*acts, lambda key: storage.create(key, b"")):
        with pytest.raises(StorageError) as refused:
            act("a/b")
        assert "not-to-be-shown" not in str(refused.value)


def test_options_and_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", "[1]")
    with pytest.raises(SettingRefused, match="not a JSON object"):
        open_storage("memory://x")
    monkeypatch.delenv("INVPLAT_STORAGE_OPTIONS")
    with pytest.raises(SettingRefused, match="no way to open quux://"):
        open_storage("quux://x")
    with pytest.raises(MissingExtra) as missing:
        open_storage("abfs://x/y")
    assert "abfs" in str(missing.value)


def test_file_urls_are_folders(tmp_path: Path) -> None:
    storage = open_storage(f"file://{tmp_path}")
    assert isinstance(storage, FolderStorage)
    assert not isinstance(storage, ObjectStorage)
    storage.write("a", b"-")
    assert (tmp_path / "a").read_bytes() == b"-"
