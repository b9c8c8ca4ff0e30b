"""A bundle: one trained model as bytes: documents as JSON, tensors as safetensors, never pickle.

Under a prefix: the documents, the tensors, and bundle.json, written last, which names the other two with the hash of
each. So a bundle is there whole or not at all, and what was altered since is refused. Tensors that others have alike
may be apart: kept once for all of them (see `shared`), named in bundle.json all the same. Knows no nets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invplat.core.errors import BundleRefused, Conflict, InvplatError
from invplat.registry import shared
from invplat.registry.sealed import NEVER, PICKLES, File, pickled, read
from invplat.storage import Storage

if TYPE_CHECKING:
    import torch

SCHEMA = 2
SEAL = "bundle.json"
WHOLE = 1  # of a bundle with nothing apart, which every invplat can read
DOCUMENTS = ("spec", "params", "layout", "preparation", "lineage", "metrics", "input_schema")
ROLES = ("documents", "weights")


@dataclass(frozen=True)
class Bundle:
    workload: str
    documents: Mapping[str, Mapping[str, Any]]  # by DOCUMENTS; JSON
    weights: bytes  # safetensors
    shared: bytes | None = None  # the same of tensors that others have alike; none: all are in `weights`

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """Of this call alone: whoever changes one changes it for nobody else."""
        found = _unpacked(self.weights)
        if self.shared is not None:
            common = _unpacked(self.shared)
            twice = sorted(found.keys() & common.keys())
            if twice:
                raise BundleRefused(f"the tensor {twice[0]} is there twice", hint="use another version of the model")
            found |= common
        return found


@dataclass(frozen=True)
class Seal:
    """What bundle.json says."""

    workload: str
    files: Mapping[str, File]  # by ROLES: its own
    shared: File | None = None

    @property
    def schema(self) -> int:
        return WHOLE if self.shared is None else SCHEMA

    @property
    def size(self) -> int:
        """Of its own bytes: what would be free without it."""
        return sum(file.size for file in self.files.values())

    def to_json(self) -> bytes:
        named = {**self.files, **({} if self.shared is None else {"shared": self.shared})}
        files = {role: file.to_json() for role, file in named.items()}
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
        common = None if bundle.shared is None else shared.put(storage, bundle.shared)
        for role, data in parts.items():
            # Named by content: a second writer of the same prefix can't touch what the first has written.
            files[role] = File.of(data, f"{role}-{{}}.{endings[role]}", 16)
            storage.write(f"{prefix}/{files[role].name}", data)
        if storage.create(f"{prefix}/{SEAL}", Seal(bundle.workload, files, common).to_json()):
            if common is not None and bundle.shared is not None:
                shared.stay(storage, common, bundle.shared)
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
    weights = read(storage, f"{prefix}/{seal.files['weights'].name}", seal.files["weights"])
    if pickled(weights):
        raise BundleRefused(f"the weights at {prefix} are made of pickle", hint=NEVER)
    common = None if seal.shared is None else shared.get(storage, seal.shared, prefix)
    _ = _unpacked(weights)  # refuses what is no safetensors
    return Bundle(seal.workload, documents, weights, common)


def read_seal(storage: Storage, prefix: str) -> Seal:
    key = f"{prefix}/{SEAL}"
    try:
        data = storage.read(key)
    except FileNotFoundError as error:
        raise _absent(storage, prefix) from error
    return parsed(data, key)


def parsed(data: bytes, key: str) -> Seal:
    """What these bytes, found there, say."""
    if pickled(data):
        raise BundleRefused(f"{key} is made of pickle", hint=NEVER)
    try:
        raw = json.loads(data)
        schema = int(raw["schema"])
        if schema <= SCHEMA:
            files = {role: File.from_json(raw["files"][role]) for role in ROLES}
            common = File.from_json(raw["files"]["shared"]) if "shared" in raw["files"] else None
            return Seal(str(raw["workload"]), files, common)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleRefused(
            f"{key} does not say what a bundle consists of: {error!r}", hint="the file was damaged; use another version"
        ) from error
    raise BundleRefused(f"{key} has schema {schema}, this invplat knows {SCHEMA}", hint="upgrade invplat to read it")


def read_documents(storage: Storage, prefix: str, seal: Seal) -> dict[str, dict[str, Any]]:
    """The documents alone: what a list of models needs."""
    data = read(storage, f"{prefix}/{seal.files['documents'].name}", seal.files["documents"])
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


def _absent(storage: Storage, prefix: str) -> BundleRefused:
    there = storage.names(prefix)
    pickles = [name for name in there if name.endswith(PICKLES)]
    if pickles:
        return BundleRefused(f"{prefix} holds {pickles[0]}, which is made of pickle", hint=NEVER)
    if there:
        return BundleRefused(f"{prefix} has no {SEAL}: it was never finished", hint="keep the model again")
    return BundleRefused(f"there is no bundle at {prefix}", hint="see what there is: invplat models list")


def _unpacked(data: bytes) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load as unpacked

    try:
        found: dict[str, torch.Tensor] = unpacked(data)
    except (SafetensorError, ValueError) as error:
        raise BundleRefused(
            f"{len(data):,} bytes are no safetensors: {error}", hint="use another version of the model"
        ) from error
    return found


def _json(content: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise BundleRefused(
            f"a document of the bundle is not JSON: {error}", hint="give text, finite numbers, lists and mappings"
        ) from error
