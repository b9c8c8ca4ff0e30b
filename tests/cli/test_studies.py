"""`invplat studies`: which there are, how far, and what came of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from invplat.storage import open_storage
from invplat.tune.record import Record
from invplat.tune.trial import Asked, Pack
from tests.tune.made import made_study

Program = Callable[..., Result]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A storage with a study that is cut short: 24 of 64 trials."""
    study = made_study(24, asked=64)
    record = Record.create(open_storage(str(tmp_path / "kept")), study.plan)
    for number in range(3):
        mine = [trial for trial in study.finished if trial.pack == number]
        pack = Pack(number, tuple(Asked(one.number, one.params, one.seed) for one in mine))
        record.asked(pack)
        record.done(pack, mine)
    return tmp_path / "kept"


def test_none_yet(invplat: Program) -> None:
    ended = invplat("studies", "list")
    assert ended.exit_code == 0
    assert "invplat tune WORKLOAD" in ended.stdout
    assert json.loads(invplat("studies", "list", "--json").stdout) == {"studies": []}


def test_they_are_listed_with_how_far_they_are(invplat: Program, kept: Path) -> None:
    (kept / "studies" / "broken").mkdir()
    (kept / "studies" / "broken" / "study.json").write_text("{")
    ended = invplat("studies", "list", "--storage", kept)
    assert ended.exit_code == 0
    assert "24 of 64" in ended.stdout
    assert "cut short" in ended.stdout
    rows = {
        row["study"]: row
        for row in json.loads(invplat("studies", "list", "--storage", kept, "--json").stdout)["studies"]
    }
    assert rows["autumn"]["ended"] == 24
    assert rows["autumn"]["tenants"] == ["corner-shop", "night-shop"]
    assert rows["broken"]["state"] == "damaged"
    assert rows["broken"]["trouble"]


def test_one_that_is_led_is_running(invplat: Program, kept: Path) -> None:
    with Record.open(open_storage(str(kept)), "autumn").leading():
        rows = json.loads(invplat("studies", "list", "--storage", kept, "--json").stdout)["studies"]
    assert rows[0]["state"] == "running"


def test_one_is_shown_with_the_answer_and_the_next_command(invplat: Program, kept: Path) -> None:
    ended = invplat("studies", "show", "autumn", "--storage", kept)
    assert ended.exit_code == 0, ended.output
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("The best of 24 trials has a pinball loss of ")
    assert "The default params have" in lines[0]
    assert "go on with it: invplat tune mlp --resume autumn" in ended.stdout
    assert "invplat train mlp --tenant corner-shop --tenant night-shop --from autumn" in ended.stdout
    told = json.loads(invplat("studies", "show", "autumn", "--storage", kept, "--json").stdout)
    assert told["state"] == "cut short"
    assert len(told["leaderboard"]) == 24
    assert told["files"] == []


def test_out_writes_the_report(invplat: Program, kept: Path, tmp_path: Path) -> None:
    ended = invplat("studies", "show", "autumn", "--storage", kept, "--out", tmp_path / "report")
    assert ended.exit_code == 0, ended.output
    assert (tmp_path / "report" / "report.html").exists()
    assert str(tmp_path / "report" / "report.html") in ended.stdout


def test_a_name_that_is_not_there(invplat: Program, kept: Path) -> None:
    ended = invplat("studies", "show", "autum", "--storage", kept)
    assert ended.exit_code == 2
    assert "did you mean autumn?" in ended.stderr
