"""A job while others act: businesses that leave, models that are promoted, a stop, a process that was given up."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from invplat.registry import aliases, jobs, tenants, versions
from invplat.registry.jobs import State
from invplat.transfer.jobs_adapt import Made, adapt
from invplat.transfer.jobs_packs import Died, Pack
from invplat.transfer.jobs_run import Here
from tests.transfer.firms import NAMES
from tests.transfer.jobbing import Firms


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
