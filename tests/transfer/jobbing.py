"""Businesses with a base of their own, and jobs run over them in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from invplat.registry import aliases, results, versions
from invplat.registry.database import Database, open_database
from invplat.registry.jobs import Job
from invplat.storage import Storage, open_storage
from invplat.transfer.jobs_adapt import Made
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from invplat.transfer.jobs_packs import Died, Pack
from invplat.transfer.jobs_run import Here, run
from tests.transfer.firms import NAMES, firms_in


@dataclass
class Firms:
    home: Path
    database: Database
    storage: Storage

    def base(self) -> versions.Version:
        return find_bases(self.database, self.storage, [], None)[0]

    def asked(self, **more: Any) -> Asked:
        return Asked("mlp", (self.base().id,), **{"way": "head", "epochs": 1, **more})

    def submit(self, names: Sequence[str] = NAMES, anew: str = "", **more: Any) -> Job:
        return submit(self.database, self.asked(**more), names, actor="test", anew=anew)[0]

    def run(self, job: Job, pool: Any = None) -> list[str]:
        told: list[str] = []
        run(self.database, self.storage, job.id, pool or Here(), actor="test", told=told.append)
        return told

    def states(self, job: Job) -> dict[str, str]:
        return {one.tenant: one.state for one in results.of_job(self.database, job.id)}

    def result(self, job: Job, tenant: str) -> results.Result:
        return results.of_tenant(self.database, tenant, job.id)[0]

    def weights(self, tenant: str) -> list[str]:
        """A file a version, named by what is in it."""
        folder = self.home / "storage" / "tenants" / tenant / "models"
        return sorted(path.name for path in folder.rglob("weights-*"))

    def champion(self, tenant: str) -> str | None:
        return aliases.current(self.database, tenant, "mlp").get(aliases.CHAMPION)


@contextmanager
def copied(home: Path, factory: pytest.TempPathFactory) -> Iterator[Firms]:
    firms_in(home, factory)
    with open_database(f"sqlite:///{home / 'invplat.db'}", patience=5) as database:
        yield Firms(home, database, open_storage(str(home / "storage")))


class Dying(Here):
    """A pool whose processes die of one business, or of whatever they are sent, so many times."""

    def __init__(self, of: str = "", times: int = 1000) -> None:
        super().__init__()
        self.of, self.times = of, times
        self.sent: list[list[str]] = []

    def ended(self, seconds: float) -> list[tuple[Pack, list[Made] | Died]]:
        pack = self._waiting[0]
        self.sent.append(pack.tenants)
        if self.times and (not self.of or self.of in pack.tenants):
            self.times -= 1
            return [(self._waiting.popleft(), Died("its process died"))]
        return super().ended(seconds)
