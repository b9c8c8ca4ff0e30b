"""TPE asked in packs: it learns, begins where it is told to, and no trial that ran away leads it astray."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from statistics import median

import pytest

from invplat.core.space import Choice, Integer, Params, Space, Uniform
from invplat.tune.bayes import ROUNDS, widest
from invplat.tune.search import search_of
from invplat.tune.trial import Finished, Pack, State, shape_of
from tests.tune.studies import SPACE, bowl, carried_out, plan_of, study, trained


def values(finished: list[Finished]) -> list[float]:
    return [value for trial in finished if (value := trial.values["pinball"]) is not None]


def test_it_learns() -> None:
    """The later half is better than the first, and than draws by chance."""
    later, early, chance = [], [], []
    for seed in range(5):
        _, finished = study(4, seed=seed, trials=64)
        finished.sort(key=lambda trial: trial.number)
        early.append(median(values(finished[:32])))
        later.append(median(values(finished[32:])))
        chance.append(median(values(study(4, seed=seed, trials=64, search="random")[1])))
    assert median(later) < 1 + 0.7 * (median(early) - 1)
    assert median(later) < 1 + 0.7 * (median(chance) - 1)


def test_there_are_rounds_enough_to_learn_between_them() -> None:
    for trials in (1, 5, 32, 64, 200):
        packs, finished = study(64, trials=trials)
        assert len(finished) == trials
        assert len(packs) >= min(trials, ROUNDS)
        assert max(len(pack.trials) for pack in packs) <= max(1, trials // ROUNDS)

    assert [widest(trials) for trials in (1, 16, 64, 256, 1024)] == [1, 2, 4, 8, 16]


def test_the_first_trial_has_the_defaults() -> None:
    packs, _ = study(4)
    assert packs[0].trials[0].params == SPACE.defaults


def test_what_another_study_found_comes_first_by_shape() -> None:
    one, two, three = (
        {**SPACE.defaults, "hidden": hidden, "rate": rate} for hidden, rate in ((64, 0.01), (16, 0.01), (64, 0.02))
    )
    packs, finished = carried_out(search_of(plan_of(trials=64), lambda params: 4, warm=[one, two, three]))
    assert [trial.params for trial in packs[0].trials[:2]] == [one, three]
    assert packs[1].trials[0].params == two
    assert len(packs[1].trials) == 4  # filled up: the pack takes as long anyway
    assert len(finished) == 64


def ran_away(pack: Pack) -> list[Finished]:
    """All above a rate of 0.02 have no loss; one of them says NaN."""
    found = []
    for trial in trained(pack):
        if float(trial.params["rate"]) > 0.02:
            loss = nan if trial.number % 2 else None
            trial = replace(trial, state=State.DIVERGED, values={"pinball": loss}, loss=None)
        found.append(trial)
    return found


def test_diverged_trials_are_known_as_bad() -> None:
    shares = []
    for seed in range(5):
        search, finished = search_of(plan_of(trials=64, seed=seed, max_concurrent=1), lambda params: 4), []
        while isinstance(pack := search.ask(), Pack):
            search.tell(pack.number, ran_away(pack))
            finished += ran_away(pack)
        assert len(finished) == 64
        shares.append(sum(trial.state is State.DIVERGED for trial in finished[32:]) / 32)
    assert median(shares) < 0.1  # of the space it is a sixth


@pytest.mark.parametrize("state", [State.DIVERGED, State.FAILED])
def test_a_study_in_which_nothing_succeeds_comes_to_its_end(state: State) -> None:
    search, numbers = search_of(plan_of(), lambda params: 2), []
    while isinstance(pack := search.ask(), Pack):
        lost = [replace(one, state=state, values={"pinball": None}, loss=None) for one in trained(pack)]
        search.tell(pack.number, lost)
        numbers += [trial.number for trial in lost]
    assert numbers == list(range(32))


def test_several_objectives() -> None:
    plan = plan_of(metrics=("pinball", "size"), trials=64, max_concurrent=1)
    search, found = search_of(plan, lambda params: 4), []
    while isinstance(pack := search.ask(), Pack):
        ends = [
            replace(end, values={"pinball": bowl(end.params), "size": float(end.params["hidden"])})
            for end in trained(pack)
        ]
        search.tell(pack.number, ends)
        found += ends
    assert len(found) == 64
    assert {16, 64} <= {trial.params["hidden"] for trial in found[32:]}  # both ends of the front are visited


def test_every_kind_of_dimension() -> None:
    space = Space(
        {
            "layers": Integer(1, 6, 3, step=2, shape=True),
            "units": Integer(8, 512, 32, log=True, shape=True),
            "activation": Choice(("relu", "gelu"), "relu"),
            "residual": Choice((False, True), False),
            "momentum": Choice((0.9, 0.5, 0.99), 0.9),
            "fixed": Choice((3,), 3),
            "still": Uniform(0.5, 0.5, 0.5),
        }
    )
    packs, finished = carried_out(
        search_of(plan_of(space=space), lambda params: 2), loss=lambda params: float(params["momentum"])
    )
    assert len(finished) == 32
    for trial in finished:
        assert space.check(trial.params) == trial.params
        assert [type(value) for value in trial.params.values()] == [int, int, str, bool, float, int, float]
    assert all(len({shape_of(space, trial.params) for trial in pack.trials}) == 1 for pack in packs)


def test_widths_are_asked_by_shape() -> None:
    def width(params: Params) -> int:
        return 1 if params["hidden"] == 128 else 3

    packs, _ = carried_out(search_of(plan_of(trials=64), width))
    assert {len(pack.trials) for pack in packs if pack.trials[0].params["hidden"] == 128} <= {1}
