"""The bundles of a tenant, numbered from 1 under their names: tenants/TENANT/models/NAME/00000001/.

Of no tenant (None): a base, under bases/NAME/. A number is given once: two writers never share one, and a version
never changes. Knows bundles, not nets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import BundleRefused, Conflict, NameRefused
from invplat.core.names import TENANT as STRICT
from invplat.core.names import check_model, check_tenant
from invplat.registry.bundle import SEAL, Bundle, load, read_documents, read_seal, save
from invplat.storage import Storage

DIGITS = 8


@dataclass(frozen=True)
class Summary:
    """A version without its weights."""

    name: str
    version: int
    workload: str
    size: int  # bytes of its own, beside what it shares with others
    documents: Mapping[str, Mapping[str, Any]]


def keep(storage: Storage, tenant: str | None, name: str, bundle: Bundle) -> int:
    """As the next version of this name; its number."""
    number = (newest(storage, tenant, name) or 0) + 1
    while True:
        try:
            save(storage, prefix(tenant, name, number), bundle)
        except Conflict:  # another was first
            number += 1
        else:
            return number


def names(storage: Storage, tenant: str | None) -> list[str]:
    """Of the models that have a version; whatever else lies there is none."""
    return [name for name in storage.names(_folder(tenant)) if STRICT.fullmatch(name) and newest(storage, tenant, name)]


def versions(storage: Storage, tenant: str | None, name: str) -> list[int]:
    """Oldest first; one whose writer has not finished, or never did, is none."""
    return [number for number in numbers(storage, tenant, name) if whole(storage, tenant, name, number)]


def newest(storage: Storage, tenant: str | None, name: str) -> int | None:
    """Found from the last number down, so that a long history costs nothing."""
    found = reversed(numbers(storage, tenant, name))
    return next((number for number in found if whole(storage, tenant, name, number)), None)


def open_bundle(storage: Storage, tenant: str | None, name: str, version: int | None = None) -> Bundle:
    """Of this version, or the newest."""
    return load(storage, prefix(tenant, name, resolve(storage, tenant, name, version)))


def summary(storage: Storage, tenant: str | None, name: str, version: int | None = None) -> Summary:
    number = resolve(storage, tenant, name, version)
    place = prefix(tenant, name, number)
    seal = read_seal(storage, place)
    return Summary(name, number, seal.workload, seal.size, read_documents(storage, place, seal))


def resolve(storage: Storage, tenant: str | None, name: str, version: int | None = None) -> int:
    """The version asked for, or the newest; refuses what isn't there."""
    last = newest(storage, tenant, name)
    if last is None:
        known = names(storage, tenant)
        near = get_close_matches(name, known, n=1)
        listed = f"there are {', '.join(known)}" if known else "make one: invplat train WORKLOAD"
        raise BundleRefused(
            f"{_whose(tenant)} no model {name!r}", hint=f"did you mean {near[0]}? {listed}" if near else listed
        )
    if version is None:
        return last
    if not whole(storage, tenant, name, version):
        there = ", ".join(map(str, versions(storage, tenant, name)))
        raise BundleRefused(
            f"model {name} of {f'tenant {tenant}' if tenant else 'the bases'} has no version {version}",
            hint=f"there are {there}",
        )
    return version


def reference(text: str) -> tuple[str, int | None]:
    """NAME or NAME@VERSION, as a person writes it."""
    name, at, number = text.partition("@")
    if at and not (number.isascii() and number.isdecimal() and int(number)):
        raise NameRefused(f"model {text!r}: {number!r} is no version", hint=f"write {name}@1, or {name} for the newest")
    return check_model(name), int(number) if at else None


def _whose(tenant: str | None) -> str:
    return f"tenant {tenant} has" if tenant else "the bases have"


def _folder(tenant: str | None) -> str:
    return "bases" if tenant is None else f"tenants/{check_tenant(tenant)}/models"


def numbers(storage: Storage, tenant: str | None, name: str) -> list[int]:
    entries = storage.names(f"{_folder(tenant)}/{check_model(name)}")
    return sorted(int(entry) for entry in entries if len(entry) == DIGITS and entry.isascii() and entry.isdecimal())


def prefixes(storage: Storage, tenant: str | None) -> list[str]:
    """Of all that might be versions, whole or not."""
    there = [name for name in storage.names(_folder(tenant)) if STRICT.fullmatch(name)]
    return [prefix(tenant, name, number) for name in there for number in numbers(storage, tenant, name)]


def whole(storage: Storage, tenant: str | None, name: str, number: int) -> bool:
    return storage.exists(f"{prefix(tenant, name, number)}/{SEAL}")


def prefix(tenant: str | None, name: str, number: int) -> str:
    return f"{_folder(tenant)}/{check_model(name)}/{number:0{DIGITS}d}"
