"""A job of a few businesses, run in this process: what it writes down, and what it does when something is wrong."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import BundleRefused, DatabaseError, SettingRefused, Unknown
from invplat.core.process import Process
from invplat.data.dataset import Dataset
from invplat.registry import aliases, jobs, results, tenants, versions
from invplat.registry.database import Database, open_database
from invplat.registry.jobs import Job, State
from invplat.storage import Storage, open_storage
from invplat.transfer import jobs_adapt, jobs_process
from invplat.transfer.jobs_adapt import Made, adapt
from invplat.transfer.jobs_asked import CONTINUE, Asked, find_bases, submit
from invplat.transfer.jobs_packs import Died, Pack
from invplat.transfer.jobs_run import Here, run
from tests.transfer.firms import NAMES, firms_in, typed


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


@pytest.fixture
def firms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firms]:
    with copied(home, tmp_path_factory) as found:
        yield found


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


def test_from_datasets_to_champions(firms: Firms) -> None:
    job = firms.submit()
    told = firms.run(job)
    assert told[0] == f"job {job.id}: 4 to adapt from mlp@1"
    assert jobs.get(firms.database, job.id).state is State.DONE
    assert firms.states(job) == dict.fromkeys(NAMES, "done")
    base = firms.base()
    for name in NAMES:
        found = firms.result(job, name)
        (kept,) = (one for one in versions.of_tenant(firms.database, name) if one.name == "mlp")
        assert found.model == kept.id
        assert found.way == "head"
        assert found.detail is not None
        assert kept.donor == base.id
        assert kept.lineage["job"] == job.id
        assert (kept.verdict or {})["decision"] == found.detail["serves"]
        assert [one.version for one in kept.datasets] == [1]
        assert found.seconds is not None
        assert found.seconds > 0
        rule = [one.id for one in versions.of_tenant(firms.database, name) if one.prefix is None]
        served = {"candidate": [kept.id], "base": [base.id], "seasonal_naive": rule}[found.detail["serves"]]
        assert [firms.champion(name)] == served
        versions.open_bundle(firms.storage, kept)


def test_the_same_asked_twice_is_one_job(firms: Firms) -> None:
    job = firms.submit()
    assert firms.submit(NAMES[::-1]).id == job.id  # queued
    firms.run(job)
    assert firms.submit().id == job.id  # done
    others = [firms.submit(way="last"), firms.submit(NAMES[:3]), firms.submit(anew="again"), firms.submit(seed=1)]
    assert len({one.id for one in (job, *others)}) == 5
    for other in others[:1]:
        jobs.stop(firms.database, other.id, actor="test")
    assert firms.submit(way="last").id != others[0].id  # stopped: begun again


def test_new_data_makes_another_job(firms: Firms) -> None:
    job = firms.submit(NAMES[:1])
    extra = firms.home / "more.csv"
    extra.write_text("store,sku,date,quantity\nstore-0,new,2026-01-05,3\n")
    typed(firms.home, "data", "append", "--tenant", NAMES[0], "--mapping", "generic", extra)
    assert firms.submit(NAMES[:1]).id != job.id


def test_what_is_asked_is_checked(firms: Firms) -> None:
    with pytest.raises(SettingRefused, match="heads") as refused:
        firms.asked(way="heads")
    assert "did you mean head?" in str(refused.value.hint)
    with pytest.raises(Unknown, match="mpl") as unknown:
        find_bases(firms.database, firms.storage, ["mpl"], None)
    assert "did you mean mlp" in str(unknown.value.hint)
    with pytest.raises(Unknown, match="no base of gru"):
        find_bases(firms.database, firms.storage, [], "gru")
    with pytest.raises(Unknown, match="nobody"):
        firms.submit(["nobody"])


def test_an_altered_or_missing_donor_is_refused(firms: Firms) -> None:
    base = firms.base()
    job = firms.submit()
    (weights,) = (firms.home / "storage" / str(base.prefix)).glob("weights-*")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleRefused, match="altered"):
        firms.base()
    firms.run(job)  # asked for before: found out by the job itself
    found = jobs.get(firms.database, job.id)
    assert found.state is State.FAILED
    assert "altered" in found.message
    assert set(firms.states(job).values()) == {"queued"}
    weights.unlink()
    with pytest.raises(BundleRefused, match="missing"):
        firms.base()
    weights.write_bytes(content)
    jobs.retry(firms.database, job.id, actor="test")
    firms.run(job)
    assert jobs.get(firms.database, job.id).state is State.DONE


def test_without_data_the_base_serves(firms: Firms) -> None:
    tenants.add(firms.database, "newborn", actor="test")
    job = firms.submit(["newborn", NAMES[0]])
    firms.run(job)
    found = firms.result(job, "newborn")
    assert (found.state, found.way, found.model) == ("done", "untouched", None)
    assert "no data yet" in found.reason
    assert firms.champion("newborn") == firms.base().id


def test_each_tenants_trouble_is_its_own(
    firms: Firms, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a huge, a poisoned and a damaged one the others come out bit for bit as beside a sound one."""
    with copied(tmp_path / "other", tmp_path_factory) as other:
        other.run(other.submit(NAMES[:3]))
        alone = [other.weights(name) for name in NAMES[:2]]
    real = jobs_adapt.Tenant.of

    def poisoned(dataset: Dataset, *args: Any, **options: Any) -> Any:
        found = real(dataset, *args, **options)
        factor = {NAMES[2]: 1e30, "mad": np.nan}.get(dataset.tenant)
        if factor is None:
            return found
        panels = [
            replace(panel, demand=np.where(panel.demand > 1, panel.demand * factor, panel.demand).astype(np.float32))
            for panel in found.panels
        ]
        return replace(found, panels=tuple(panels))

    monkeypatch.setattr(jobs_adapt.Tenant, "of", poisoned)
    typed(firms.home, "tenant", "add", "mad", "--data", firms.home / "world" / NAMES[0], "--mapping", "generic")
    for path in (firms.home / "storage" / "tenants" / NAMES[3] / "datasets" / "versions").iterdir():
        path.write_text("{")
    job = firms.submit([*NAMES, "mad"])
    firms.run(job)
    assert [firms.weights(name) for name in NAMES[:2]] == alone
    assert [len(files) for files in alone] == [1, 1]
    states = firms.states(job)
    assert [states[name] for name in (*NAMES[:2], NAMES[3], "mad")] == ["done", "done", "failed", "failed"]
    assert "no number" in firms.result(job, "mad").reason
    assert "can't be read" in firms.result(job, NAMES[3]).reason
    assert jobs.get(firms.database, job.id).state is State.FAILED
    for name in NAMES:  # whatever was kept says something
        for one in versions.of_tenant(firms.database, name):
            if one.prefix is not None:
                tensors = versions.open_bundle(firms.storage, one).tensors
                assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def test_a_mistake_in_a_pack_falls_on_whoever_caused_it(firms: Firms, monkeypatch: pytest.MonkeyPatch) -> None:
    real = jobs_adapt.begun

    def begun(donor: Any, some: Any, *args: Any, **options: Any) -> Any:
        if any(tenant.name == NAMES[2] for tenant in some):
            raise RuntimeError("a bad day")
        return real(donor, some, *args, **options)

    monkeypatch.setattr(jobs_adapt, "begun", begun)
    job = firms.submit()
    firms.run(job)
    assert firms.states(job) == {**dict.fromkeys(NAMES, "done"), NAMES[2]: "failed"}
    assert "RuntimeError: a bad day (test_jobs.py:" in firms.result(job, NAMES[2]).reason
    monkeypatch.undo()
    jobs.retry(firms.database, job.id, actor="test")
    assert firms.states(job)[NAMES[2]] == "queued"
    told = firms.run(job)
    assert "1 to adapt" in told[0]
    assert jobs.get(firms.database, job.id).state is State.DONE
    assert [len(firms.weights(name)) for name in NAMES] == [1, 1, 1, 1]


def test_who_kills_its_process_is_found_by_halves(firms: Firms) -> None:
    job = firms.submit()
    pool = Dying(of=NAMES[1])
    firms.run(job, pool)
    assert firms.states(job) == {**dict.fromkeys(NAMES, "done"), NAMES[1]: "failed"}
    assert firms.result(job, NAMES[1]).reason == "its process died"
    assert pool.sent[0] == pool.sent[1]  # a process may die by chance: once more as it was
    assert [NAMES[1]] in pool.sent
    assert [len(firms.weights(name)) for name in NAMES] == [1, 0, 1, 1]


def test_a_process_that_dies_once_costs_nothing(firms: Firms) -> None:
    job = firms.submit()
    firms.run(job, Dying(times=1))
    assert jobs.get(firms.database, job.id).state is State.DONE


def test_what_a_killed_process_kept_is_not_made_again(firms: Firms) -> None:
    """It was killed after its bundles were kept and before the registry was told."""
    job = firms.submit()

    class Killed(Exception):
        pass

    def killed(pack: Pack) -> list[Made]:
        adapt(pack)
        raise Killed

    with pytest.raises(Killed):
        firms.run(job, Here(killed))
    assert [len(firms.weights(name)) for name in NAMES] == [1, 1, 1, 1]
    assert [firms.champion(name) for name in NAMES] == [None] * 4
    versions.sight(firms.database, firms.storage, NAMES[0])  # somebody lists its models meanwhile
    jobs.retry(firms.database, job.id, actor="test")
    firms.run(job)
    assert jobs.get(firms.database, job.id).state is State.DONE
    for name in NAMES:
        assert len(firms.weights(name)) == 1
        (kept,) = (one for one in versions.of_tenant(firms.database, name) if one.prefix is not None)
        assert (kept.number, kept.donor) == (1, firms.base().id)
        assert (kept.verdict or {})["reason"] == firms.result(job, name).reason
        assert firms.result(job, name).model == kept.id
        assert firms.champion(name) is not None


def test_one_that_leaves_meanwhile_is_left_out(firms: Firms) -> None:
    job = firms.submit()

    def left(pack: Pack) -> list[Made]:
        tenants.remove(firms.database, firms.storage, NAMES[0], actor="test")
        made = adapt(pack)
        tenants.remove(firms.database, firms.storage, NAMES[1], actor="test")
        return made

    told = firms.run(job, Here(left))
    assert jobs.get(firms.database, job.id).state is State.DONE
    assert firms.states(job) == dict.fromkeys(NAMES[2:], "done")
    for name in NAMES[:2]:
        assert f"{name} was removed meanwhile: nothing of it is kept" in told
        assert not (firms.home / "storage" / "tenants" / name).exists() or not firms.weights(name)


def test_one_that_left_and_came_again_is_another(firms: Firms) -> None:
    job = firms.submit(NAMES[:2])

    def again(pack: Pack) -> list[Made]:
        made = adapt(pack)
        tenants.remove(firms.database, firms.storage, NAMES[0], actor="test")
        tenants.add(firms.database, NAMES[0], actor="test")
        return made

    firms.run(job, Here(again))
    assert versions.of_tenant(firms.database, NAMES[0]) == []
    assert firms.champion(NAMES[0]) is None


def test_somebody_elses_promotion_is_not_undone(firms: Firms) -> None:
    first = firms.submit(NAMES[:2])
    firms.run(first)
    base = firms.base().id
    job = firms.submit(NAMES[:2], anew="again", mode="restart")
    before = {name: firms.champion(name) for name in NAMES[:2]}
    target = {name: base if before[name] != base else firms.result(first, name).model for name in before}

    def meanwhile(pack: Pack) -> list[Made]:
        made = adapt(pack)
        for name, model in target.items():
            aliases.promote(firms.database, name, "mlp", str(model), expected=before[name], actor="somebody")
        return [replace(one, serves="candidate") for one in made]  # whatever the gate said

    firms.run(job, Here(meanwhile))
    for name in NAMES[:2]:
        found = firms.result(job, name)
        assert found.state == "done"
        assert found.reason.startswith("not served: the champion of mlp")
        assert firms.champion(name) == target[name]
        assert found.model is not None


def test_going_on_is_from_ones_own_champion(firms: Firms) -> None:
    first = firms.submit()
    firms.run(first)
    for name in NAMES[:2]:
        own, champion = str(firms.result(first, name).model), firms.champion(name)
        if champion != own:
            aliases.promote(firms.database, name, "mlp", own, expected=champion, actor="test")
    aliases_before = firms.champion(NAMES[0])
    job = firms.submit(NAMES[:2], mode=CONTINUE)
    firms.run(job)
    assert firms.states(job) == dict.fromkeys(NAMES[:2], "done")
    for name in NAMES[:2]:
        model = firms.result(job, name).model
        if model is not None:
            kept = versions.by_id(firms.database, name, model)
            assert kept.lineage["continued"] is True
            if name == NAMES[0]:
                assert kept.donor == aliases_before
    tenants.add(firms.database, "newborn", actor="test")
    base_served = [name for name in NAMES[2:] if firms.champion(name) == firms.base().id]
    for name in base_served[:1]:
        refused = firms.submit([name], mode=CONTINUE)
        firms.run(refused)
        assert "no model to go on from" in firms.result(refused, name).reason


def test_a_registry_that_is_locked_for_a_while_is_waited_for(firms: Firms) -> None:
    job = firms.submit(NAMES[:2])
    lock = sqlite3.connect(firms.home / "invplat.db", check_same_thread=False, isolation_level=None)

    def freed() -> None:
        lock.execute("ROLLBACK")

    def locked(pack: Pack) -> list[Made]:
        made = adapt(pack)
        lock.execute("BEGIN IMMEDIATE")
        threading.Timer(1.0, freed).start()
        return made

    firms.run(job, Here(locked))
    lock.close()
    assert jobs.get(firms.database, job.id).state is State.DONE


def test_a_registry_that_stays_locked_leaves_nothing_half_written(firms: Firms) -> None:
    job = firms.submit(NAMES[:2])
    lock = sqlite3.connect(firms.home / "invplat.db", isolation_level=None)

    def locked(pack: Pack) -> list[Made]:
        made = adapt(pack)
        lock.execute("BEGIN IMMEDIATE")
        return made

    firms.database.patience = 0.5
    with pytest.raises(DatabaseError, match="could not be used"):
        firms.run(job, Here(locked))
    lock.execute("ROLLBACK")
    lock.close()
    firms.database.patience = 5
    assert versions.of_tenant(firms.database, NAMES[0]) == []
    assert set(firms.states(job).values()) == {"running"}
    # Nobody could be told that it ended: its process, which is this one here, is found gone.
    found = jobs.get(firms.database, job.id)
    gone = replace(found, process=replace(Process.this(), born="1"))
    assert jobs_process.checked(firms.database, gone).state is State.LOST
    jobs.retry(firms.database, job.id, actor="test")
    firms.run(job)
    assert jobs.get(firms.database, job.id).state is State.DONE
    assert [len(firms.weights(name)) for name in NAMES[:2]] == [1, 1]


def test_a_stop_leaves_the_rest_to_do(firms: Firms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BEAT", 0.05)
    job = firms.submit()

    class Halved(Here):
        """Two packs, and a stop while the first one is at work."""

        at_once = 2

        def ended(self, seconds: float) -> list[tuple[Pack, list[Made] | Died]]:
            jobs.stop(firms.database, job.id, actor="test")
            threading.Event().wait(0.5)
            return super().ended(seconds)

    firms.run(job, Halved())
    found = jobs.get(firms.database, job.id)
    assert found.state is State.STOPPED
    assert "to do" in found.message
    states = list(firms.states(job).values())
    assert "done" in states
    assert "queued" in states
    assert "running" not in states
    done = {name: firms.weights(name) for name in NAMES}
    jobs.retry(firms.database, job.id, actor="test")
    firms.run(job)
    assert jobs.get(firms.database, job.id).state is State.DONE
    for name, files in done.items():
        assert not files or firms.weights(name) == files


def test_a_process_that_was_given_up_ends_without_a_word(firms: Firms) -> None:
    job = firms.submit(NAMES[:1])

    def slow(pack: Pack) -> list[Made]:
        found = jobs.get(firms.database, job.id)
        jobs.lose(firms.database, found)
        jobs.retry(firms.database, job.id, actor="test")
        firms.run(job)  # another takes it up, and is done with it
        return adapt(pack)

    told = firms.run(job, Here(slow))
    found = jobs.get(firms.database, job.id)
    assert (found.state, found.attempt) == (State.DONE, 2)
    assert len(firms.weights(NAMES[0])) == 1
    assert "taken up by another process" in told[-1]


def test_queued_and_forgotten_is_found_out(firms: Firms) -> None:
    job = firms.submit()
    assert jobs_process.checked(firms.database, job).state is State.QUEUED
    assert jobs_process.unattended(job)
    old = replace(job, created="2020-01-01T00:00:00.000000+00:00")
    assert jobs_process.checked(firms.database, old).state is State.LOST
    again = jobs.retry(firms.database, job.id, actor="test")
    jobs.sent(firms.database, again.id, process=replace(Process.this(), born="1"))  # died before it began
    dead = jobs.get(firms.database, again.id)
    assert jobs_process.checked(firms.database, dead).state is State.LOST


def test_what_a_cluster_says_counts(firms: Firms) -> None:
    job = firms.submit()
    jobs.sent(firms.database, job.id, ray_job="invplat-x", address="10.0.0.1:6379")
    found = jobs.get(firms.database, job.id)
    assert jobs_process.checked(firms.database, found, lambda job: None).state is State.QUEUED
    lost = jobs_process.checked(firms.database, found, lambda job: "its Ray Job failed: no module named torch")
    assert lost.state is State.LOST
    assert lost.message == "its Ray Job failed: no module named torch"


def test_what_is_sent_to_a_cluster_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from invplat.core.settings import load_settings
    from invplat.transfer.jobs import _code, _sent

    told: list[str] = []
    monkeypatch.setenv("INVPLAT_STORAGE_OPTIONS", '{"key": "AKIA", "secret": "hidden"}')
    flags = {"database_url": "postgresql://me:hidden@host/invplat", "storage_url": "s3://bucket/folder"}
    sent = _sent(load_settings(flags), told.append)
    assert sent == {"INVPLAT_STORAGE_URL": "s3://bucket/folder"}
    assert "hidden" not in json.dumps([sent, told])
    assert any("INVPLAT_DATABASE_URL" in line for line in told)
    paths = [Path(path) for path in _code(tmp_path)]
    assert {path.name for path in paths[1:]} >= {"invplat", "invplat_workloads"}
    assert "mlp = invplat_workloads.mlp:WORKLOAD" in (paths[0] / "entry_points.txt").read_text()


def test_a_digest_is_of_what_was_asked(firms: Firms) -> None:
    digest = firms.submit().digest
    assert len(digest) == len(hashlib.sha256().hexdigest())
    assert NAMES[0] not in digest
    assert NAMES[0] not in json.dumps(firms.submit().spec)  # it stays when a business has gone
