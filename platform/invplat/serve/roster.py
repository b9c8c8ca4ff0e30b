"""Who is served by what: every business's champion as a row of a stack, kept up to date while answers are given.

Read from the registry as a whole, again and again; only what has changed is loaded, and a business goes over from its
old model to its new one in one step. Where the registry or a bundle can't be read, what is here goes on serving.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch

from invplat.core.errors import BundleRefused, InvplatError
from invplat.model import Model, Preparation
from invplat.registry import aliases, datasets, overview, tenants, versions
from invplat.registry.database import Database
from invplat.registry.versions import Version
from invplat.serve.base import Base
from invplat.serve.heads import Rule, Stack
from invplat.storage import Storage
from invplat.transfer.gate import NAIVE

READERS = 8  # bundles that are read at once: most of it is waiting
AT_ONCE = 64  # bundles in memory at a time: of most only the last layers stay
AGAIN = 5.0  # seconds after which a model that could not be read is tried once more
BASES = 8  # kept though nobody is served by them: somebody's model may have begun as one
DRAINED = 60.0  # seconds after which no batch can still look at a row that nobody has any more


@dataclass(frozen=True)
class Served:
    """How a business is answered for."""

    tenant: str
    version: Version
    stack: Stack
    row: int
    preparation: Preparation
    dataset: int | None  # the version of its data; none: it has none yet
    named: dict[str, Any] = field(default_factory=dict)  # as schemas.ModelNamed

    @cached_property
    def prepared(self) -> str:
        return json.dumps(self.preparation.to_json(), sort_keys=True)

    @property
    def fits(self) -> tuple[int, str, int | None]:
        """Two of one business with the same can use the same book."""
        return id(self.stack), self.prepared, self.dataset


@dataclass
class Trouble:
    """What could not be loaded, by business; and what went wrong last with the registry itself."""

    tenants: dict[str, str] = field(default_factory=dict)
    registry: str = ""
    read: float = 0.0  # when the registry was last read, in monotonic seconds


class Roster:
    def __init__(self, database: Database, storage: Storage, workloads: Sequence[str] = ()) -> None:
        """`workloads`: of businesses with several champions, whose comes first."""
        self.database, self.storage, self.workloads = database, storage, tuple(workloads)
        self.served: Mapping[str, Served] = {}
        self.tried: dict[str, Served] = {}  # challengers, which answer nobody
        self.tenants: frozenset[str] = frozenset()  # all there are, served or not
        self.trouble = Trouble()
        self.stacks: dict[Any, Stack] = {}
        self._bases: dict[str, Base] = {}  # by digest
        self._donors: dict[str, Version] = {}  # by id
        self._rows: dict[tuple[int, str], int] = {}  # stack and version → row
        self._left: list[tuple[float, tuple[int, str], Stack, int]] = []
        self._refused: dict[tuple[str, str], float] = {}
        self.stamp: tuple[object, ...] | None = None  # of the registry, as it was read last
        self._one = threading.Lock()

    def refresh(self) -> list[str]:
        """Who is answered for differently from now on. The caller makes ready what they need, then calls `use`."""
        return self.use(self.changes())

    def changes(self) -> dict[str, Served | None]:
        """By business: how it is to be answered for; None: not any more. Nothing is in use yet."""
        with self._one:
            try:
                stamp = overview.stamp(self.database)
                known = stamp == self.stamp and not self.trouble.tenants
                wanted = {} if known else self._wanted()
            except InvplatError as error:
                self.trouble.registry = error.message
                return {}
            self.trouble.registry, self.trouble.read = "", time.monotonic()
            changes = {} if known else self._loaded(wanted)
            self.stamp = stamp
            return changes

    def again(self) -> None:
        """What has changed could not be used: it is to be told again."""
        self.stamp = None

    def use(self, changes: Mapping[str, Served | None]) -> list[str]:
        if not changes:
            return []
        with self._one:
            served = dict(self.served)
            for tenant, found in changes.items():
                if found is None:
                    served.pop(tenant, None)
                else:
                    served[tenant] = found
            self.served = served
            self._tidy()
        return list(changes)

    def try_out(self, tenant: str, version: Version, read: Any) -> Served:
        """Beside its champion from now on; `read`: a bundle and its tensors, or None of a rule."""
        with self._one:
            self.tried[tenant] = found = self._served(tenant, version, None, read)
        return found

    def leave_out(self, tenant: str) -> None:
        with self._one:
            self.tried.pop(tenant, None)

    def _wanted(self) -> dict[str, tuple[str, int | None]]:
        """Business → the id of its champion, and the version of its data."""
        found: dict[str, list[aliases.Champion]] = {}
        for champion in aliases.champions(self.database):
            found.setdefault(champion.tenant or "", []).append(champion)
        base = self._usual_base(found.pop("", []))
        newest = datasets.newest_of_all(self.database)
        names = tenants.names(self.database)
        self.tenants = frozenset(names)
        wanted = {}
        for name in names:
            mine = self.first(found.get(name, [])) or base
            if mine is not None:
                model = mine if isinstance(mine, str) else mine.model
                wanted[name] = (model, newest[name].version if name in newest else None)
        return wanted

    def _usual_base(self, champions: Iterable[aliases.Champion]) -> str | None:
        """The id of the champion of the bases; where none was named, the one that was made last."""
        champion = self.first(champions)
        if champion is not None:
            return champion.model
        known = [one for one in versions.of_tenant(self.database, None) if one.prefix]
        wanted = [one for one in known if not self.workloads or one.workload in self.workloads]
        return max(wanted, key=lambda one: one.made).id if wanted else None

    def first(self, champions: Iterable[aliases.Champion]) -> aliases.Champion | None:
        rank = {name: place for place, name in enumerate(self.workloads)}
        known = [one for one in champions if not rank or one.workload in rank]
        return min(
            sorted(known, key=lambda one: one.changed, reverse=True),
            key=lambda one: rank.get(one.workload, 0),
            default=None,
        )

    def _loaded(self, wanted: Mapping[str, tuple[str, int | None]]) -> dict[str, Served | None]:
        now = time.monotonic()
        changes: dict[str, Served | None] = {name: None for name in self.served if name not in wanted}
        todo: dict[str, tuple[str, int | None]] = {}
        for name, (model, dataset) in wanted.items():
            have = self.served.get(name)
            if have is None or have.version.id != model:
                if self._refused.get((name, model), 0.0) < now:
                    todo[name] = (model, dataset)
            elif have.dataset != dataset:
                changes[name] = replace(have, dataset=dataset)
        if not todo:
            return changes
        found = versions.by_ids(self.database, {model for model, _ in todo.values()})
        with ThreadPoolExecutor(READERS) as pool:
            for first in range(0, len(todo), AT_ONCE):
                some = list(todo.items())[first : first + AT_ONCE]
                wanted_now = {model for _, (model, _) in some if model in found and found[model].prefix}
                read = {model: pool.submit(self.read, found[model]) for model in wanted_now}
                for name, (model, dataset) in some:
                    try:
                        if model not in found:
                            raise BundleRefused(f"the registry has no model {model}", hint="promote another")
                        bundle = read[model].result() if model in read else None
                        changes[name] = self._served(name, found[model], dataset, bundle)
                        self.trouble.tenants.pop(name, None)
                    except (InvplatError, OSError) as error:
                        self.trouble.tenants[name] = str(error).splitlines()[0]
                        self._refused[(name, model)] = now + AGAIN
        return changes

    def read(self, version: Version) -> Any:
        bundle = versions.open_bundle(self.storage, version)
        return bundle, bundle.tensors

    def _served(self, tenant: str, version: Version, dataset: int | None, read: Any) -> Served:
        if read is None:
            whose = self._base_of_nobody()
            stack: Stack = self.stacks.setdefault((NAIVE, whose.digest), Rule(whose.model))
            return Served(tenant, version, stack, 0, whose.model.preparation, dataset, _named(version, whose.model))
        bundle, tensors = read
        base_id = str(bundle.documents["lineage"].get("donor_id") or "")
        base = self._base(version if version.tenant is None else None, base_id)
        preparation = Preparation.from_json(bundle.documents["preparation"])
        if version.tenant is None:
            preparation = replace(preparation, encoders={})  # its names are other businesses'
        key: Any
        if base is not None and base.shaped_like(bundle.documents):
            last, own = base.cut(tensors)
            if last:
                key = (base.digest, last)
                if key not in self.stacks:
                    self.stacks[key] = Stack(base.model, own, last)
                return self._rowed(tenant, version, self.stacks[key], tensors, preparation, dataset, base.model)
        model = Model.of(bundle)
        key = (version.workload, json.dumps([bundle.documents[name] for name in ("params", "layout")], sort_keys=True))
        if key not in self.stacks:
            self.stacks[key] = Stack(model, list(model.module.state_dict()), 0)
        return self._rowed(tenant, version, self.stacks[key], tensors, preparation, dataset, model)

    def _rowed(
        self,
        tenant: str,
        version: Version,
        stack: Stack,
        tensors: Mapping[str, torch.Tensor],
        preparation: Preparation,
        dataset: int | None,
        model: Model,
    ) -> Served:
        key = (id(stack), version.id)
        if key not in self._rows:
            self._rows[key] = stack.put(tensors)
        return Served(tenant, version, stack, self._rows[key], preparation, dataset, _named(version, model))

    def _base(self, version: Version | None, donor: str) -> Base | None:
        """The base itself, or the one that a business's own model began as."""
        if version is None:
            if not donor:
                return None
            if donor not in self._donors:
                self._donors.update(versions.by_ids(self.database, [donor]))
            version = self._donors.get(donor)
        if version is None or version.prefix is None:
            return None
        digest = str(version.digest)
        if digest not in self._bases:
            try:
                model = Model.of(versions.open_bundle(self.storage, version))
            except InvplatError:
                return None  # whoever began as it is served all the same, but shares less
            self._bases[digest] = Base.of(digest, model)
        return self._bases[digest]

    def _base_of_nobody(self) -> Base:
        """Whose horizon and levels a rule answers with: the champion of the bases."""
        model = self._usual_base(one for one in aliases.champions(self.database) if one.tenant is None)
        version = versions.by_ids(self.database, [model]).get(model) if model else None
        base = self._base(version, "") if version else None
        if base is None:
            raise BundleRefused(
                "a naive rule answers with a base's horizon, and there is no base", hint="train one: invplat train mlp"
            )
        return base

    def _tidy(self) -> None:
        """Rows that nobody is served by any more are free again, once no batch can still be looking at them."""
        now = time.monotonic()
        used = {(id(one.stack), one.version.id) for one in (*self.served.values(), *self.tried.values())}
        gone = [key for key in self._rows if key not in used]
        stacks = {id(stack): stack for stack in self.stacks.values()}
        for key in gone:
            self._left.append((now + DRAINED, key, stacks[key[0]], self._rows.pop(key)))
        ready = [one for one in self._left if one[0] <= now]
        self._left = [one for one in self._left if one[0] > now]
        for _, _, stack, row in ready:
            stack.free(row)
        held = {place for place, _ in (*used, *self._rows)} | {id(stack) for _, _, stack, _ in self._left}
        self.stacks = {key: stack for key, stack in self.stacks.items() if id(stack) in held}
        if len(self._bases) > BASES:
            needed = {part for key in self.stacks for part in key}
            self._bases = {digest: base for digest, base in self._bases.items() if digest in needed}


def _named(version: Version, model: Model) -> dict[str, Any]:
    way = version.lineage.get("way") if version.tenant else None
    return {
        "reference": version.reference,
        "base": version.tenant is None,
        "workload": version.workload if version.prefix is None else model.workload.name,
        "way": way,
    }
