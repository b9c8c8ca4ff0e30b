"""A study: who is best, how it got there, what mattered, and how much of that is sure."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from invplat.core.space import Choice, Space, Uniform
from invplat.tune.importance import LEAST, importance, place_of
from invplat.tune.study import Study, figure_text, param_text
from invplat.tune.trial import State
from invplat.tune.verdict import train_command, tune_command, verdict
from tests.tune.made import SPACE, START, made_plan, made_study


@pytest.fixture(scope="module")
def study() -> Study:
    return made_study(64)


def test_the_best_come_first_and_those_without_a_value_last(study: Study) -> None:
    values = [study.value(trial) for trial in study.ranked]
    assert values == sorted(value for trial in study.finished if (value := trial.values["pinball"]) is not None)
    assert study.best is study.ranked[0]
    assert {trial.state for trial in study.unranked} == {State.DIVERGED}
    assert len(study.ranked) + len(study.unranked) == len(study.finished) == 64
    assert study.counts[State.DIVERGED] == len(study.unranked) > 0
    board = study.to_json()["leaderboard"]
    assert [row["place"] for row in board] == [*range(1, len(study.ranked) + 1), *[None] * len(study.unranked)]


def test_of_equals_the_earlier_is_better() -> None:
    made = made_study(4)
    same = [replace(trial, values={"pinball": 0.5}) for trial in made.finished]
    assert [trial.number for trial in Study.of(made.plan, same[::-1]).ranked] == [0, 1, 2, 3]


def test_the_best_so_far_never_gets_worse_and_ends_at_the_best(study: Study) -> None:
    bests = [step.best for step in study.steps if step.best is not None]
    assert bests == sorted(bests, reverse=True)
    assert study.best is not None
    assert bests[-1] == study.value(study.best)
    assert [step.trial.number for step in study.steps] == list(range(64))


def test_a_pause_between_two_runs_is_no_work(study: Study) -> None:
    assert study.minutes == pytest.approx(8 * 12 / 60, rel=0.02)
    night = [replace(trial, finished_at=trial.finished_at + 36_000 * (trial.pack >= 4)) for trial in study.finished]
    paused = Study.of(study.plan, night)
    assert paused.minutes == pytest.approx(study.minutes, rel=0.02)
    assert study.rate == pytest.approx(40, rel=0.02)
    assert max(step.minutes for step in paused.steps) == pytest.approx(paused.minutes)


def test_packs_at_the_same_time_are_counted_once() -> None:
    made = made_study(16)
    together = [replace(trial, finished_at=START + 12) for trial in made.finished]
    assert Study.of(made.plan, together).minutes == pytest.approx(12 / 60)


def test_the_front_is_what_nothing_beats() -> None:
    study = made_study(64, metrics=("pinball", "size"))
    values = {trial.number: (trial.values["pinball"], trial.values["size"]) for trial in study.ranked}

    def beaten(number: int) -> bool:
        one, size = values[number]
        return any(a <= one and b <= size and (a, b) != (one, size) for a, b in values.values())  # type: ignore[operator]

    assert {trial.number for trial in study.front} == {number for number in values if not beaten(number)}
    assert study.best in study.front
    assert made_study(8).front == ()


def test_two_equal_trials_stand_on_the_front_once() -> None:
    made = made_study(2, metrics=("pinball", "size"))
    same = [replace(trial, values={"pinball": 0.5, "size": 10.0}) for trial in made.finished]
    assert [trial.number for trial in Study.of(made.plan, same).front] == [0]


def test_the_param_that_matters_is_found_and_one_that_does_not_is_not(study: Study) -> None:
    found = study.importance()
    assert found.telling[0] == "learning_rate"
    assert next(iter(found.shares)) == "learning_rate"
    assert found.shares["learning_rate"].mean > 0.6
    assert not {"hidden_two", "dropout_two", "batch_size"} & set(found.telling)
    assert found.explained is not None
    assert found.explained > 0.6


def test_noise_is_called_noise() -> None:
    study, chance = made_study(64), np.random.default_rng(3)
    noise = [replace(trial, values={"pinball": float(chance.random())}) for trial in study.finished]
    found = Study.of(study.plan, noise).importance()
    assert found.telling == []
    assert "explain little" in found.note


def test_few_trials_say_so_instead_of_guessing() -> None:
    found = made_study(LEAST - 1).importance()
    assert found.shares == {}
    assert f"{LEAST - 1} trials are too few" in found.note
    assert f"at least {4 * len(SPACE.dimensions)}" in found.note


def test_a_param_that_ruins_training_matters_though_it_leaves_no_values() -> None:
    space = Space({"rate": Uniform(0.0, 1.0, default=0.5), "kind": Choice(("a", "b"), default="a")})
    chance = np.random.default_rng(0)
    params = [{"rate": float(chance.random()), "kind": "ab"[int(chance.integers(2))]} for _ in range(60)]
    values = [None if float(one["rate"]) > 0.6 else 1.0 + 0.01 * float(chance.random()) for one in params]
    assert importance(space, params, values).telling[0] == "rate"


def test_params_that_never_changed_are_left_out(study: Study) -> None:
    fixed = [replace(trial, params={**trial.params, "batch_size": 64}) for trial in study.finished]
    alike = Study.of(study.plan, fixed)
    assert "batch_size" not in alike.varied
    assert "batch_size" not in alike.importance().shares


def test_places_along_a_param() -> None:
    rate, hidden = SPACE.dimensions["learning_rate"], SPACE.dimensions["hidden_one"]
    assert [place_of(rate, value) for value in (1e-5, 1e-3, 1e-1)] == pytest.approx([0.0, 0.5, 1.0])
    assert [place_of(hidden, value) for value in (32, 128, 512)] == [0.0, 0.5, 1.0]


def test_the_verdict_names_the_gain_over_the_defaults_and_the_next_command(study: Study) -> None:
    found = verdict(study)
    assert study.best is not None
    assert study.default is not None
    best, usual = study.value(study.best), study.value(study.default)
    assert best is not None
    assert usual is not None
    assert found.finding == f"The best of 64 trials has a pinball loss of {figure_text(best)}"
    assert figure_text(usual) in found.beside
    assert f"{100 * (usual - best) / usual:.1f} % below" in found.beside
    assert found.next == "invplat train mlp --tenant corner-shop --tenant night-shop --from autumn"
    assert found.next == train_command(study)


def test_the_verdict_is_honest_where_there_is_nothing_to_gain() -> None:
    assert "not among its trials" in verdict(made_study(5, default=False)).beside
    assert "tuning gained nothing" in verdict(made_study(1)).beside
    assert verdict(Study.of(made_plan(), [])).finding == "No trial has ended yet"
    lost = [replace(trial, state=State.DIVERGED, values={"pinball": None}) for trial in made_study(3).finished]
    none = verdict(Study.of(made_plan(3), lost))
    assert none.finding == "None of 3 trials came to a value"
    assert none.next == "invplat tune mlp --resume autumn"


def test_defaults_that_were_stopped_early_are_no_yardstick(study: Study) -> None:
    default = replace(study.finished[0], state=State.STOPPED, validation=(0.9,), values={"pinball": 0.9})
    found = verdict(Study.of(study.plan, [default, *study.finished[1:]]))
    assert "0.9000 when they were stopped after 1 epoch" in found.beside
    assert "not known" in found.beside
    assert "%" not in found.beside


def test_the_command_that_makes_it_again_says_all_that_was_given(study: Study) -> None:
    plan = replace(study.plan, spec={"past": 56, "quantiles": [0.1, 0.9], "most": 500}, warm=("spring",))
    command = tune_command(Study(plan, ()))
    for part in (
        "tune mlp --tenant corner-shop --tenant night-shop",
        "--search bayes --trials 64 --metric pinball --scheduler asha",
        "--epochs 30 --patience 5 --max-concurrent 2 --seed 0",
        "--windows 500",
        "--spec past=56,quantiles=0.1/0.9",
        "--warm-start spring --name autumn",
    ):
        assert part in command


def test_it_goes_through_json(study: Study) -> None:
    told = json.loads(json.dumps(study.to_json(), allow_nan=False))
    assert told["best"]["params"] == (study.best.params if study.best else None)
    assert told["trials"] == {"done": 55, "stopped": 7, "diverged": 2, "failed": 0}
    assert told["hosts"] == {"alpha": 32, "beta": 32}
    assert sum(told["importance"].values()) > 0.5


def test_figures_keep_the_digits_that_tell_trials_apart() -> None:
    assert [figure_text(value) for value in (0.42, 0.42071, 12.3456, 12345.6, None)] == [
        "0.4200",
        "0.4207",
        "12.35",
        "12,346",
        "–",
    ]
    assert [param_text(value) for value in (1e-5, 0.00123456, 128, True, "relu")] == [
        "1e-5",
        "0.00123",
        "128",
        "true",
        "relu",
    ]
