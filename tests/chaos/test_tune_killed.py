"""A study whose processes are killed, or interrupted, loses no trial that had ended and has none twice."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.promises import Promise
from tests.chaos.tuning import TRIALS, Tuning, begun, below, done, run, there, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def undisturbed(shop_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    """The same study run to its end in one process."""
    tuning = Tuning(shop_home, tmp_path_factory.mktemp("undisturbed"))
    done(tuning.words("--in-process", "--json"))
    tuning.check()
    return tuning


def workers(process: subprocess.Popen[str]) -> list[int]:
    return [child for child, name in below(process.pid).items() if name.startswith("ray::Packs")]


@pytest.mark.long
def test_the_driver_killed(tuning: Tuning, undisturbed: Tuning, promise: Promise) -> None:
    what = "the command of a study killed"
    promise(what, "--resume goes on; no finished trial is lost or run again; the same study")
    with begun(tuning.words("--quiet")) as process:
        tuning.wait(2, process)
        ours = [*below(process.pid)]
        kept = tuning.packs("done")
        process.kill()
        process.wait()
        until(lambda: not any(there(child) for child in ours))
    kept |= {number: pack for number, pack in tuning.packs("done").items() if number not in kept}
    assert len(tuning.tried()) < TRIALS
    found = done(tuning.resume())
    assert found["trials"]["done"] == TRIALS
    tuning.check()
    after = tuning.packs("done")
    assert {number: after[number] for number in kept} == kept  # none was run again
    promise(what, measured={"finished trials lost": 0, "finished trials run again": 0})
    assert tuning.tried() == undisturbed.tried()
    assert tuning.values() == pytest.approx(undisturbed.values(), rel=1e-5)


def test_a_worker_killed(tuning: Tuning, undisturbed: Tuning) -> None:
    with begun(tuning.words("--quiet")) as process:
        tuning.wait(1, process)
        seen: list[int] = []
        until(lambda: bool(seen.extend(workers(process)) or seen), process)  # at work by then, or between two packs
        os.kill(seen[0], signal.SIGKILL)
        said, trouble = process.communicate()
    assert process.returncode == 0, trouble
    assert "Traceback" not in trouble
    tuning.check()
    assert tuning.tried() == undisturbed.tried()
    assert "The best of" in said


@pytest.mark.parametrize(
    ("send", "number"),
    [
        pytest.param(os.killpg, signal.SIGINT, id="ctrl-c"),
        pytest.param(os.kill, signal.SIGTERM, id="a cluster's wish", marks=pytest.mark.long),
    ],
)
def test_it_is_told_to_end(send: Callable[[int, int], None], number: int, tuning: Tuning, undisturbed: Tuning) -> None:
    with begun(tuning.words()) as process:
        tuning.wait(2, process)
        ours = [*below(process.pid)]
        send(process.pid, number)  # a terminal tells all of the group
        _, trouble = process.communicate(timeout=60)
        until(lambda: not any(there(child) for child in ours))
    assert process.returncode == 130
    assert f"of {TRIALS} trials are kept" in trouble
    assert f"--resume {tuning.name}" in trouble
    assert "Traceback" not in trouble
    assert "SIGTERM received" not in trouble
    assert (tuning.folder / "trials.parquet").exists()
    done(tuning.resume("--in-process"))  # what one way began, another may end
    tuning.check()
    assert tuning.tried() == undisturbed.tried()


def test_ctrl_c_in_one_process(tuning: Tuning) -> None:
    with begun(tuning.words("--in-process", "--epochs", 40)) as process:  # long enough to be in its middle
        tuning.wait(1, process)
        os.killpg(process.pid, signal.SIGINT)
        _, trouble = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"--resume {tuning.name}" in trouble
    assert "--in-process" in trouble
    assert "Traceback" not in trouble


def test_a_study_has_one_name_and_one_driver(tuning: Tuning) -> None:
    with begun(tuning.words("--in-process", "--quiet")) as process:
        tuning.wait(1, process)
        process.send_signal(signal.SIGSTOP)  # it lives, and does not end while the others try
        again = run(tuning.words("--in-process"))
        assert again.returncode == 2, again.stderr
        assert f"there is a study {tuning.name} already" in again.stderr
        assert f"--resume {tuning.name}" in again.stderr
        beside = run(tuning.resume("--in-process"))
        assert beside.returncode == 2, beside.stderr
        assert f"is being run by process {process.pid}" in beside.stderr
