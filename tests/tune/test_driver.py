from __future__ import annotations

from collections.abc import Sequence

import pytest

from invplat.core.errors import StorageFull
from invplat.tune import local
from invplat.tune.driver import Driver, Standing, trials_of
from invplat.tune.search import WAIT
from invplat.tune.trial import Finished, Pack, State
from tests.tune.toy import SPACE, Make, Notes, asked, parabola, toy_plan, toy_search


def test_every_trial_is_run_once_and_written_down_before_and_after() -> None:
    plan, notes = toy_plan(), Notes()
    driver = Driver(plan, toy_search(plan), notes)
    seen: list[tuple[list[int], list[int]]] = []

    def train(pack: Pack) -> list[Finished]:
        seen.append(([one.number for one in notes.asked_packs], list(notes.ended)))
        return parabola(pack)

    local.run(driver, train)
    assert sorted(trial.number for trial in driver.finished) == list(range(24))
    assert driver.complete
    assert notes.ended == [pack.number for pack in notes.asked_packs] == list(range(len(seen)))
    assert all(before == [*ended, number] for number, (before, ended) in enumerate(seen))


def test_no_more_packs_run_at_once_than_may() -> None:
    plan = toy_plan(max_concurrent=2)
    driver = Driver(plan, toy_search(plan), Notes())
    first, second = driver.next(), driver.next()
    assert isinstance(first, Pack)
    assert isinstance(second, Pack)
    assert driver.next() is WAIT
    driver.done(second.number, parabola(second))
    assert isinstance(driver.next(), Pack)


def test_a_pack_that_fails_is_kept_with_its_params_and_the_study_goes_on() -> None:
    plan, notes = toy_plan(), Notes()
    driver = Driver(plan, toy_search(plan), notes)
    local.run(driver, Make(fails=1)())
    failed = [trial for trial in driver.finished if trial.state is State.FAILED]
    assert asked(failed) == [(one.number, one.seed, one.params) for one in notes.asked_packs[1].trials]
    assert {trial.why for trial in failed} == {"ValueError: no such net"}
    assert all(trial.values == {"pinball": None} for trial in failed)
    assert len(driver.finished) == 24


def test_a_pack_that_comes_back_twice_counts_once() -> None:
    plan, notes = toy_plan(), Notes()
    driver = Driver(plan, toy_search(plan), notes)
    pack = driver.next()
    assert isinstance(pack, Pack)
    for _ in range(2):
        driver.done(pack.number, parabola(pack))
    driver.lost(pack.number, "late news")
    assert notes.ended == [0]
    assert {trial.state for trial in driver.finished} == {State.DONE}


def test_after_the_time_no_pack_begins_and_what_runs_may_end() -> None:
    now = [0.0]
    plan, notes = toy_plan(), Notes()
    driver = Driver(plan, toy_search(plan), notes, budget=60.0, clock=lambda: now[0])

    def train(pack: Pack) -> list[Finished]:
        now[0] += 25.0
        return parabola(pack)

    local.run(driver, train)
    assert notes.ended == [0, 1, 2]
    assert not driver.complete


def test_standing_tells_how_far_it_is() -> None:
    now = [0.0]
    told: list[Standing] = []
    plan = toy_plan()
    driver = Driver(plan, toy_search(plan), Notes(), watch=told.append, clock=lambda: now[0])

    def train(pack: Pack) -> list[Finished]:
        now[0] += 30.0
        return parabola(pack)

    local.run(driver, train)
    assert (told[0].ended, told[0].running, told[0].rate, told[0].left) == (0, 4, None, None)
    middle = next(one for one in told if one.ended == 12)
    assert middle.rate is not None
    assert middle.left is not None
    assert middle.rate * middle.left / 60 == pytest.approx(24 - 12)
    last = told[-1]
    assert (last.ended, last.running, last.left) == (24, 0, 0.0)
    assert last.value == min(trial.values["pinball"] or 0.0 for trial in driver.finished)
    assert last.counts[State.DONE] == 24


def test_what_an_earlier_run_brought_counts_but_not_in_the_rate() -> None:
    now = [0.0]
    plan = toy_plan(trials=8)
    search = toy_search(plan)
    before = parabola(Pack(0, ()))
    first = search.ask()
    assert isinstance(first, Pack)
    before = parabola(first)
    search.tell(0, before)
    driver = Driver(plan, search, Notes(), finished=before, clock=lambda: now[0])
    assert driver.standing().ended == len(before)
    pack = driver.next()
    assert isinstance(pack, Pack)
    now[0] = 60.0
    driver.done(pack.number, parabola(pack))
    assert driver.standing().rate == pytest.approx(len(pack.trials))


def test_a_storage_that_is_gone_ends_the_run_with_its_own_words() -> None:
    class Full(Notes):
        def done(self, pack: Pack, finished: Sequence[Finished]) -> None:
            if pack.number == 2:
                raise StorageFull("no space left")
            super().done(pack, finished)

    plan, notes = toy_plan(), Full()
    driver = Driver(plan, toy_search(plan), notes)
    with pytest.raises(StorageFull, match="no space left"):
        local.run(driver, parabola)
    assert notes.ended == [0, 1]
    assert {trial.pack for trial in driver.finished} == {0, 1}


def test_a_grid_has_as_many_trials_as_points_or_as_were_asked_for() -> None:
    assert trials_of(toy_plan(search="grid", trials=None)) == SPACE.grid_size() == 9
    assert trials_of(toy_plan(search="grid", trials=5)) == 5
    assert trials_of(toy_plan(search="grid", trials=50)) == 9
    plan = toy_plan(search="grid", trials=None)
    driver = Driver(plan, toy_search(plan), Notes())
    local.run(driver, parabola)
    points = {tuple(trial.params.items()) for trial in driver.finished}
    assert points == {tuple(point.items()) for point in SPACE.grid()}
    assert len(driver.finished) == 9
