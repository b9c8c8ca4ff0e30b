"""`invplat retrain` as a person types it, as a program reads it, and as a schedule runs it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.cli.retrain import interval
from invplat.core.errors import DatabaseError
from invplat.core.process import Process
from invplat.core.settings import load_settings
from invplat.monitor.round import Wishes, act, see
from invplat.registry import jobs, results
from invplat.registry.database import open_database
from invplat.storage import open_storage
from tests.transfer.firms import NAMES, firms_in

Run = Callable[..., Result]
HERE = ("--today", "2025-12-31", "--epochs", 1, "--in-process")


@pytest.fixture
def firms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    firms_in(home, tmp_path_factory)
    return home


def test_a_dry_run_says_who_and_why_and_does_nothing(firms: Path, invplat: Run) -> None:
    ended = invplat("retrain", "--all", "--dry-run", "--today", "2025-12-31")
    assert ended.exit_code == 0, ended.output
    for name in NAMES:
        assert name in ended.stdout
    assert "no model was ever adapted to it" in ended.stdout
    assert "nothing was done" in ended.stdout
    assert json.loads(invplat("jobs", "list", "--json").stdout)["jobs"] == []
    assert "nothing was retrained yet" in invplat("retrain", "--history").stdout


def test_a_round_a_second_one_and_the_history(firms: Path, invplat: Run) -> None:
    first = json.loads(invplat("retrain", "--all", *HERE, "--json").stdout)
    assert first["job"]["state"] == "done"
    assert {one["tenant"] for one in first["job"]["results"]} == set(NAMES)
    assert [one["reasons"][-1]["kind"] for one in first["tenants"]] == ["first"] * 4
    second = json.loads(invplat("retrain", "--all", *HERE, "--json").stdout)
    assert second["job"] is None
    assert "4 businesses without a reason to retrain" in invplat("retrain", "--all", *HERE).stdout
    deeds = json.loads(invplat("retrain", "--history", "--json").stdout)["history"]
    assert {(one["action"], one["tenant"], one["subject"]) for one in deeds} == {
        ("retrain.ask", name, first["job"]["job"]) for name in NAMES
    }
    assert "no model was ever adapted" in invplat("retrain", "--history").stdout


def test_a_person_reads_what_became_of_it(firms: Path, invplat: Run) -> None:
    ended = invplat("retrain", NAMES[0], *HERE)
    assert ended.exit_code == 0, ended.output
    assert "retrain" in ended.stdout
    assert "1 of 1 done" in ended.stdout
    assert "served:" in ended.stdout


def test_in_a_process_of_its_own(firms: Path, invplat: Run) -> None:
    ended = invplat("retrain", NAMES[0], "--today", "2025-12-31", "--epochs", 1, "--wait", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["job"]["state"] == "done"


def test_killed_in_the_middle_the_same_job_goes_on(firms: Path, invplat: Run) -> None:
    """Its process took the job up, had one business done, and is gone."""
    settings = load_settings({"home": str(firms)}, {})
    with closing(open_database(settings.database_url)) as database:
        gone = subprocess.Popen(["sleep", "60"])
        theirs = Process.of(gone.pid)
        storage = open_storage(settings.storage_url)
        wishes = Wishes(epochs=1)
        seen = see(database, storage, list(NAMES), wishes, date(2025, 12, 31))
        asked = act(database, storage, seen, wishes, actor="test", told=lambda _: None)
        assert asked.job is not None
        taken = jobs.claim(database, asked.job.id, theirs)
        detail = {"dataset": 1, "serves": "base"}
        done = results.Outcome(NAMES[0], results.DONE, "untouched", None, "made before", detail)
        results.write(database, taken.id, [done], attempt=taken.attempt)
        waits = json.loads(invplat("retrain", "--all", *HERE, "--json").stdout)
        assert waits["job"] is None
        assert f"job {taken.id} is at work on it" in waits["tenants"][1]["waits"]
        gone.kill()
        gone.wait()
    again = json.loads(invplat("retrain", "--all", *HERE, "--json").stdout)
    assert again["job"]["job"] == taken.id
    assert again["job"]["state"] == "done"
    assert {one["tenant"]: one["reason"] for one in again["job"]["results"]}[NAMES[0]] == "made before"
    assert len(json.loads(invplat("jobs", "list", "--json").stdout)["jobs"]) == 1


def _turns(monkeypatch: pytest.MonkeyPatch, turns: int) -> list[float]:
    """A schedule that is interrupted in so many pauses."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == turns:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    return slept


def test_a_schedule_survives_a_registry_that_is_down(
    firms: Path, invplat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from invplat.monitor import round as module

    real, calls = module.see, []

    def see(*given: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise DatabaseError("the registry is locked")
        return real(*given, **more)

    monkeypatch.setattr(module, "see", see)
    slept = _turns(monkeypatch, 3)
    ended = invplat("retrain", "--all", "--schedule", "6h", *HERE, "--json")
    assert ended.exit_code == 130
    assert slept == [21600.0] * 3
    assert "this round was not finished: the registry is locked" in ended.stderr
    one, two = [json.loads(line) for line in ended.stdout.splitlines()]
    assert one["job"]["done"] == 4
    assert two["job"] is None


def test_a_schedule_survives_a_business_that_is_broken(
    firms: Path, invplat: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = next((firms / "storage" / "tenants" / NAMES[0] / "datasets" / "versions").glob("*.json"))
    manifest.write_text("damaged")
    _turns(monkeypatch, 1)
    ended = invplat("retrain", "--all", "--schedule", "daily", *HERE, "--json")
    assert ended.exit_code == 130
    (said,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert list(said["failed"]) == [NAMES[0]]
    assert said["job"]["done"] == 3
    assert invplat("retrain", "--all", *HERE).exit_code == 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("daily", 86400), ("weekly", 604800), ("6h", 21600), ("90", 90), ("1.5m", 90), ("1w", 604800)]
)
def test_intervals(text: str, seconds: float) -> None:
    assert interval(text) == seconds


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no tenant 'nobody'"),
        ([], "no business is named"),
        ([NAMES[0], "--all"], "not both"),
        (["--all", "--schedule", "sometimes"], "is no interval"),
        (["--all", "--schedule", "0"], "is no interval"),
        (["--all", "--schedule", "daily", "--dry-run"], "nothing to schedule"),
        (["--all", "--base-when", "1.5"], "--base-when"),
        (["--all", "--age", "0"], "--age"),
        (["--all", "--workload", "mpl"], "mpl"),
        (["--all", "--today", "tomorrow"], "--today"),
        ([NAMES[0], "--today", "1999-01-01"], "has a usable history up to 1999-01-01"),
    ],
)
def test_mistakes(firms: Path, invplat: Run, words: list[str], said: str) -> None:
    ended = invplat("retrain", *words)
    assert ended.exit_code == 2, ended.output
    assert said in ended.stderr


def test_without_a_base_it_says_what_to_do(home: Path, invplat: Run, tmp_path: Path) -> None:
    invplat("data", "synth", "--tenants", 1, "--stores", 1, "--skus", 3, "--days", 60, "--out", tmp_path / "w")
    invplat("tenant", "add", "shop", "--data", tmp_path / "w" / "tenant-0000", "--mapping", "generic")
    ended = invplat("retrain", "--all", "--today", "2025-12-31")
    assert ended.exit_code == 2
    assert "there is no base of mlp to begin from" in ended.stderr
