"""Models are numbered, numbers are given once, and unfinished ones are not seen."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from invplat.core.errors import BundleRefused, NameRefused
from invplat.registry.bundle import DOCUMENTS, Bundle, packed
from invplat.registry.models import keep, names, newest, open_bundle, reference, resolve, summary, versions
from invplat.storage import Storage, open_storage

SHOP = "corner-shop"


@pytest.fixture(params=["folder", "memory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    if request.param == "s3":
        yield open_storage(f"{request.getfixturevalue('s3').url}/models")
        return
    kept = open_storage(str(tmp_path / "here") if request.param == "folder" else "memory://models")
    yield kept
    kept.remove("tenants")


def made(number: float) -> Bundle:
    documents = {**{name: {} for name in DOCUMENTS}, "metrics": {"number": number}}
    return Bundle("mlp", documents, packed({"weight": torch.full((3,), float(number))}))


def test_versions_count_from_one_and_the_newest_is_opened(storage: Storage) -> None:
    assert [keep(storage, SHOP, "base", made(number)) for number in (1, 2, 3)] == [1, 2, 3]
    assert keep(storage, SHOP, "other", made(9)) == 1
    assert names(storage, SHOP) == ["base", "other"]
    assert versions(storage, SHOP, "base") == [1, 2, 3]
    assert open_bundle(storage, SHOP, "base") == made(3)
    assert open_bundle(storage, SHOP, "base", 2) == made(2)
    found = summary(storage, SHOP, "base", 1)
    assert (found.version, found.workload, found.documents["metrics"]) == (1, "mlp", {"number": 1})
    assert found.size > len(made(1).weights)


def test_a_tenant_sees_its_own_only(storage: Storage) -> None:
    keep(storage, SHOP, "base", made(1))
    assert names(storage, "another") == []
    with pytest.raises(BundleRefused, match="another has no model 'base'"):
        open_bundle(storage, "another", "base")


def test_two_writers_never_share_a_number(storage: Storage) -> None:
    numbers = range(8)
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda number: keep(storage, SHOP, "base", made(number)), numbers))
    assert sorted(given) == list(range(1, 9))
    for number, version in zip(numbers, given, strict=True):
        assert open_bundle(storage, SHOP, "base", version) == made(number), "a loser touched the winner's files"


def test_what_was_not_finished_is_not_there(storage: Storage) -> None:
    keep(storage, SHOP, "base", made(1))
    storage.write(f"tenants/{SHOP}/models/base/00000002/weights-of-a-killed-writer.safetensors", b"half")
    storage.write(f"tenants/{SHOP}/models/draft/00000001/weights-of-a-killed-writer.safetensors", b"half")
    storage.write(f"tenants/{SHOP}/models/Left Behind/notes.txt", b"somebody's")
    assert names(storage, SHOP) == ["base"]
    assert (versions(storage, SHOP, "base"), newest(storage, SHOP, "base")) == ([1], 1)
    assert keep(storage, SHOP, "base", made(2)) == 2
    assert open_bundle(storage, SHOP, "base") == made(2)


def test_what_is_not_there_is_said_with_what_is(tmp_path: Path) -> None:
    kept = open_storage(str(tmp_path))
    with pytest.raises(BundleRefused) as told:
        resolve(kept, SHOP, "base")
    assert "invplat train" in str(told.value.hint)
    keep(kept, SHOP, "base", made(1))
    with pytest.raises(BundleRefused) as told:
        resolve(kept, SHOP, "bass")
    assert "did you mean base?" in str(told.value.hint)
    with pytest.raises(BundleRefused, match="no version 7") as told:
        resolve(kept, SHOP, "base", 7)
    assert "there are 1" in str(told.value.hint)


def test_names_that_could_leave_their_folder_are_refused(tmp_path: Path) -> None:
    kept = open_storage(str(tmp_path))
    for name in ("", "..", "a/b", "Base", "x" * 64):
        with pytest.raises(NameRefused, match="model name"):
            keep(kept, SHOP, name, made(1))
    with pytest.raises(NameRefused, match="tenant name"):
        keep(kept, "../other", "base", made(1))


def test_references_are_read_as_people_write_them() -> None:
    assert reference("base") == ("base", None)
    assert reference("base@12") == ("base", 12)
    for text in ("base@", "base@0", "base@-1", "base@x", "base@1@2", "@1"):
        with pytest.raises(NameRefused):
            reference(text)
