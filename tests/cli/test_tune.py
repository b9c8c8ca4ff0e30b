"""`invplat tune` as it is typed; what it does is in tests/tune, what it survives in tests/chaos."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from click.testing import Result

from invplat.cli.tuning import line_of, seconds_of
from invplat.core.errors import SettingRefused
from invplat.tune.driver import Standing
from invplat.tune.trial import State

Invplat = Callable[..., Result]
SHOP = ("--tenant", "shop", "--in-process")
QUICK = ("--trials", 3, "--epochs", 1, "--windows", 200, "--spec", "past=14,horizon=7", "--max-concurrent", 1)


@pytest.fixture
def home(kept: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The datasets of the shared home, studies of this test's own."""
    monkeypatch.setenv("INVPLAT_HOME", str(kept))
    return kept


@pytest.fixture
def tune(invplat: Invplat, home: Path, tmp_path: Path) -> Callable[..., Result]:
    storage = ("--storage", tmp_path / "results", "--out", tmp_path / "report")
    return lambda workload, *words: invplat("tune", workload, *storage, *words)


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_study_from_the_first_trial_to_the_report(tune: Callable[..., Result], tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text("hidden_one = 32\nhidden_two = 32\nbatch_size = 64\n")
    ask = ("mlp", *SHOP, *QUICK, "--space", space, "--metric", "pinball,size")
    told = tune(*ask, "--name", "first")
    assert told.exit_code == 0, told.stderr
    assert "study first: bayes search, 3 trials of mlp on shop" in told.stderr
    assert "The best of 3 trials" in told.stdout
    assert "invplat train mlp --tenant shop --from first" in told.stdout
    assert (tmp_path / "report" / "report.html").exists()
    assert (tmp_path / "results" / "studies" / "first" / "trials.parquet").exists()

    again = tune(*ask, "--name", "first")
    assert again.exit_code == 2
    assert "there is a study first already" in again.stderr
    whole = said(tune("mlp", "--resume", "first", "--in-process", "--json"))  # nothing is left to do
    assert whole["trials"] == {"done": 3, "stopped": 0, "diverged": 0, "failed": 0}
    assert all(Path(file).exists() for file in whole["files"])

    warm = said(tune("mlp", *SHOP, *QUICK, "--name", "second", "--warm-start", "first", "--seed", 5, "--json"))
    assert whole["best"]["params"] in [row["params"] for row in warm["leaderboard"]]

    odd = tune("mlp", "--resume", "first", "--in-process", "--epochs", 7, "--tenant", "other")
    assert odd.exit_code == 2
    assert "epochs was 1, is 7" in odd.stderr
    assert "tenants were shop, are other" in odd.stderr
    assert "--warm-start first" in odd.stderr

    record = tmp_path / "results" / "studies" / "first" / "study.json"
    plan = json.loads(record.read_text())
    record.write_text(json.dumps({**plan, "code": "0.0.1"}))
    old = tune("mlp", "--resume", "first", "--in-process")
    assert old.exit_code == 2
    assert "code was 0.0.1, is " in old.stderr
    record.write_text(json.dumps({**plan, "datasets": [["shop", 9]]}))
    gone = tune("mlp", "--resume", "first", "--in-process")
    assert gone.exit_code == 2
    assert "no dataset version 9" in gone.stderr


def test_a_workload_that_can_t_be_fused_says_so(tune: Callable[..., Result]) -> None:
    told = tune("gru", *SHOP, *QUICK, "--trials", 1, "--name", "slow")
    assert told.exit_code == 0, told.stderr
    assert "nets of gru can't be trained as one program" in told.stderr


def test_a_study_goes_on_with_the_dataset_it_began_with(
    invplat: Invplat, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "copy"
    copytree(kept, home)
    monkeypatch.setenv("INVPLAT_HOME", str(home))
    assert invplat("tune", "mlp", *SHOP, *QUICK, "--trials", 1, "--name", "old").exit_code == 0
    fresh = home / "more.csv"
    fresh.write_text("store,sku,date,quantity\nnew,new,2025-06-30,3\n")
    assert invplat("data", "append", "--tenant", "shop", fresh).exit_code == 0
    told = invplat("tune", "mlp", "--resume", "old", "--in-process")
    assert told.exit_code == 0, told.stderr
    assert "shop has version 2 by now; old goes on with version 1" in told.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mpl", *SHOP), "did you mean mlp?"),
        (("mlp", *SHOP, "--metric", "pinbal"), "did you mean pinball?"),
        (("mlp", *SHOP, "--scheduler", "ashaa"), "did you mean asha?"),
        (("mlp", *SHOP, "--search", "baes"), "did you mean bayes?"),
        (("mlp", *SHOP, "--trials", 0), "trials = 0"),
        (("mlp", *SHOP, "--max-concurrent", 0), "max_concurrent = 0"),
        (("mlp", *SHOP, "--time-budget", "soon"), "write for example 90s, 10m or 1h30m"),
        (("mlp", *SHOP, "--name", "My Study"), "write for example: my-study"),
        (("mlp", *SHOP, "--warm-start", "nope"), "there is no study nope"),
        (("mlp", "--resume", "nope"), "there is no study nope"),
        (("mlp", "--in-process"), "--tenant NAME"),
        (("mlp", "--tenant", "nobody", "--in-process"), "tenant nobody has no dataset"),
        (("mlp", "--tenant", "shop", "--address", "127.0.0.1:1"), "nothing answers at 127.0.0.1:1"),
        (("mlp", "--tenant", "shop", "--address", "ray://127.0.0.1:10001"), "--address HOST:6379"),
        (("mlp", *SHOP, *QUICK, "--gpus"), "this machine has no GPU"),
    ],
)
def test_mistakes_are_told_with_what_to_write_instead(
    tune: Callable[..., Result], words: tuple[object, ...], message: str
) -> None:
    if "--gpus" in words:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is one")
    result = tune(*words)
    assert result.exit_code == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_grid_of_a_million_points_wants_a_yes(tune: Callable[..., Result], tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    rates = ", ".join(f"{1e-4 * (1 + step)}" for step in range(100))
    drops = ", ".join(f"{step / 500}" for step in range(100))
    space.write_text(
        f"hidden_one = 32\nhidden_two = 32\nbatch_size = 64\n[learning_rate]\ngrid = [{rates}]\n"
        f"[dropout_one]\ngrid = [{drops}]\n[dropout_two]\ngrid = [{drops}]\n"
    )
    result = tune("mlp", *SHOP, "--search", "grid", "--space", space)
    assert result.exit_code == 2
    assert "the grid has 1,000,000 points" in result.stderr
    assert "--yes" in result.stderr
    assert "--trials" in result.stderr


def test_an_address_that_takes_no_one_in_is_told(tune: Callable[..., Result]) -> None:
    """Something listens there, which is no Ray."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    result = tune("mlp", "--tenant", "shop", "--address", address)
    assert result.exit_code == 2
    assert "nothing answers" in result.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2H", 7200)]
)
def test_times_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["10", "", "0s", "m", "-5m", "10 minutes or so"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(SettingRefused, match="is no time"):
        seconds_of(text)


def test_the_line_says_how_far_a_study_is() -> None:
    counts = dict.fromkeys(State, 0) | {State.DONE: 9, State.STOPPED: 3}
    standing = Standing("pinball", 64, 12, 8, counts, None, 41.3, 76.0)
    assert line_of(standing) == "12 of 64 trials, 8 running, 3 stopped, 41 a minute, 76 s left"
