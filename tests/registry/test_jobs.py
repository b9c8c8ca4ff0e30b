"""A job's state never lies: about who has it, whether it lives, and what of it is done."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa

from invplat.core.errors import Conflict, Unknown
from invplat.core.process import Process
from invplat.registry import audit, jobs, results, tenants
from invplat.registry.database import Database
from invplat.registry.jobs import Job, State, Wish
from invplat.registry.results import DONE, FAILED, Outcome
from invplat.registry.tables import JOBS

NAMES = ["alpha", "bravo", "charlie"]
ELSEWHERE = Process("another-machine", 7, "pid:[1]", "123")
THIS = Process.this()


@pytest.fixture
def three(database: Database) -> Database:
    for name in NAMES:
        tenants.add(database, name, actor="test")
    return database


def submitted(database: Database, digest: str = "same") -> Job:
    return jobs.submit(database, "finetune", digest, {"way": "head"}, NAMES, actor="ann")[0]


def states(database: Database, job: str) -> dict[str, str]:
    return {one.tenant: one.state for one in results.of_job(database, job)}


def age(database: Database, job: str, seconds: float) -> None:
    """As if its last sign of life were so long ago."""
    then = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")
    change = sa.update(JOBS).where(JOBS.c.id == job).values(beat=then)
    database.write(lambda connection: connection.execute(change))


def test_from_asked_for_to_done(three: Database) -> None:
    job, new = jobs.submit(three, "finetune", "d", {"way": "head", "rate": float("inf")}, NAMES * 2, actor="ann")
    assert (new, job.state, job.spec) == (True, State.QUEUED, {"way": "head", "rate": None})
    assert states(three, job.id) == dict.fromkeys(NAMES, "queued")
    claimed = jobs.claim(three, job.id, THIS)
    assert (claimed.state, claimed.attempt, claimed.process) == (State.RUNNING, 1, THIS)
    assert jobs.beat(three, job.id, 1) is Wish.GO
    assert (
        results.write(three, job.id, [Outcome(name, DONE, "head", "m", seconds=0.5) for name in NAMES], attempt=1)
        == set()
    )
    assert jobs.finish(three, job.id, 1, State.DONE, "3 done")
    ended = jobs.get(three, job.id)
    assert (ended.state, ended.message, ended.dead) == (State.DONE, "3 done", False)
    assert ended.ended is not None
    assert results.counts(three, [job.id, "none"]) == {job.id: {"done": 3}, "none": {}}
    assert audit.recent(three)[0].action == "job.submit"


def test_queued_once_more_it_is_not_silent_since_its_first_attempt(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, 1000)
    long_ago = sa.update(JOBS).where(JOBS.c.id == job.id).values(started="2001-01-01T00:00:00.000000+00:00")
    three.write(lambda connection: connection.execute(long_ago))
    jobs.finish(three, job.id, 1, State.FAILED)
    created = sa.update(JOBS).where(JOBS.c.id == job.id).values(created=jobs.get(three, job.id).read)
    three.write(lambda connection: connection.execute(created))
    assert jobs.retry(three, job.id, actor="ann").silent < jobs.SILENT


def test_the_same_twice_joins_the_first(three: Database) -> None:
    first = submitted(three)
    for take in (None, State.DONE):
        if take is not None:
            jobs.claim(three, first.id, THIS)
            jobs.finish(three, first.id, 1, take)
        again, new = jobs.submit(three, "finetune", "same", {"way": "head"}, NAMES, actor="bob")
        assert (again.id, new) == (first.id, False)
    assert len(jobs.listed(three)) == 1
    other, new = jobs.submit(three, "finetune", "other", {"way": "head"}, NAMES, actor="bob")
    assert new
    jobs.stop(three, other.id, actor="bob")
    _, new = jobs.submit(three, "finetune", "other", {"way": "head"}, NAMES, actor="bob")
    assert new, "what was stopped is not joined"
    with pytest.raises(Conflict, match="submitted again since"):
        jobs.retry(three, other.id, actor="bob")


def test_of_many_that_submit_the_same_at_once_one_is_first(three: Database) -> None:
    barrier = Barrier(6)

    def submit(_: int) -> tuple[str, bool]:
        barrier.wait()
        job, new = jobs.submit(three, "finetune", "same", {}, NAMES, actor="test")
        return job.id, new

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(submit, range(6)))
    assert len({job for job, _ in found}) == 1
    assert sum(new for _, new in found) == 1
    assert len(results.of_job(three, found[0][0])) == 3


def test_of_many_that_take_it_up_one_gets_it(three: Database) -> None:
    job = submitted(three)
    barrier = Barrier(6)

    def claim(_: int) -> bool:
        barrier.wait()
        try:
            jobs.claim(three, job.id, THIS)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(6))) == 1
    assert jobs.get(three, job.id).attempt == 1


def test_unknown_businesses_and_jobs_are_refused(three: Database) -> None:
    with pytest.raises(Unknown, match="there is no tenant 'delta', 'echo'"):
        jobs.submit(three, "finetune", "d", {}, ["alpha", "echo", "delta"], actor="test")
    assert jobs.listed(three) == []
    for name in ("none", "\0", "\udcff", "x" * 1000):
        with pytest.raises(Unknown):
            jobs.get(three, name)
        with pytest.raises(Unknown):
            jobs.claim(three, name, THIS)
        with pytest.raises(Unknown):
            jobs.stop(three, name, actor="test")


def test_stopping(three: Database) -> None:
    job = submitted(three)
    assert jobs.stop(three, job.id, actor="ann").state is State.STOPPED
    assert not jobs.finish(three, job.id, 0, State.DONE)
    assert jobs.retry(three, job.id, actor="ann").state is State.QUEUED
    jobs.claim(three, job.id, THIS)
    assert jobs.beat(three, job.id, 1) is Wish.GO
    running = jobs.stop(three, job.id, actor="ann")
    assert (running.state, running.stopping) == (State.RUNNING, True)
    assert jobs.beat(three, job.id, 1) is Wish.STOP
    assert jobs.finish(three, job.id, 1, State.STOPPED, "as asked")
    assert not jobs.get(three, job.id).stopping
    with pytest.raises(Conflict, match="is stopped, not queued"):
        jobs.claim(three, job.id, THIS)


def test_retry_keeps_what_is_done(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, THIS)
    done = [Outcome("alpha", DONE, "head", "m1"), Outcome("bravo", FAILED, reason="constant sales")]
    results.write(three, job.id, done, attempt=1)
    with pytest.raises(Conflict, match="nothing to retry"):
        jobs.retry(three, job.id, actor="ann")
    jobs.finish(three, job.id, 1, State.FAILED, "1 of 3")
    again = jobs.retry(three, job.id, actor="ann")
    assert (again.state, again.process, again.message) == (State.QUEUED, None, "")
    assert states(three, job.id) == {"alpha": "done", "bravo": "queued", "charlie": "queued"}
    assert sorted(results.pending(three, job.id)) == ["bravo", "charlie"]
    assert jobs.claim(three, job.id, THIS).attempt == 2


def test_a_process_that_died_is_found_out(three: Database) -> None:
    alive, killed, never = (submitted(three, digest) for digest in ("alive", "killed", "never"))
    jobs.claim(three, alive.id, THIS)
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    jobs.claim(three, killed.id, Process.of(sleeper.pid))
    jobs.sent(three, never.id, process=Process.of(sleeper.pid))
    waiting = submitted(three, "waiting")
    assert jobs.find_lost(three) == []
    sleeper.kill()
    sleeper.wait()
    assert {job.id for job in jobs.find_lost(three)} == {killed.id, never.id}
    assert "its process is gone" in jobs.get(three, killed.id).message
    found = {job.id: job.state for job in jobs.listed(three)}
    assert found == {
        alive.id: State.RUNNING,
        killed.id: State.LOST,
        never.id: State.LOST,
        waiting.id: State.QUEUED,
    }
    assert jobs.retry(three, killed.id, actor="ann").state is State.QUEUED


def test_another_process_of_the_same_number_is_not_the_one(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, replace(THIS, born="1"))
    assert [one.id for one in jobs.find_lost(three)] == [job.id]


def test_what_can_not_be_seen_is_judged_by_its_silence(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, jobs.SILENT - 20)
    assert jobs.find_lost(three) == []
    age(three, job.id, jobs.SILENT + 20)
    assert [one.id for one in jobs.find_lost(three)] == [job.id]


def test_one_that_was_only_silent_goes_on(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, 1000)
    jobs.find_lost(three)
    assert jobs.beat(three, job.id, 1) is Wish.GO
    assert jobs.get(three, job.id).state is State.RUNNING
    age(three, job.id, 1000)
    jobs.find_lost(three)
    assert jobs.finish(three, job.id, 1, State.DONE), "and what it has done counts"
    assert jobs.get(three, job.id).state is State.DONE


def test_a_sign_of_life_between_the_look_and_the_giving_up_saves_it(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, 1000)
    seen = jobs.get(three, job.id)
    assert seen.dead
    jobs.beat(three, job.id, 1)
    assert not jobs.lose(three, seen)
    assert jobs.get(three, job.id).state is State.RUNNING


def test_one_that_was_given_up_can_not_speak_for_its_successor(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, 1000)
    jobs.find_lost(three)
    jobs.retry(three, job.id, actor="ann")
    assert jobs.beat(three, job.id, 1) is Wish.GONE
    jobs.claim(three, job.id, THIS)
    assert jobs.beat(three, job.id, 1) is Wish.GONE
    assert not jobs.finish(three, job.id, 1, State.FAILED, "from beyond")
    with pytest.raises(Conflict, match="taken up by another"):
        results.write(three, job.id, [Outcome("alpha", FAILED)], attempt=1)
    assert states(three, job.id)["alpha"] == "queued"
    assert jobs.beat(three, job.id, 2) is Wish.GO


def test_one_that_was_given_up_and_submitted_anew_stays_away(three: Database) -> None:
    job = submitted(three)
    jobs.claim(three, job.id, ELSEWHERE)
    age(three, job.id, 1000)
    jobs.find_lost(three)
    anew = submitted(three)
    assert anew.id != job.id
    assert jobs.beat(three, job.id, 1) is Wish.GONE
    assert not jobs.finish(three, job.id, 1, State.DONE)
    assert jobs.get(three, job.id).state is State.LOST


def test_a_thousand_results_in_one_go(database: Database) -> None:
    names = [f"shop-{number:04d}" for number in range(1000)]
    from invplat.registry.tables import TENANTS

    rows = [{"name": name, "created": "2026", "leaving": False} for name in names]
    database.write(lambda connection: connection.execute(TENANTS.insert(), rows))
    job, _ = jobs.submit(database, "finetune", "all", {}, names, actor="test")
    outcomes = [
        Outcome(name, DONE if number % 10 else FAILED, "head", f"m{number}", "", {"loss": float("nan")}, 0.1)
        for number, name in enumerate(names)
    ]
    assert results.write(database, job.id, outcomes) == set()
    assert results.counts(database, [job.id]) == {job.id: {"done": 900, "failed": 100}}
    (one,) = results.of_tenant(database, "shop-0007", job.id)
    assert (one.model, one.detail, one.seconds) == ("m7", {"loss": None}, 0.1)


def test_results_written_beside_each_other_do_not_lock_up(three: Database) -> None:
    job = submitted(three)
    barrier = Barrier(4)

    def write(number: int) -> None:
        barrier.wait()
        order = NAMES if number % 2 else NAMES[::-1]
        for _ in range(5):
            results.write(three, job.id, [Outcome(name, DONE, reason=str(number)) for name in order])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert states(three, job.id) == dict.fromkeys(NAMES, "done")


def test_a_reason_of_any_kind_is_kept(three: Database) -> None:
    job = submitted(three)
    for reason in ("a\0b", "\udcff", "x" * 10_000, "'; DROP TABLE jobs; --", "naïve 💥"):
        results.write(three, job.id, [Outcome("alpha", FAILED, reason=reason, detail={"said": reason})])
        (one,) = results.of_tenant(three, "alpha")
        assert one.reason
        assert len(one.reason) <= 4000
    jobs.claim(three, job.id, THIS)
    assert jobs.finish(three, job.id, 1, State.FAILED, "\0 \udcff")
