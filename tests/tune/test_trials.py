"""The door to Ray Tune, on a real Ray of two workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from invplat.core.errors import SettingRefused, StorageError
from invplat.tune import local, trials
from invplat.tune.driver import Driver, Run
from invplat.tune.plan import StudyPlan
from invplat.tune.trial import Finished, Pack, State
from tests.tune.toy import Make, Notes, asked, parabola, toy_plan, toy_search

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray")]


def on_ray(plan: StudyPlan, make: Make | None = None, notes: Notes | None = None) -> Driver:
    driver = Driver(plan, toy_search(plan), notes or Notes())
    trials.run(driver, make or Make())
    return driver


def here(plan: StudyPlan) -> Driver:
    driver = Driver(plan, toy_search(plan), Notes())
    local.run(driver, parabola)
    return driver


@pytest.mark.parametrize("search", ["random", "bayes", "grid"])
def test_the_same_trials_as_in_this_process_whoever_is_first(search: str, tmp_path: Path) -> None:
    plan = toy_plan(search=search, trials=None if search == "grid" else 24)
    notes = Notes()
    driver = on_ray(plan, Make(folder=tmp_path, waits={0: 2}), notes)
    assert notes.ended[0] == 1
    assert asked(driver.finished) == asked(here(plan).finished)


def test_processes_are_kept_from_pack_to_pack(tmp_path: Path) -> None:
    # One pack ends at a time: of processes that come free in one and the same turn, Ray Tune keeps a single one.
    last = max(trial.pack for trial in here(toy_plan()).finished)
    on_ray(toy_plan(), Make(folder=tmp_path, waits={0: 2, **{pack: pack + 1 for pack in range(2, last)}}))
    processes = {path.suffix for path in tmp_path.iterdir()}
    assert len({path.stem for path in tmp_path.iterdir()}) == last + 1 >= 6
    assert len(processes) == 2


def test_a_pack_whose_process_is_killed_is_run_again(tmp_path: Path) -> None:
    make = Make(folder=tmp_path, dies=1)
    driver = on_ray(toy_plan(), make)
    assert make.begun(1) == 2
    assert asked(driver.finished) == asked(here(toy_plan()).finished)
    assert {trial.state for trial in driver.finished} == {State.DONE}


@pytest.mark.parametrize("slow", [0.05, pytest.param(0.3, marks=pytest.mark.long)])
def test_a_process_that_dies_between_two_packs_costs_nothing(slow: float, tmp_path: Path) -> None:
    driver = on_ray(toy_plan(), Make(folder=tmp_path, slow=slow, leaves=2))
    assert asked(driver.finished) == asked(here(toy_plan()).finished)
    assert {trial.state for trial in driver.finished} == {State.DONE}


@pytest.mark.long
def test_a_pack_that_kills_every_process_is_given_up_with_its_params(tmp_path: Path) -> None:
    make = Make(folder=tmp_path, dies=1, times=99)
    driver = on_ray(toy_plan(trials=16), make)
    assert make.begun(1) == trials.AGAIN + 1
    assert asked(driver.finished) == asked(here(toy_plan(trials=16)).finished)
    assert {trial.pack for trial in driver.finished if trial.state is State.FAILED} == {1}
    assert all("its process died" in trial.why for trial in driver.finished if trial.state is State.FAILED)


def test_a_pack_that_raises_is_not_tried_again(tmp_path: Path) -> None:
    make = Make(folder=tmp_path, fails=2)
    driver = on_ray(toy_plan(), make)
    assert make.begun(2) == 1
    assert {trial.why for trial in driver.finished if trial.pack == 2} == {"ValueError: no such net"}
    assert len(driver.finished) == 24


def test_a_process_that_can_t_get_ready_says_why() -> None:
    class Broken(Make):
        def __call__(self) -> Run:
            raise RuntimeError("this node has no such library")

    driver = on_ray(toy_plan(trials=4, max_concurrent=1), Broken())
    assert {trial.state for trial in driver.finished} == {State.FAILED}
    assert all("this node has no such library" in trial.why for trial in driver.finished)


def test_a_storage_that_is_gone_ends_the_run_at_once(tmp_path: Path) -> None:
    class Gone(Notes):
        def done(self, pack: Pack, finished: Sequence[Finished]) -> None:
            raise StorageError("studies/toy: the folder is gone")

    with pytest.raises(StorageError, match="the folder is gone"):
        on_ray(toy_plan(), Make(folder=tmp_path, waits={1: 99}), Gone())
    assert gone(tmp_path)


def test_ctrl_c_ends_the_run_and_its_processes(tmp_path: Path) -> None:
    def press() -> None:
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    notes = Notes()
    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        on_ray(toy_plan(), Make(folder=tmp_path, slow=60.0), notes)
    assert signal.getsignal(signal.SIGINT) is before
    assert notes.ended == []
    assert gone(tmp_path)


def test_more_gpus_than_there_are_is_told_at_once() -> None:
    plan = toy_plan()
    with pytest.raises(
        SettingRefused, match="2 packs at once ask for 2 GPUs, but this Ray has 2 processors and no GPU"
    ):
        trials.check_room(2, gpus=True)
    with pytest.raises(SettingRefused, match="a GPU was asked for, but this Ray has 2 processors and no GPU"):
        trials.run(Driver(plan, toy_search(plan), Notes()), Make(), gpus=True)


def test_tensors_of_every_kind_arrive_as_they_were_and_may_be_written_into() -> None:
    sent = {
        "flat": torch.arange(6.0),
        "turned": torch.arange(6.0).reshape(2, 3).T,
        "half": torch.ones(3, dtype=torch.bfloat16),
        "yes": torch.tensor([True, False]),
        "one": torch.tensor(7),
        "none": torch.zeros(0, 4),
    }

    class Look(Make):
        def __call__(self) -> Run:
            kept = sent["flat"]
            kept += 1

            def run(pack: Pack) -> list[Finished]:
                good = all(sent[name].dtype == kind for name, kind in kinds.items())
                whole = {name: value.tolist() for name, value in sent.items()}
                return [Finished(**{**vars(one), "why": str(good and whole == wanted)}) for one in parabola(pack)]

            return run

    kinds = {name: value.dtype for name, value in sent.items()}
    wanted = {name: value.tolist() for name, value in sent.items()} | {"flat": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}
    driver = on_ray(toy_plan(trials=4, max_concurrent=1), Look())
    assert {trial.why for trial in driver.finished} == {"True"}
    assert sent["flat"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def gone(folder: Path) -> bool:
    """No process that ran a pack is there any more."""
    left = {int(path.suffix[1:]) for path in folder.iterdir()}
    for _ in range(100):
        left = {process for process in left if alive(process)}
        if not left:
            return True
        time.sleep(0.1)
    return False


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
