"""What lies under shared/ and no bundle names any more goes, once it is a day old. The bundles in the storage count,
registered or not: of businesses that were removed with their files kept, too.

A writer that comes meanwhile looks, after its seal, whether what it names is there; whoever sweeps looks, after the
removal, whether somebody has sealed meanwhile. So one of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from invplat.core.errors import BundleRefused
from invplat.core.names import TENANT as NAME
from invplat.registry import models, shared
from invplat.registry.bundle import SEAL, parsed
from invplat.storage import Storage

READERS = 16  # seals that are read at once: most of it is waiting
AT_ONCE = 256


@dataclass
class Swept:
    """Or what would be."""

    gone: dict[str, int] = field(default_factory=dict)  # keys, and their bytes
    unread: list[str] = field(default_factory=list)  # prefixes of which nobody knows what they name: so nothing goes

    @property
    def size(self) -> int:
        return sum(self.gone.values())


def found(storage: Storage, without: Collection[str] = ()) -> Swept:
    """What would go now. `without`: prefixes of bundles that would be gone before."""
    return _looked(storage, set(without))[0]


def sweep(storage: Storage) -> Swept:
    swept, seen = _looked(storage, set())
    data: dict[str, bytes] = {}
    for key in list(swept.gone):
        if not _old(storage, key):  # somebody has it again
            del swept.gone[key]
            continue
        data[key] = storage.read(key)
        storage.remove(key)
    if data:
        named, unread = _named(storage, _unseen(storage, seen), set())
        for key in data if unread else named & data.keys():
            storage.write(key, data[key])
            del swept.gone[key]
        swept.unread += unread
    return swept


def _looked(storage: Storage, seen: set[str]) -> tuple[Swept, set[str]]:
    """`seen` comes back with every bundle that was read."""
    names = storage.names(shared.FOLDER)
    left = {key for name in names if _old(storage, key := f"{shared.FOLDER}/{name}")}
    if not left:
        return Swept(), seen
    unread: list[str] = []
    prefixes = _unseen(storage, set(seen))
    while left and (some := list(islice(prefixes, AT_ONCE))):
        named, bad = _named(storage, some, seen)
        left -= named
        unread += bad
    if unread and left:
        return Swept({}, unread), seen
    sizes = {key: there.size for key in sorted(left) if (there := storage.glance(key)) is not None}
    return Swept(sizes), seen


def _unseen(storage: Storage, seen: Collection[str]) -> Iterator[str]:
    owners: list[str | None] = [None, *(name for name in storage.names("tenants") if NAME.fullmatch(name))]
    for owner in owners:
        yield from (prefix for prefix in models.prefixes(storage, owner) if prefix not in seen)


def _named(storage: Storage, prefixes: Iterator[str] | list[str], seen: set[str]) -> tuple[set[str], list[str]]:
    """The keys that these name, and the prefixes of which nobody knows. What has no seal names nothing yet."""
    named: set[str] = set()
    unread: list[str] = []
    with ThreadPoolExecutor(READERS) as pool:
        some = list(prefixes)
        for prefix, data in zip(some, pool.map(lambda prefix: _seal(storage, prefix), some), strict=True):
            if data is None:
                continue
            seen.add(prefix)
            try:
                seal = parsed(data, f"{prefix}/{SEAL}")
            except BundleRefused:
                unread.append(prefix)
                continue
            if seal.shared is not None:
                named.add(shared.key_of(seal.shared))
    return named, unread


def _seal(storage: Storage, prefix: str) -> bytes | None:
    try:
        return storage.read(f"{prefix}/{SEAL}")
    except FileNotFoundError:
        return None


def _old(storage: Storage, key: str) -> bool:
    there = storage.glance(key)
    return there is not None and there.age is not None and there.age > shared.YOUNG
