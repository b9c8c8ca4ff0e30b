"""`invplat finetune` and `invplat jobs`, as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from invplat.cli.jobs import watch
from invplat.registry import jobs, results
from invplat.registry.database import open_database
from tests.transfer.firms import NAMES, firms_in, typed

Invplat = Callable[..., Result]
QUICK = ("--way", "head", "--epochs", 1)


@pytest.fixture(autouse=True)
def firms(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    firms_in(home, tmp_path_factory)
    return home


def told(result: Result, code: int = 0) -> dict[str, Any]:
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def submitted(invplat: Invplat, *words: object) -> dict[str, Any]:
    return told(invplat("finetune", "submit", *words, *QUICK, "--in-process", "--json"))


def test_from_a_base_to_served_models(invplat: Invplat) -> None:
    found = submitted(invplat, "--all")
    assert (found["state"], found["done"], found["failed"], found["left"]) == ("done", 4, 0, 0)
    assert [row["tenant"] for row in found["results"]] == list(NAMES)
    for row in found["results"]:
        assert row["serves"] in ("candidate", "base", "seasonal_naive")
        assert row["error_after"] <= row["error_before"] * 1.02  # never worse than what it had
        assert row["reason"]
    listed = told(invplat("models", "list", "--tenant", NAMES[0], "--json"))["models"]
    assert found["results"][0]["model_id"] in [row["id"] for row in listed]
    shown = told(invplat("tenant", "show", NAMES[0], "--json"))
    assert shown["aliases"][0]["alias"] == "champion"
    assert [row["job"] for row in told(invplat("jobs", "list", "--json"))["jobs"]] == [found["job"]]
    assert told(invplat("jobs", "list", "--tenant", NAMES[1], "--state", "done", "--json"))["jobs"]
    assert not told(invplat("jobs", "list", "--state", "failed", "--json"))["jobs"]
    assert told(invplat("jobs", "status", found["job"], "--json")) == found
    again = submitted(invplat, "--all")
    assert again["job"] == found["job"]
    assert submitted(invplat, "--all", "--anew")["job"] != found["job"]


def test_what_a_person_sees(invplat: Invplat) -> None:
    result = invplat("finetune", "submit", *NAMES[:2], *QUICK, "--in-process")
    assert result.exit_code == 0, result.output
    assert "is done, 2 of 2 done" in result.stdout
    assert "error" in result.stdout
    assert "→" in result.stdout
    assert "served:" in result.stdout
    assert "2 to adapt from mlp@1" in result.stderr
    listed = invplat("jobs", "list").stdout
    assert "finetune" in listed
    assert "done" in listed
    assert "there are no jobs" in invplat("jobs", "list", "--state", "lost").stdout


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ((), "which businesses?", "--all"),
        (("--all", NAMES[0]), "names and --all", "not both"),
        (("tenant-000",), "there is no tenant 'tenant-000'", "did you mean"),
        ((NAMES[0], "--base", "mpl"), "there is no base 'mpl'", "did you mean mlp"),
        ((NAMES[0], "--base", "mlp@7"), "there is no base 'mlp@7'", "mlp@1"),
        ((NAMES[0], "--workload", "gru"), "there is no base of gru", "invplat train gru --base"),
        ((NAMES[0], "--since", "soon"), "--since 'soon' is no date", "--since last"),
        ((NAMES[0], "--address", "127.0.0.1:1"), "nothing answers at 127.0.0.1:1", "without --address"),
        ((NAMES[0], "--address", "http://127.0.0.1:1"), "nothing answers at 127.0.0.1:1", "without --address"),
    ],
)
def test_what_can_t_be_done_is_told_at_once(invplat: Invplat, words: tuple[str, ...], said: str, hint: str) -> None:
    result = invplat("finetune", "submit", *words, "--json")
    assert result.exit_code == 2, result.output
    trouble = json.loads(result.stderr)
    assert said in trouble["error"]
    assert hint.lower() in trouble["hint"].lower()
    assert told(invplat("jobs", "list", "--json"))["jobs"] == []


def test_jobs_that_are_not_there(invplat: Invplat) -> None:
    for words in (("status",), ("logs",), ("stop",), ("retry",), ("run",)):
        result = invplat("jobs", *words, "nothing")
        assert result.exit_code == 2, result.output
        assert "there is no job 'nothing'" in result.stderr


def test_only_for_those_with_new_data(invplat: Invplat, home: Path) -> None:
    assert submitted(invplat, "--all", "--since", "2999-01-01")["job"] is None
    assert submitted(invplat, "--all", "--since", "2020-01-01")["tenants"] == 4
    more = home / "more.csv"
    more.write_text("store,sku,date,quantity\nstore-0,new,2026-01-05,3\n")
    typed(home, "data", "append", "--tenant", NAMES[2], "--mapping", "generic", more)
    # The champions of some are bases or rules, which have not learnt from their data either.
    fresh = submitted(invplat, "--all", "--since", "last")["results"]
    assert NAMES[2] in [row["tenant"] for row in fresh]


def test_a_job_that_fails_says_so_and_is_finished_later(invplat: Invplat, home: Path) -> None:
    manifest = home / "storage" / "tenants" / NAMES[3] / "datasets" / "versions" / "00000001.json"
    content = manifest.read_text()
    manifest.write_text("{")
    result = invplat("finetune", "submit", "--all", *QUICK, "--in-process", "--json")
    found = told(result, code=1)
    assert (found["state"], found["message"]) == ("failed", "1 of 4 failed")
    shown = invplat("jobs", "status", found["job"])
    assert f"finish the rest: invplat jobs retry {found['job']}" in shown.stdout
    assert f"{NAMES[3]}: its dataset can't be read" in shown.stderr
    manifest.write_text(content)
    again = told(invplat("jobs", "retry", found["job"], "--in-process", "--json"))
    assert (again["state"], again["done"], again["attempt"]) == ("done", 4, 2)
    kept = {row["tenant"]: row for row in again["results"]}
    assert all(kept[row["tenant"]] == row for row in found["results"] if row["state"] == "done")


def test_ctrl_c_while_waiting_leaves_the_job(invplat: Invplat, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from invplat.core.process import Process

    with open_database(f"sqlite:///{home / 'invplat.db'}") as database:
        job = jobs.submit(database, "finetune", "d", {"way": "head"}, NAMES, actor="test")[0]
        jobs.claim(database, job.id, Process.this())
        results.write(database, job.id, [results.Outcome(NAMES[0], results.DONE)])

        def interrupted(seconds: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(watch.time, "sleep", interrupted)
        result = invplat("jobs", "status", job.id, "--wait")
        assert result.exit_code == 130
        assert f"job {job.id} goes on" in result.stderr
        assert f"invplat jobs stop {job.id}" in result.stderr
        assert jobs.get(database, job.id).state is jobs.State.RUNNING


def test_how_far_it_is_in_words() -> None:
    assert watch.line_of("queued", 0, 0, 10, 0, 0.0) == "queued: its process is starting"
    assert watch.line_of("running", 0, 0, 10, 0, 5.0) == "0 of 10"
    assert watch.line_of("running", 5, 1, 10, 4, 8.0) == "5 of 10, 1 failed, 30 a minute, 10 s left"
    assert watch.line_of("running", 10, 0, 10_000, 10, 10.0) == "10 of 10,000, 60 a minute, 166 min left"


def test_a_log_that_is_elsewhere(invplat: Invplat, home: Path) -> None:
    from invplat.core.process import Process

    with open_database(f"sqlite:///{home / 'invplat.db'}") as database:
        job = jobs.submit(database, "finetune", "d", {"way": "head"}, NAMES, actor="test")[0]
        jobs.claim(database, job.id, Process("another-machine", 7, "pid:[1]", "123"))
    result = invplat("jobs", "logs", job.id)
    assert result.exit_code == 2
    assert "on another-machine" in result.stderr
