"""What a fine-tune job is asked for, and its submission: the same asked twice joins the first.

Which businesses a job is for is in its results, one row each; here is what is alike for all of them. Knows no nets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from xxhash import xxh3_128_hexdigest

import invplat
from invplat.core.errors import BundleRefused, SettingRefused, Unknown
from invplat.registry import aliases, datasets, jobs, models, shared, versions
from invplat.registry.bundle import SEAL, read_documents, read_seal
from invplat.registry.database import Database
from invplat.registry.jobs import Job
from invplat.registry.sealed import read
from invplat.registry.versions import Version
from invplat.storage import Storage

KIND = "finetune"
RESTART, CONTINUE = "restart", "continue"  # from a base; from the business's own champion
WAYS = ("auto", "untouched", "head", "last", "all", "adapter")


@dataclass(frozen=True)
class Asked:
    workload: str
    bases: tuple[str, ...]  # ids of donors; of several each business begins from the nearest
    way: str = "auto"
    mode: str = RESTART
    layers: int = 1  # how many are the last, for the way `last`
    epochs: int | None = None  # none: as the way has it
    seed: int = 0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            near = get_close_matches(self.way, WAYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"write {', '.join(WAYS)}"
            raise SettingRefused(f"way {self.way!r} is not known", hint=hint)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "bases": list(self.bases)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Asked:
        return cls(**{**raw, "bases": tuple(raw["bases"])})


def submit(
    database: Database, asked: Asked, tenants: Sequence[str], *, actor: str, anew: str = "", tenant: str | None = None
) -> tuple[Job, bool]:
    """The job, and whether it is new. `anew`: any word that makes it another than what was done before."""
    if not tenants:
        raise SettingRefused("no business to fine-tune for", hint="name some, or write --all")
    named = sorted(set(tenants))
    newest = datasets.newest_of_all(database)
    data = [(name, newest[name].digest if name in newest else None) for name in named]
    content = [invplat.__version__, asked.to_json(), data, anew, tenant]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    spec = asked.to_json()
    return jobs.submit(database, KIND, digest, spec, named, tenant=tenant, models=asked.bases, actor=actor)


def find_bases(database: Database, storage: Storage, references: Sequence[str], workload: str | None) -> list[Version]:
    """Those that were named, or of each base of the workload its champion or newest version."""
    versions.sight(database, storage, None)
    known = versions.of_tenant(database, None)
    found = [_named(known, text) for text in references]
    if not found:
        wanted = workload or "mlp"
        champion = aliases.current(database, None, wanted).get(aliases.CHAMPION)
        last = {one.name: one for one in known if one.workload == wanted and one.prefix is not None}
        found = [one for one in known if one.id == champion] or list(last.values())
        if not found:
            raise Unknown(
                f"there is no base of {wanted} to begin from",
                hint=f"train one: invplat train {wanted} --base --tenant NAME --tenant NAME",
            )
    kinds = {one.workload for one in found} | ({workload} if workload else set())
    if len(kinds) > 1:
        raise SettingRefused(f"bases of different workloads: {', '.join(sorted(kinds))}", hint="name bases of one")
    for one in found:
        check_kept(storage, one)
    return found


def _named(known: Sequence[Version], text: str) -> Version:
    name, number = models.reference(text)
    same = [one for one in known if one.name == name and number in (None, one.number)]
    if same:
        return same[-1]
    there = [one.reference for one in known]
    near = get_close_matches(text, [*there, *(one.name for one in known)], n=1)
    listed = f"there are {', '.join(there)}" if there else "train one: invplat train mlp --base --tenant NAME"
    raise Unknown(f"there is no base {text!r}", hint=f"did you mean {near[0]}? {listed}" if near else listed)


def check_kept(storage: Storage, version: Version) -> None:
    """Refuses a bundle that is missing or not what was registered, without making a net of it."""
    if version.prefix is None:
        raise BundleRefused(f"{version.reference} has no weights: it is a rule", hint="name another base")
    seal = read_seal(storage, version.prefix)
    read_documents(storage, version.prefix, seal)
    weights = seal.files["weights"]
    again = "restore it from a backup, or name another version: invplat models list"
    try:
        data = storage.read(f"{version.prefix}/{weights.name}")
    except FileNotFoundError as error:
        raise BundleRefused(f"the weights of {version.called} are missing", hint=again) from error
    sealed = hashlib.sha256(storage.read(f"{version.prefix}/{SEAL}")).hexdigest()
    if xxh3_128_hexdigest(data) != weights.hash or sealed != version.digest:
        raise BundleRefused(f"the bundle of {version.called} was altered since it was kept", hint=again)
    if seal.shared is not None:
        read(storage, shared.where(storage, seal.shared, version.prefix), seal.shared)
