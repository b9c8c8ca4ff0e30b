"""What many bundles have alike, such as the trunk that their donor gave them: kept once, under shared/, by its content.

Written before the seal that names it, by whoever comes first; who comes later finds it there. What no seal names any
more goes, by `sweep`, but not while it is young: its writer may yet be about to seal. Knows no tensors.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from invplat.core.errors import BundleRefused
from invplat.registry.sealed import NEVER, File, pickled, read
from invplat.storage import Storage

FOLDER = "shared"
YOUNG = 24 * 3600.0  # seconds; longer than any writer takes, and than clocks differ
HELD = 16  # held by a process: thousands of bundles name the same few

_held: OrderedDict[tuple[str, str], bytes] = OrderedDict()  # bytes, which nobody can change under another's hands
_one = threading.Lock()


def put(storage: Storage, data: bytes) -> File:
    """To be sealed now: it will not be taken for forgotten before it is a day old."""
    file = File.of(data, "{}.safetensors")
    there = storage.glance(key_of(file))
    if there is None or there.size != file.size or there.age is None or there.age > YOUNG / 2:
        storage.write(key_of(file), data)
    return file


def stay(storage: Storage, file: File, data: bytes) -> None:
    """Once it is sealed: there, whoever has swept meanwhile."""
    if not storage.exists(key_of(file)):
        storage.write(key_of(file), data)


def get(storage: Storage, file: File, prefix: str) -> bytes:
    """Read once a process. `prefix`: of a bundle that names it; beside the other bytes of that business it lies where
    an exported copy was put back."""
    name = (storage.url, file.hash)
    with _one:  # of many who want the same at once, one reads
        if name in _held:
            _held.move_to_end(name)
            return _held[name]
        data = read(storage, where(storage, file, prefix), file)
        if pickled(data):
            raise BundleRefused(f"{key_of(file)} is made of pickle", hint=NEVER)
        _held[name] = data
        while len(_held) > HELD:
            _held.popitem(last=False)
    return data


def where(storage: Storage, file: File, prefix: str) -> str:
    beside = "/".join([*prefix.split("/")[:2], key_of(file)])
    return beside if not storage.exists(key_of(file)) and storage.exists(beside) else key_of(file)


def key_of(file: File) -> str:
    return f"{FOLDER}/{file.name}"


def forget() -> None:
    """What this process holds."""
    with _one:
        _held.clear()
