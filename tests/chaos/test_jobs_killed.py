"""A fine-tune job whose processes are killed: what is done stays done, the rest is finished, nothing is there twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.promises import Promise
from tests.chaos.tuning import begun, below, command, done, run, there, until
from tests.transfer.firms import NAMES, firms_in, typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MORE = ("tenant-0010", "tenant-0011")
EVERYBODY = (*NAMES, *MORE)
# A pack for each business, so that there is a middle to be killed in.
RUN = "from invplat.transfer import jobs_packs; jobs_packs.MOST = 1; from invplat.cli.main import main; main()"


@dataclass(frozen=True)
class Firms:
    home: Path

    def words(self, *words: object) -> list[str]:
        return command(*words, "--home", self.home, "--json")

    def told(self, *words: object) -> dict[str, Any]:
        """By a command in this process, which need not start."""
        found: dict[str, Any] = json.loads(typed(self.home, *words, "--json"))
        return found

    def status(self, job: str) -> dict[str, Any]:
        return self.told("jobs", "status", job)

    def results(self, job: str) -> dict[str, dict[str, Any]]:
        return {row["tenant"]: row for row in self.status(job)["results"]}

    def queue(self) -> str:
        """A job that nobody has taken up yet; its id."""
        from invplat.registry.database import open_database
        from invplat.storage import open_storage
        from invplat.transfer.jobs_asked import Asked, find_bases, submit

        with open_database(f"sqlite:///{self.home / 'invplat.db'}") as database:
            base = find_bases(database, open_storage(str(self.home / "storage")), [], None)[0]
            return submit(database, Asked("mlp", (base.id,), "all", epochs=6), EVERYBODY, actor="test")[0].id

    @contextmanager
    def running(self, job: str) -> Iterator[subprocess.Popen[str]]:
        words = [sys.executable, "-c", RUN, "jobs", "run", job, "--home", str(self.home), "--quiet"]
        with begun(words) as process:
            yield process

    def check(self, job: str) -> None:
        """Everybody has one model of the job's, and it is what the registry says."""
        found = self.status(job)
        assert (found["state"], found["done"], found["tenants"]) == ("done", len(EVERYBODY), len(EVERYBODY))
        for row in found["results"]:
            folder = self.home / "storage" / "tenants" / row["tenant"] / "models" / "mlp"
            kept = sorted(path.parent.name for path in folder.rglob("bundle.json")) if folder.exists() else []
            assert kept == (["00000001"] if row["model"] else [])
            shown = self.told("models", "list", "mlp", "--tenant", row["tenant"])["models"] if kept else []
            assert [each["id"] for each in shown] == ([row["model_id"]] if kept else [])


@pytest.fixture
def firms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Firms:
    firms_in(home, tmp_path_factory)
    for number, name in enumerate(MORE):
        typed(home, "tenant", "add", name, "--data", home / "world" / NAMES[number], "--mapping", "generic")
    return Firms(home)


@pytest.mark.long
def test_the_job_s_process_killed(firms: Firms, promise: Promise) -> None:
    what = "a fine-tune job's process killed"
    promise(what, "it is told to be lost; `jobs retry` does the rest, and nothing twice")
    job = firms.queue()
    with firms.running(job) as process:
        until(lambda: 0 < _done(firms, job) < len(EVERYBODY), process)
        process.kill()
        process.wait()  # its workers may live on for a while: whatever they are at, they keep nothing more
    lost = firms.status(job)
    assert lost["state"] == "lost"
    assert "its process is gone" in lost["message"]
    assert {row["state"] for row in lost["results"]} <= {"done", "left"}
    before = {name: row for name, row in firms.results(job).items() if row["state"] == "done"}
    assert 0 < len(before) < len(EVERYBODY)
    again = run(firms.words("jobs", "retry", job, "--wait"))
    assert again.returncode == 0, again.stderr
    firms.check(job)
    after = firms.results(job)
    assert {name: after[name] for name in before} == before  # none was made again
    promise(what, measured={"businesses lost": 0, "businesses adapted twice": 0, "kept before": len(before)})
    refused = run(firms.words("jobs", "retry", job))
    assert refused.returncode == 2
    assert "nothing to retry" in json.loads(refused.stderr)["error"]


@pytest.mark.long
def test_a_worker_killed_and_the_command_long_gone(firms: Firms) -> None:
    job = done(firms.words("finetune", "submit", "--all", "--way", "all", "--epochs", 20))["job"]
    pid = int(firms.status(job)["process"])
    assert os.getpgid(pid) == pid  # a session of its own: nobody's terminal ends it

    def workers() -> list[int]:
        return [child for child, name in below(pid).items() if name.startswith("ray::_adapt")]

    until(lambda: bool(workers()))
    os.kill(workers()[0], signal.SIGKILL)
    ended = run(firms.words("jobs", "status", job, "--wait"))
    assert ended.returncode == 0, ended.stderr
    firms.check(job)
    said = firms.told("jobs", "logs", job)["log"]
    assert any("its process died" in line and "sent again" in line for line in said)
    until(lambda: not there(pid))
    assert done(firms.words("finetune", "submit", "--all", "--way", "all", "--epochs", 20))["job"] == job  # joined


def test_a_stop_is_heard_at_once(firms: Firms) -> None:
    job = firms.queue()
    typed(firms.home, "jobs", "status", job)  # what it imports is there when it matters
    with firms.running(job) as process:
        until(lambda: 0 < _done(firms, job) < len(EVERYBODY), process)
        typed(firms.home, "jobs", "stop", job)
        process.wait(timeout=60)
    found = firms.status(job)
    assert (found["state"], process.returncode) == ("stopped", 1)
    assert 0 < found["done"] < len(EVERYBODY)
    assert found["left"] == len(EVERYBODY) - found["done"]
    assert run(firms.words("jobs", "retry", job, "--in-process")).returncode == 0
    firms.check(job)


def _done(firms: Firms, job: str) -> int:
    from invplat.registry import results
    from invplat.registry.database import open_database

    with open_database(f"sqlite:///{firms.home / 'invplat.db'}") as database:
        return results.counts(database, [job])[job].get("done", 0)
