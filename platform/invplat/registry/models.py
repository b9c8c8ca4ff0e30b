"""The models of a tenant, numbered from 1 under their names: tenants/TENANT/models/NAME/00000001/.

A number is given once: two writers never share one, and a version never changes. Knows bundles, not nets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from invplat.core.errors import BundleRefused, Conflict, NameRefused
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
    size: int  # bytes
    documents: Mapping[str, Mapping[str, Any]]


def keep(storage: Storage, tenant: str, name: str, bundle: Bundle) -> int:
    """As the next version of this name; its number."""
    number = max(versions(storage, tenant, name), default=0) + 1
    while True:
        try:
            save(storage, _prefix(tenant, name, number), bundle)
        except Conflict:  # another was first
            number += 1
        else:
            return number


def names(storage: Storage, tenant: str) -> list[str]:
    """Of the models that have a version."""
    return [name for name in storage.names(_folder(tenant)) if versions(storage, tenant, name)]


def versions(storage: Storage, tenant: str, name: str) -> list[int]:
    """Oldest first; one whose writer has not finished, or never did, is none."""
    prefix = f"{_folder(tenant)}/{check_model(name)}"
    numbers = [int(entry) for entry in storage.names(prefix) if entry.isdecimal() and len(entry) == DIGITS]
    return sorted(number for number in numbers if storage.exists(f"{_prefix(tenant, name, number)}/{SEAL}"))


def open_bundle(storage: Storage, tenant: str, name: str, version: int | None = None) -> Bundle:
    """Of this version, or the newest."""
    return load(storage, _prefix(tenant, name, resolve(storage, tenant, name, version)))


def summary(storage: Storage, tenant: str, name: str, version: int | None = None) -> Summary:
    number = resolve(storage, tenant, name, version)
    prefix = _prefix(tenant, name, number)
    seal = read_seal(storage, prefix)
    return Summary(name, number, seal.workload, seal.size, read_documents(storage, prefix, seal))


def resolve(storage: Storage, tenant: str, name: str, version: int | None = None) -> int:
    """The version asked for, or the newest; refuses what isn't there."""
    there = versions(storage, tenant, name)
    if not there:
        known = names(storage, tenant)
        near = get_close_matches(name, known, n=1)
        listed = f"there are {', '.join(known)}" if known else "make one: invplat train WORKLOAD"
        raise BundleRefused(
            f"tenant {tenant} has no model {name!r}", hint=f"did you mean {near[0]}? {listed}" if near else listed
        )
    if version is None:
        return there[-1]
    if version not in there:
        raise BundleRefused(
            f"model {name} of tenant {tenant} has no version {version}", hint=f"there are {', '.join(map(str, there))}"
        )
    return version


def reference(text: str) -> tuple[str, int | None]:
    """NAME or NAME@VERSION, as a person writes it."""
    name, at, number = text.partition("@")
    if at and not (number.isascii() and number.isdecimal() and int(number)):
        raise NameRefused(f"model {text!r}: {number!r} is no version", hint=f"write {name}@1, or {name} for the newest")
    return check_model(name), int(number) if at else None


def _folder(tenant: str) -> str:
    return f"tenants/{check_tenant(tenant)}/models"


def _prefix(tenant: str, name: str, number: int) -> str:
    return f"{_folder(tenant)}/{check_model(name)}/{number:0{DIGITS}d}"
