"""One round of continuous training: look at each business, go back where a champion fell, refresh the base where many
have moved, and ask for fine-tunes of those who need one. The gate decides what is served of it.

A round that was cut off is gone on with by the next: what is done is in the registry and is not done twice. One
business's trouble is not the others'. Asks for jobs, and does not run them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from invplat.core.errors import DatabaseError, InvplatError
from invplat.data.dataset import Dataset
from invplat.data.dataset import versions as dataset_versions
from invplat.monitor import need, rollback
from invplat.monitor.facts import read_facts
from invplat.monitor.look import Look, look
from invplat.monitor.need import Limits, Need
from invplat.monitor.refresh import DEED as REFRESHED
from invplat.monitor.refresh import Refreshed, refresh
from invplat.monitor.rollback import Fall
from invplat.registry import audit, datasets, jobs
from invplat.registry.database import Database
from invplat.registry.jobs import Job
from invplat.storage import Storage
from invplat.transfer.jobs_asked import RESTART, Asked, find_bases, submit
from invplat.workload import find

ASKED = "retrain.ask"
DEEDS = (ASKED, REFRESHED, "model.rollback")  # of the audit log
LEAST_MOVED = 2  # businesses; one that has moved says nothing of what they share

Told = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What an operator asks of a round."""

    workload: str = "mlp"
    limits: Limits = field(default_factory=Limits)
    base_when: float | None = None  # share of the businesses that have moved; none: the base stays
    mode: str = RESTART
    epochs: int | None = None
    seed: int = 0


@dataclass
class Seen:
    """What a round has found, and what would be done about it."""

    today: date
    looks: dict[str, Look] = field(default_factory=dict)
    needs: dict[str, Need] = field(default_factory=dict)
    falls: dict[str, Fall] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> list[str]:
        return [name for name, one in self.needs.items() if one.now and name not in self.falls]

    @property
    def moved(self) -> list[str]:
        return [name for name, one in self.needs.items() if one.now and one.moved]

    def refreshes(self, share: float | None) -> bool:
        there = [name for name, one in self.looks.items() if one.dataset is not None]
        enough = share is not None and len(self.moved) >= max(share * len(there), LEAST_MOVED)
        return enough and bool(there)


@dataclass
class Done:
    """What a round has done."""

    back: list[Fall] = field(default_factory=list)
    base: Refreshed | None = None
    job: Job | None = None
    new: bool = False  # asked for by this round; else gone on with
    tenants: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def see(
    database: Database,
    storage: Storage,
    names: Sequence[str],
    wishes: Wishes,
    today: date,
    stepped: Callable[[], object] = lambda: None,
    *,
    lenient: bool = False,
) -> Seen:
    """What is wrong with one business does not stop the others; of a single one it is raised, unless `lenient`."""
    found = Seen(today)
    workload = find(wishes.workload)
    decides = bool({"vlt", "order"} & workload.predicts)
    for name in names:
        try:
            _register(database, storage, name)
            found.looks[name] = made = look(database, storage, name, today=today)
            stands = need.standing(database, name, wishes.workload)
            found.needs[name] = need.need_of(made, stands, wishes.limits, decides=decides)
            if made.dataset is not None:
                facts = read_facts(database, storage, name, today)
                fall = rollback.fallen(database, storage, facts, wishes.workload)
                if fall is not None:
                    found.falls[name] = fall
        except DatabaseError:  # nobody can be looked at
            raise
        except Exception as error:
            if len(names) == 1 and not lenient:
                raise
            found.failed[name] = error.message if isinstance(error, InvplatError) else _said(error)
        stepped()
    return found


def act(database: Database, storage: Storage, seen: Seen, wishes: Wishes, *, actor: str, told: Told) -> Done:
    """Rolls back, refreshes, and asks for one job, which somebody is to begin."""
    done = Done()
    for name, fall in seen.falls.items():
        try:
            rollback.roll_back(database, fall, actor=actor)
            done.back.append(fall)
            told(f"{name}: gone back to {fall.said}: {fall.reason}")
        except InvplatError as error:
            done.failed[name] = f"not rolled back: {error.message}"
    wanted = seen.wanted
    if seen.refreshes(wishes.base_when):
        there = [name for name, one in seen.looks.items() if one.dataset is not None]
        try:
            done.base = refresh(database, storage, wishes.workload, there, seen.today, actor=actor, told=told)
        except InvplatError as error:  # the old one is still there
            done.failed["(base)"] = f"the base was not refreshed: {error.message}"
        if done.base is not None and done.base.promoted:
            wanted = [name for name in there if not seen.needs[name].waits and name not in seen.falls]
    if wanted:
        _ask(database, storage, seen, wishes, wanted, done, actor)
    return done


def _ask(
    database: Database, storage: Storage, seen: Seen, wishes: Wishes, wanted: list[str], done: Done, actor: str
) -> None:
    donors = find_bases(database, storage, (), wishes.workload)
    asked = Asked(
        wishes.workload,
        tuple(sorted(one.id for one in donors)),
        mode=wishes.mode,
        epochs=wishes.epochs,
        seed=wishes.seed,
    )
    left = need.unfinished(database, asked.to_json(), wanted)
    if left is not None and _same_data(database, left, wanted):
        done.job = jobs.retry(database, left.id, actor=actor)
        done.tenants = wanted
        return
    done.job, done.new = submit(database, asked, wanted, actor=actor)
    done.tenants = wanted
    if not done.new:
        return
    reasons = {
        name: [one.kind for one in seen.needs[name].reasons] or ["base"] for name in wanted if name in seen.needs
    }
    job = done.job.id
    told = {name: "; ".join(one.sentence for one in seen.needs[name].reasons) for name in wanted}

    def write(connection: Any) -> None:
        for name in wanted:
            audit.note(connection, actor, ASKED, name, job, kinds=reasons[name], why=told[name] or "a new base")

    database.write(write)


def _same_data(database: Database, left: Job, wanted: Sequence[str]) -> bool:
    """Everybody who is wanted is still to do in it, and nobody's data are newer than it."""
    from invplat.registry import results

    newest = datasets.newest_of_all(database)
    pending = set(results.pending(database, left.id))
    return set(wanted) == pending and all(name not in newest or newest[name].made <= left.created for name in wanted)


def _register(database: Database, storage: Storage, name: str) -> None:
    """Data that the storage has and the registry does not know yet."""
    known = {one.version for one in datasets.of_tenant(database, name)}
    for number in dataset_versions(storage, name):
        if number not in known:
            made = datasets.DatasetVersion.of(Dataset.open(storage, name, number).manifest)
            datasets.register(database, made, actor=audit.person())


def history(database: Database, most: int = 50) -> list[dict[str, Any]]:
    """What rounds have done, newest first."""
    return [
        {"at": one.at, "action": one.action, "tenant": one.tenant, "subject": one.subject, **dict(one.detail or {})}
        for one in audit.of_actions(database, DEEDS, most=most)
    ]


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}".rstrip(": ")
