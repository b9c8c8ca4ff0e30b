"""A bundle is there whole or not at all; what was cut off, altered, is newer or made of pickle is refused."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invplat.core.errors import BundleRefused, Conflict
from invplat.registry.bundle import DOCUMENTS, SCHEMA, SEAL, Bundle, load, packed, read_documents, read_seal, save
from invplat.storage import FolderStorage, Storage, open_storage

PLACE = "models/one"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def made(**documents: Any) -> Bundle:
    tensors = {"a.weight": torch.arange(6.0).reshape(2, 3), "rate": torch.tensor(0.5), "ids": torch.arange(3)}
    return Bundle("mlp", {**{name: {} for name in DOCUMENTS}, "params": {"hidden": 32}, **documents}, packed(tensors))


@pytest.fixture(params=["folder", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    kept = open_storage(str(tmp_path / "here") if request.param == "folder" else "memory://bundles")
    yield kept
    kept.remove("models")


@pytest.fixture
def folder(tmp_path: Path) -> FolderStorage:
    """Storage with one bundle in it, and its files at hand."""
    kept = FolderStorage(tmp_path)
    save(kept, PLACE, made())
    return kept


def file(storage: FolderStorage, role: str) -> Path:
    name = SEAL if role == "seal" else read_seal(storage, PLACE).files[role].name
    return storage.path(f"{PLACE}/{name}")


def test_what_was_saved_is_loaded(storage: Storage) -> None:
    bundle = made(metrics={"rmse": 1.25, "by": {"store": [1, None, "ü"]}})
    save(storage, PLACE, bundle)
    found = load(storage, PLACE)
    assert found == bundle
    assert torch.equal(found.tensors["a.weight"], torch.arange(6.0).reshape(2, 3))
    assert read_documents(storage, PLACE, read_seal(storage, PLACE)) == bundle.documents


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), VALUES, max_size=3))
def test_every_json_survives(tmp_path: Path, document: dict[str, Any]) -> None:
    kept = FolderStorage(tmp_path)
    kept.remove(PLACE)
    save(kept, PLACE, made(lineage=document))
    assert load(kept, PLACE).documents["lineage"] == document


def test_the_same_tensors_give_the_same_bytes() -> None:
    shared = torch.arange(12.0).reshape(3, 4)
    one = packed({"a": shared.T, "b": shared[0]})
    assert one == packed({"a": shared.T.contiguous(), "b": shared[0].clone()})


def test_a_second_writer_changes_nothing(storage: Storage) -> None:
    save(storage, PLACE, made())
    before = {name: storage.read(f"{PLACE}/{name}") for name in storage.names(PLACE)}
    with pytest.raises(Conflict):
        save(storage, PLACE, made(metrics={"rmse": 2.0}))
    assert {name: storage.read(f"{PLACE}/{name}") for name in storage.names(PLACE)} == before


def test_without_its_last_file_it_does_not_exist(folder: FolderStorage) -> None:
    file(folder, "seal").unlink()
    with pytest.raises(BundleRefused, match="never finished"):
        load(folder, PLACE)
    with pytest.raises(BundleRefused, match="there is no bundle"):
        load(folder, "models/none")


class Dying(FolderStorage):
    """A machine that goes down at one of the writes of a save."""

    def __init__(self, root: Path, after: int) -> None:
        super().__init__(root)
        self.left = after

    def write(self, key: str, data: bytes, *, durable: bool = True) -> None:
        self.tick()
        super().write(key, data, durable=durable)

    def create(self, key: str, data: bytes) -> bool:
        self.tick()
        return super().create(key, data)

    def tick(self) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1


def test_a_save_that_dies_anywhere_leaves_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    deaths = 0
    while True:
        storage = Dying(tmp_path / str(deaths), deaths)
        try:
            save(storage, PLACE, made())
        except KeyboardInterrupt:
            with pytest.raises(BundleRefused):
                load(storage, PLACE)
            storage.left = 9
            save(storage, PLACE, made())
            assert load(storage, PLACE) == made()
            deaths += 1
            continue
        break
    assert deaths == 3, "a save writes three files"


@pytest.mark.parametrize("role", ["documents", "weights"])
def test_a_missing_file_is_named(folder: FolderStorage, role: str) -> None:
    path = file(folder, role)
    path.unlink()
    with pytest.raises(BundleRefused, match=f"{path.name} is missing"):
        load(folder, PLACE)


@pytest.mark.parametrize("role", ["documents", "weights", "seal"])
def test_a_file_cut_off_anywhere_is_refused(folder: FolderStorage, role: str) -> None:
    path = file(folder, role)
    whole = path.read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(BundleRefused):
            load(folder, PLACE)
    path.write_bytes(whole)
    load(folder, PLACE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(role=st.sampled_from(["documents", "weights"]), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_bit_altered_is_refused(folder: FolderStorage, role: str, where: float, bit: int) -> None:
    path = file(folder, role)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[int(where * len(whole))] ^= 1 << bit
    path.write_bytes(changed)
    with pytest.raises(BundleRefused, match="altered"):
        load(folder, PLACE)
    path.write_bytes(whole)


def test_a_newer_schema_asks_for_an_upgrade(folder: FolderStorage) -> None:
    path = file(folder, "seal")
    path.write_text(json.dumps({"schema": SCHEMA + 1, "what": "nobody knows yet"}))
    with pytest.raises(BundleRefused, match=f"schema {SCHEMA + 1}") as told:
        load(folder, PLACE)
    assert "upgrade" in str(told.value.hint)


def test_a_seal_of_another_workload_is_refused(folder: FolderStorage) -> None:
    path = file(folder, "seal")
    path.write_text(path.read_text().replace('"mlp"', '"lstm"'))
    with pytest.raises(BundleRefused, match="sealed as lstm"):
        load(folder, PLACE)


def pickled_weights(tmp_path: Path) -> dict[str, bytes]:
    torch.save({"a": torch.zeros(2)}, tmp_path / "zip.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather not write this form any more
        torch.save({"a": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    found = {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}
    return found | {f"protocol {number}": pickle.dumps({"a": [1.0]}, protocol=number) for number in (2, 3, 4, 5)}


def test_weights_made_of_pickle_are_refused(tmp_path: Path) -> None:
    kept = FolderStorage(tmp_path / "kept")
    for name, data in pickled_weights(tmp_path).items():
        place = f"models/{name.replace(' ', '-')}"
        save(kept, place, replace(made(), weights=data))
        with pytest.raises(BundleRefused, match="made of pickle"):
            load(kept, place)


def test_a_pickle_among_the_files_is_refused_unread(tmp_path: Path, folder: FolderStorage) -> None:
    folder.write("models/old/weights.pt", b"anything")
    with pytest.raises(BundleRefused, match=r"weights\.pt, which is made of pickle"):
        load(folder, "models/old")
    path = file(folder, "seal")
    raw = json.loads(path.read_text())
    raw["files"]["weights"]["name"] = "weights.pt"  # which isn't there: it is not even looked for
    path.write_text(json.dumps(raw))
    with pytest.raises(BundleRefused, match="made of pickle"):
        load(folder, PLACE)
    path.write_bytes(pickle.dumps(raw))
    with pytest.raises(BundleRefused, match="made of pickle"):
        load(folder, PLACE)


def test_a_seal_names_only_files_beside_it(folder: FolderStorage) -> None:
    path = file(folder, "seal")
    raw = json.loads(path.read_text())
    raw["files"]["weights"]["name"] = "../../secrets"
    path.write_text(json.dumps(raw))
    with pytest.raises(BundleRefused, match="does not say what a bundle consists of"):
        load(folder, PLACE)


def test_a_header_that_begins_like_a_pickle_is_taken(tmp_path: Path) -> None:
    """640 bytes of header: 80 02, as the second pickle protocol begins."""
    kept = FolderStorage(tmp_path)
    for letters in range(1, 700):
        weights = packed({"w" * letters: torch.zeros(1)})
        if weights.startswith(b"\x80\x02"):
            save(kept, PLACE, replace(made(), weights=weights))
            assert load(kept, PLACE).weights == weights
            return
    raise AssertionError("no name was long enough")


def test_weights_that_are_nothing_known_are_refused(tmp_path: Path) -> None:
    kept = FolderStorage(tmp_path)
    save(kept, PLACE, replace(made(), weights=b"not tensors at all"))
    with pytest.raises(BundleRefused, match="no safetensors"):
        load(kept, PLACE)


def test_what_is_no_json_or_incomplete_is_not_saved(tmp_path: Path) -> None:
    kept = FolderStorage(tmp_path)
    for bundle in (made(metrics={"r2": float("nan")}), made(metrics={"when": object()})):
        with pytest.raises(BundleRefused, match="not JSON"):
            save(kept, PLACE, bundle)
    with pytest.raises(BundleRefused, match="without spec"):
        save(kept, PLACE, Bundle("mlp", {}, b""))
    assert kept.names(PLACE) == []
