"""A bundle: one trained model as bytes: documents as JSON, tensors as safetensors, never pickle.

Three objects under a prefix: the documents, the tensors, and bundle.json, written last, which names the other two with
the hash of each. So a bundle is there whole or not at all, and what was altered since is refused. Knows no nets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_128_hexdigest

from invplat.core.errors import BundleRefused, Conflict, InvplatError
from invplat.storage import Storage

if TYPE_CHECKING:
    import torch

SCHEMA = 1
SEAL = "bundle.json"
DOCUMENTS = ("spec", "params", "layout", "preparation", "lineage", "metrics", "input_schema")
ROLES = ("documents", "weights")
PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")
NEVER = "invplat reads safetensors and JSON only, as unpickling runs whatever the file says; train or export it again"


@dataclass(frozen=True)
class Bundle:
    workload: str
    documents: Mapping[str, Mapping[str, Any]]  # by DOCUMENTS; JSON
    weights: bytes  # safetensors

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load as unpacked

        try:
            found: dict[str, torch.Tensor] = unpacked(self.weights)
        except (SafetensorError, ValueError) as error:
            raise BundleRefused(
                f"{len(self.weights):,} bytes are no safetensors: {error}", hint="use another version of the model"
            ) from error
        return found


@dataclass(frozen=True)
class File:
    name: str
    size: int  # bytes
    hash: str


@dataclass(frozen=True)
class Seal:
    """What bundle.json says."""

    workload: str
    files: Mapping[str, File]  # by ROLES
    schema: int = SCHEMA

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    def to_json(self) -> bytes:
        files = {role: {"name": file.name, "bytes": file.size, "xxh3": file.hash} for role, file in self.files.items()}
        return _json({"schema": self.schema, "workload": self.workload, "files": files})


def packed(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Tensors as safetensors; the same tensors give the same bytes."""
    from safetensors.torch import save as pack

    apart = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    found: bytes = pack(apart)
    return found


def save(storage: Storage, prefix: str, bundle: Bundle) -> None:
    """Whole or not at all. Where a bundle is already, that one stays and this raises Conflict."""
    missing = [name for name in DOCUMENTS if name not in bundle.documents]
    if missing:
        raise BundleRefused(f"a bundle without {', '.join(missing)}", hint=f"it has {', '.join(DOCUMENTS)}")
    parts = {"documents": _json({"workload": bundle.workload, **bundle.documents}), "weights": bundle.weights}
    endings = {"documents": "json", "weights": "safetensors"}
    files: dict[str, File] = {}
    try:
        for role, data in parts.items():
            digest = xxh3_128_hexdigest(data)
            # Named by content: a second writer of the same prefix can't touch what the first has written.
            files[role] = File(f"{role}-{digest[:16]}.{endings[role]}", len(data), digest)
            storage.write(f"{prefix}/{files[role].name}", data)
        if storage.create(f"{prefix}/{SEAL}", Seal(bundle.workload, files).to_json()):
            return
    except InvplatError:
        with suppress(InvplatError, OSError):  # the first trouble is the one to tell
            _unmade(storage, prefix, files.values())
        raise
    _unmade(storage, prefix, files.values())
    raise Conflict(f"there is a bundle at {prefix} already", hint="bundles never change: keep it as a new version")


def _unmade(storage: Storage, prefix: str, files: Iterable[File]) -> None:
    """Without what was written of a bundle that is not to be, save what belongs to another's."""
    kept = set()
    if storage.exists(f"{prefix}/{SEAL}"):
        kept = {file.name for file in read_seal(storage, prefix).files.values()}
    for file in files:
        if file.name not in kept:
            storage.remove(f"{prefix}/{file.name}")


def load(storage: Storage, prefix: str) -> Bundle:
    seal = read_seal(storage, prefix)
    documents = read_documents(storage, prefix, seal)
    weights = _read(storage, prefix, seal.files["weights"])
    if _pickled(weights):
        raise BundleRefused(f"the weights at {prefix} are made of pickle", hint=NEVER)
    bundle = Bundle(seal.workload, documents, weights)
    _ = bundle.tensors  # refuses what is no safetensors
    return bundle


def read_seal(storage: Storage, prefix: str) -> Seal:
    key = f"{prefix}/{SEAL}"
    try:
        data = storage.read(key)
    except FileNotFoundError as error:
        raise _absent(storage, prefix) from error
    if _pickled(data):
        raise BundleRefused(f"{key} is made of pickle", hint=NEVER)
    try:
        raw = json.loads(data)
        schema = int(raw["schema"])
        if schema <= SCHEMA:
            files = {role: _file(raw["files"][role]) for role in ROLES}
            return Seal(str(raw["workload"]), files, schema)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleRefused(
            f"{key} does not say what a bundle consists of: {error!r}", hint="the file was damaged; use another version"
        ) from error
    raise BundleRefused(f"{key} has schema {schema}, this invplat knows {SCHEMA}", hint="upgrade invplat to read it")


def read_documents(storage: Storage, prefix: str, seal: Seal) -> dict[str, dict[str, Any]]:
    """The documents alone: what a list of models needs."""
    data = _read(storage, prefix, seal.files["documents"])
    try:
        raw = json.loads(data)
        if raw["workload"] == seal.workload:
            return {name: dict(raw[name]) for name in DOCUMENTS}
    except (ValueError, KeyError, TypeError) as error:
        raise BundleRefused(
            f"the documents at {prefix} can't be read: {error!r}", hint="use another version of the model"
        ) from error
    raise BundleRefused(
        f"{prefix} is sealed as {seal.workload}, its documents are of {raw['workload']}",
        hint="bundle.json was altered; use another version of the model",
    )


def _file(raw: Mapping[str, Any]) -> File:
    name = str(raw["name"])
    if name.endswith(PICKLES):
        raise BundleRefused(f"{name} is made of pickle", hint=NEVER)
    if not PLAIN.fullmatch(name):
        raise ValueError(f"{name!r} is no file beside it")
    return File(name, int(raw["bytes"]), str(raw["xxh3"]))


def _read(storage: Storage, prefix: str, file: File) -> bytes:
    key = f"{prefix}/{file.name}"
    again = "restore it from a backup, or use another version of the model"
    try:
        data = storage.read(key)
    except FileNotFoundError as error:
        raise BundleRefused(f"{key} is missing from its bundle", hint=again) from error
    if len(data) != file.size:
        raise BundleRefused(f"{key} has {len(data):,} bytes of {file.size:,}: it was cut off or replaced", hint=again)
    if xxh3_128_hexdigest(data) != file.hash:
        raise BundleRefused(f"{key} was altered: its hash is not the one in {SEAL}", hint=again)
    return data


def _absent(storage: Storage, prefix: str) -> BundleRefused:
    there = storage.names(prefix)
    pickles = [name for name in there if name.endswith(PICKLES)]
    if pickles:
        return BundleRefused(f"{prefix} holds {pickles[0]}, which is made of pickle", hint=NEVER)
    if there:
        return BundleRefused(f"{prefix} has no {SEAL}: it was never finished", hint="keep the model again")
    return BundleRefused(f"there is no bundle at {prefix}", hint="see what there is: invplat models list")


def _pickled(data: bytes) -> bool:
    """What torch.save and pickle write. A safetensors header of 640 bytes begins like a pickle, save for its brace."""
    return data.startswith(b"PK\x03\x04") or (data[:1] == b"\x80" and data[1:2] <= b"\x05" and data[8:9] != b"{")


def _json(content: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BundleRefused(
            f"a document of the bundle is not JSON: {error}", hint="give text, finite numbers, lists and mappings"
        ) from error
