"""A job in which something is wrong: with a business, with the process that adapts it, with the registry."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from invplat.core.errors import DatabaseError
from invplat.core.process import Process
from invplat.data.dataset import Dataset
from invplat.registry import jobs, versions
from invplat.registry.jobs import State
from invplat.transfer import jobs_adapt, jobs_process
from invplat.transfer.jobs_adapt import Made, adapt
from invplat.transfer.jobs_packs import Pack
from invplat.transfer.jobs_run import Here
from tests.transfer.firms import NAMES, typed
from tests.transfer.jobbing import Dying, Firms, copied


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
    assert "RuntimeError: a bad day (test_jobs_troubles.py:" in firms.result(job, NAMES[2]).reason
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
