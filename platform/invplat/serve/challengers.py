"""Who is tried beside whom: of each business that has a challenger, that one, loaded beside the champion's stack.

What can't be loaded is told and tried again later; the champions never hear of it. Knows no questions.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from invplat.core.errors import BundleRefused, InvplatError
from invplat.registry import aliases, versions
from invplat.registry.database import Database
from invplat.registry.versions import Version
from invplat.serve.roster import Roster, Served
from invplat.storage import Storage

AGAIN = 60.0  # seconds after which one that could not be loaded is tried once more


class Challengers:
    def __init__(self, database: Database, storage: Storage, roster: Roster) -> None:
        self.database, self.storage, self.roster = database, storage, roster
        self.trouble: dict[str, str] = {}  # business → why its challenger is not tried
        self._stamp: tuple[object, ...] | None = None
        self._refused: dict[tuple[str, str], float] = {}  # business and model → when to try again

    @property
    def there(self) -> Mapping[str, Served]:
        return self.roster.tried

    def refresh(self) -> None:
        """As the registry was when the roster read it last. Raises what the registry raises, and nothing else."""
        stamp, now = self.roster.stamp, time.monotonic()
        if stamp is None or (stamp == self._stamp and all(again > now for again in self._refused.values())):
            return
        wanted = self._wanted()
        for tenant in set(self.there) - set(wanted):
            self.roster.leave_out(tenant)
        self.trouble = {tenant: why for tenant, why in self.trouble.items() if tenant in wanted}
        self._refused = {(tenant, model): at for (tenant, model), at in self._refused.items() if at > now}
        fresh = {
            tenant: model
            for tenant, model in wanted.items()
            if (tenant, model) not in self._refused
            and (tenant not in self.there or self.there[tenant].version.id != model)
        }
        found = versions.by_ids(self.database, set(fresh.values())) if fresh else {}
        for tenant, model in fresh.items():
            try:
                self._load(tenant, found.get(model))
                self.trouble.pop(tenant, None)
            except Exception as error:  # whatever is wrong with it, nobody is answered by it
                self.refuse(tenant, model, error)
        self._stamp = stamp

    def refuse(self, tenant: str, model: str, error: Exception) -> None:
        self.roster.leave_out(tenant)
        said = error.message if isinstance(error, InvplatError) else f"{type(error).__name__}: {error}"
        self.trouble[tenant] = said.splitlines()[0] if said else type(error).__name__
        self._refused[(tenant, model)] = time.monotonic() + AGAIN

    def _wanted(self) -> dict[str, str]:
        """Business → the id of its challenger: its own, or the bases' where a base answers for it."""
        found: dict[str, list[aliases.Champion]] = {}
        for one in aliases.challengers(self.database):
            found.setdefault(one.tenant or "", []).append(one)
        shared = self.roster.first(found.pop("", []))
        wanted = {}
        for tenant, champion in self.roster.served.items():
            own = self.roster.first(found.get(tenant, []))
            tried = own or (shared if champion.version.tenant is None else None)
            if tried is not None and tried.model != champion.version.id:
                wanted[tenant] = tried.model
        return wanted

    def _load(self, tenant: str, version: Version | None) -> None:
        if version is None:
            raise BundleRefused("the registry has no such model any more", hint="name another challenger")
        read: Any = self.roster.read(version) if version.prefix else None
        served, champion = self.roster.try_out(tenant, version, read), self.roster.served.get(tenant)
        if champion is not None and served.preparation.frequency != champion.preparation.frequency:
            mine, its = served.preparation.frequency, champion.preparation.frequency
            raise BundleRefused(
                f"{version.reference} forecasts {mine} periods, and the champion {its} ones",
                hint="name a challenger of the same periods: else the two can't be held against each other",
            )
