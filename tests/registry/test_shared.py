"""What bundles have alike is kept once, needs nobody's bundle to be there, and is refused where it was spoilt."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from invplat.core.errors import BundleRefused, StorageError
from invplat.registry import shared
from invplat.registry.bundle import SEAL, Bundle, load, packed, read_seal, save
from invplat.storage import FolderStorage, Storage, open_storage
from tests.registry.made import apart, bundle
from tests.registry.test_bundle import Dying, pickled_weights

pytestmark = pytest.mark.usefixtures("fresh")
DAY = 24 * 3600


@pytest.fixture(params=["folder", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "s3":
        yield open_storage(f"{request.getfixturevalue('s3').url}/here")
        return
    kept = open_storage(str(tmp_path / "here") if request.param == "folder" else "memory://apart")
    yield kept
    for name in ("models", shared.FOLDER):
        kept.remove(name)


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    kept = FolderStorage(tmp_path)
    save(kept, "models/one", apart(1))
    return kept


def file(storage: FolderStorage) -> Path:
    (path,) = storage.path(shared.FOLDER).iterdir()
    return path


def test_what_is_alike_is_there_once(storage: Storage) -> None:
    for number in range(3):
        save(storage, f"models/{number}", apart(number))
    save(storage, "models/other", apart(9, trunk=1))
    assert len(storage.names(shared.FOLDER)) == 2
    for number in range(3):
        found = load(storage, f"models/{number}")
        assert found == apart(number)
        assert found.tensors["weight"].tolist() == [number] * 3
        assert found.tensors["trunk"].tolist() == [0.0] * 300
    assert load(storage, "models/other").tensors["trunk"].tolist() == [1.0] * 300


def test_a_seal_names_it_and_counts_its_own_bytes_only(folder: FolderStorage) -> None:
    seal = read_seal(folder, "models/one")
    assert seal.shared is not None
    assert (seal.schema, seal.shared.size) == (2, file(folder).stat().st_size)
    own = [path for path in folder.path("models/one").iterdir() if path.name != SEAL]
    assert seal.size == sum(path.stat().st_size for path in own) < 1000
    assert file(folder).stem == seal.shared.hash


def test_what_shares_nothing_is_as_it_was(tmp_path: Path) -> None:
    """So that an older invplat can read it."""
    kept = FolderStorage(tmp_path)
    save(kept, "models/one", bundle(1))
    raw = json.loads(kept.read(f"models/one/{SEAL}"))
    assert (raw["schema"], sorted(raw["files"])) == (1, ["documents", "weights"])
    assert kept.names(shared.FOLDER) == []


def test_whoever_changes_a_tensor_changes_it_for_nobody_else(folder: FolderStorage) -> None:
    first = load(folder, "models/one")
    for value in first.tensors.values():
        value.fill_(7.0)
    assert load(folder, "models/one").tensors["trunk"].tolist() == [0.0] * 300
    assert first.tensors["trunk"].tolist() == [0.0] * 300


def test_it_is_read_once_a_process(tmp_path: Path) -> None:
    read: list[str] = []

    class Watched(FolderStorage):
        def read(self, key: str) -> bytes:
            read.append(key)
            return super().read(key)

    kept = Watched(tmp_path)
    for number in range(20):
        save(kept, f"models/{number}", apart(number))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: load(kept, f"models/{number}"), range(20)))
    assert [one.tensors["weight"][0].item() for one in found] == list(range(20))
    assert len([key for key in read if key.startswith(shared.FOLDER)]) == 1
    for trunk in range(shared.HELD + 5):  # what is held is bounded
        save(kept, f"models/trunk-{trunk}", apart(0, trunk=trunk + 1))
        load(kept, f"models/trunk-{trunk}")
    assert len(shared._held) == shared.HELD


def test_two_storages_are_apart(folder: FolderStorage, tmp_path: Path) -> None:
    other = FolderStorage(tmp_path / "other")
    save(other, "models/one", apart(1))
    load(other, "models/one")
    file(folder).unlink()
    with pytest.raises(BundleRefused, match="missing"):
        load(folder, "models/one")


def test_one_that_is_missing_cut_off_or_altered_is_refused(folder: FolderStorage) -> None:
    path = file(folder)
    whole = path.read_bytes()
    path.unlink()
    with pytest.raises(BundleRefused, match=f"{path.name} is missing from its bundle"):
        load(folder, "models/one")
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleRefused, match="cut off"):
            load(folder, "models/one")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BundleRefused, match="altered"):
        load(folder, "models/one")
    path.write_bytes(whole)
    load(folder, "models/one")


def test_pickle_is_refused_there_too(tmp_path: Path, folder: FolderStorage) -> None:
    for name, data in pickled_weights(tmp_path).items():
        place = f"models/{name.replace(' ', '-')}"
        save(folder, place, replace(bundle(1), shared=data))
        with pytest.raises(BundleRefused, match="made of pickle"):
            load(folder, place)
    path = folder.path(f"models/one/{SEAL}")
    raw = json.loads(path.read_text())
    for name, told in (("trunk.pt", "made of pickle"), ("../models/x", "does not say what a bundle consists of")):
        raw["files"]["shared"]["name"] = name
        path.write_text(json.dumps(raw))
        with pytest.raises(BundleRefused, match=told):
            load(folder, "models/one")


def test_a_tensor_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    kept = FolderStorage(tmp_path)
    save(kept, "models/one", replace(bundle(1), shared=packed({"weight": torch.zeros(3)})))
    with pytest.raises(BundleRefused, match="weight is there twice"):
        _ = load(kept, "models/one").tensors


def test_a_save_that_dies_anywhere_leaves_at_most_what_nobody_names(tmp_path: Path) -> None:
    deaths = 0
    while True:
        storage = Dying(tmp_path / str(deaths), deaths)
        try:
            save(storage, "models/one", apart(1))
        except KeyboardInterrupt:
            with pytest.raises(BundleRefused):
                load(storage, "models/one")
            storage.left = 9
            save(storage, "models/one", apart(1))
            assert load(storage, "models/one") == apart(1)
            assert len(storage.names(shared.FOLDER)) == 1
            deaths += 1
            continue
        break
    assert deaths == 4, "such a save writes four files"


def test_many_writers_at_once(storage: Storage) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: save(storage, f"models/{number}", apart(number)), range(16)))
    assert len(storage.names(shared.FOLDER)) == 1
    assert all(load(storage, f"models/{number}") == apart(number) for number in range(16))


def test_what_is_young_is_not_written_again_what_is_old_is(folder: FolderStorage) -> None:
    path = file(folder)
    before = path.stat().st_ino
    save(folder, "models/two", apart(2))
    assert path.stat().st_ino == before
    old = time.time() - DAY
    os.utime(path, (old, old))
    save(folder, "models/three", apart(3))
    assert time.time() - path.stat().st_mtime < DAY / 2, "nobody takes it for forgotten while it is being sealed"


def test_one_that_was_cut_off_is_mended_by_the_next_who_has_it(folder: FolderStorage) -> None:
    file(folder).write_bytes(b"half")
    save(folder, "models/two", apart(2))
    assert load(folder, "models/one") == apart(1)


def test_one_that_is_swept_while_it_is_sealed_is_there_again(tmp_path: Path) -> None:
    class Swept(FolderStorage):
        def create(self, key: str, data: bytes) -> bool:
            self.remove(shared.FOLDER)
            return super().create(key, data)

    kept = Swept(tmp_path)
    save(kept, "models/one", apart(1))
    assert load(kept, "models/one") == apart(1)


def test_a_storage_that_goes_away_is_nobody_s_lock(folder: FolderStorage) -> None:
    class Away(FolderStorage):
        def read(self, key: str) -> bytes:
            if key.startswith(shared.FOLDER):
                raise StorageError("it is away")
            return super().read(key)

    with pytest.raises(StorageError):
        load(Away(folder.root), "models/one")
    found: list[Bundle] = []
    thread = threading.Thread(target=lambda: found.append(load(folder, "models/one")), daemon=True)
    thread.start()
    thread.join(30)
    assert found == [apart(1)]
