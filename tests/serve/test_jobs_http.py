"""A business's own fine-tunes over HTTP: asked for, joined, seen, stopped; and nobody else's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from invplat.core.errors import StorageError
from invplat.core.process import Process
from invplat.registry import audit, jobs
from invplat.transfer import jobs_process
from invplat.transfer.jobs_asked import Asked, find_bases, submit
from invplat.transfer.jobs_run import Here, run
from tests.serve.house import MINE, OTHER, House, opened, problem, service_in
from tests.transfer.firms import firms_in

PATH = f"/v1/tenants/{MINE}/finetunes"
QUICK = {"way": "head", "epochs": 1}


@pytest.fixture
def house(home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    firms_in(home, tmp_path_factory)
    with opened(service_in(home)) as found:
        yield found


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Processes that would have been started; this one stands for them."""
    found: list[str] = []

    def start(settings: Any, database: Any, job: jobs.Job) -> int:
        found.append(job.id)
        jobs.sent(database, job.id, process=Process.of(os.getpid()))
        return os.getpid()

    monkeypatch.setattr(jobs_process, "start", start)
    return found


def work(house: House, job: str) -> None:
    run(house.service.database, house.service.storage, job, Here(), actor="test", told=lambda _: None)


def test_from_asking_to_the_new_model(house: House, begun: list[str]) -> None:
    answer = house.post(PATH, json=QUICK)
    assert answer.status_code == 202, answer.text
    said = answer.json()
    job = said["job"]
    assert begun == [job]
    assert (said["state"], said["tenants"], said["left"], said["own"]) == ("queued", 1, 1, True)
    assert house.post(PATH, json=QUICK).json()["job"] == job
    assert begun == [job]
    work(house, job)
    done = house.get(f"/v1/jobs/{job}").json()
    assert (done["state"], done["done"], done["left"]) == ("done", 1, 0)
    assert house.service.told == ["reload"]
    (outcome,) = done["results"]
    assert (outcome["tenant"], outcome["state"], outcome["way"], outcome["model"]) == (MINE, "done", "head", "mlp@1")
    assert outcome["reason"]
    assert house.post(PATH, json=QUICK).json()["job"] == job  # nothing has changed since
    listed = house.get(f"/v1/tenants/{MINE}/jobs").json()["jobs"]
    assert [one["job"] for one in listed] == [job]
    model = house.get(f"/v1/tenants/{MINE}/model").json()
    assert model["versions"][0]["reference"] == "mlp@1"
    assert model["verdict"]["reason"] == outcome["reason"]
    (deed,) = [one for one in audit.of_tenant(house.service.database, MINE) if one.action == "job.submit"]
    assert deed.actor == "key " + house.secrets["write"].split("_")[1]


def test_one_at_a_time(house: House, begun: list[str]) -> None:
    job = house.post(PATH, json=QUICK).json()["job"]
    problem(house.post(PATH, json={**QUICK, "seed": 7}), 409)
    problem(house.post(PATH, json={**QUICK, "anew": True}), 409)
    assert house.post(f"/v1/jobs/{job}/stop").json()["state"] == "stopped"
    assert house.post(PATH, json={**QUICK, "seed": 7}).status_code == 202
    assert len(begun) == 2


def test_nobody_sees_anothers_job(house: House, begun: list[str]) -> None:
    job = house.post(PATH, json=QUICK).json()["job"]
    for who in ("other", "read", "admin"):
        nothing = house.get("/v1/jobs/0123456789abcdef", who)
        problem(nothing, 404)
        theirs = house.get(f"/v1/jobs/{job}", who)
        if who == "other":
            assert theirs.content == nothing.content
            assert house.post(f"/v1/jobs/{job}/stop", who).content == nothing.content
        else:
            assert theirs.json()["job"] == job
    assert house.get(f"/v1/tenants/{OTHER}/jobs", "other").json() == {"jobs": []}
    assert jobs.get(house.service.database, job).state is jobs.State.QUEUED


def test_who_may_ask_and_stop(house: House, begun: list[str]) -> None:
    problem(house.post(PATH, "read", json=QUICK), 403)
    problem(house.post(PATH, "other", json=QUICK), 403)
    job = house.post(PATH, "admin", json=QUICK).json()["job"]
    problem(house.post(f"/v1/jobs/{job}/stop", "read"), 403)
    assert begun == [job]


def test_the_operators_job_is_seen_in_part(house: House) -> None:
    service = house.service
    base = find_bases(service.database, service.storage, [], None)[0]
    asked = Asked("mlp", (base.id,), "head", epochs=1)
    job, _ = submit(service.database, asked, [MINE, OTHER], actor="test")
    mine = house.get(f"/v1/jobs/{job.id}").json()
    assert [one["tenant"] for one in mine["results"]] == [MINE]
    assert (mine["tenants"], mine["asked"], mine["own"]) == (1, {}, False)
    assert OTHER not in str(mine)
    problem(house.post(f"/v1/jobs/{job.id}/stop"), 403)
    everything = house.get(f"/v1/jobs/{job.id}", "admin").json()
    assert [one["tenant"] for one in everything["results"]] == [MINE, OTHER]
    assert house.post(f"/v1/jobs/{job.id}/stop", "admin").json()["state"] == "stopped"


def test_a_job_whose_process_died_is_told_so(house: House, begun: list[str]) -> None:
    dead = subprocess.Popen(["sleep", "600"])
    process = Process.of(dead.pid)
    dead.kill()
    dead.wait()
    database = house.service.database
    job = house.post(PATH, json=QUICK).json()["job"]
    jobs.claim(database, job, process)
    said = house.get(f"/v1/jobs/{job}").json()
    assert said["state"] == "lost"
    assert [one["state"] for one in said["results"]] == ["left"]
    again = house.post(PATH, json=QUICK).json()
    assert again["job"] != job
    assert begun == [job, again["job"]]


def test_what_cannot_be_begun_is_not_left_lying(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> int:
        raise StorageError("no room at /secret/place")

    monkeypatch.setattr(jobs_process, "start", start)
    answer = house.post(PATH, json=QUICK)
    problem(answer, 503)
    assert "secret" not in answer.text
    (job,) = house.get(f"/v1/tenants/{MINE}/jobs").json()["jobs"]
    assert job["state"] == "lost"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"way": "sideways"}, 422),
        ({"epochs": 0}, 422),
        ({"base": "nothing"}, 404),
        ({"base": "../../x"}, 422),
        ({"base": "mlp@99"}, 404),
        ({"workload": "nothing"}, 404),
        ({"tenant": OTHER}, 422),
        ([], 422),
    ],
)
def test_what_is_no_fine_tune(house: House, begun: list[str], asked: object, status: int) -> None:
    problem(house.post(PATH, json=asked), status)
    assert begun == []


def test_a_process_of_its_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Really started, as the command does; not waited for."""
    typed: list[list[str]] = []

    class Started:
        pid = os.getpid()

        def __init__(self, words: list[str], **_: object) -> None:
            typed.append(words)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(jobs_process.subprocess, "Popen", Started)
    job = house.post(PATH, json=QUICK).json()["job"]
    assert [words[-3:] for words in typed] == [["jobs", "run", job]]
