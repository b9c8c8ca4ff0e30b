"""tune_asking: what the search itself costs as a study grows: every trial asked for and told, none of them trained.

A Bayesian search looks at all it was told before it says where next, so its cost grows faster than the number of
trials; packs, asked for as one, keep it from becoming the cost of the study. The other side is Optuna's own sampler
with the same settings, asked for one trial at a time.

    make bench NAME=tune_asking
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
import optuna

from invplat.core.space import Choice, Integer, Params, Space
from invplat.tune.plan import StudyPlan
from invplat.tune.search import Wait, search_of
from invplat.tune.trial import Finished, Pack, State
from invplat.tune.width import widest
from invplat_workloads.mlp import WORKLOAD

SIZES = (64, 256, 1_024)
MOST = 1.25


def value(params: Params) -> float:
    """A valley in the learning rate, with a slope along the sizes."""
    rate = np.log10(float(params["learning_rate"]))
    return float((rate + 3) ** 2 + 0.1 * np.log2(float(params["hidden_one"])) + float(params["dropout_one"]))


def done(pack: Pack) -> list[Finished]:
    return [
        Finished(
            number=trial.number,
            pack=pack.number,
            params=trial.params,
            seed=trial.seed,
            state=State.DONE,
            why="",
            values={"pinball": value(trial.params)},
            loss=value(trial.params),
            best=1,
            train=(1.0,),
            validation=(1.0,),
            seconds=0.0,
            finished_at=0.0,
            where="",
        )
        for trial in pack.trials
    ]


def ours(space: Space, trials: int) -> float:
    plan = StudyPlan(
        name="asking",
        workload=WORKLOAD.name,
        datasets=(),
        search="bayes",
        trials=trials,
        metrics=("pinball",),
        scheduler="none",
        epochs=1,
        patience=0,
        seed=0,
        max_concurrent=1,
        space=space,
    )
    most = widest(plan)
    began = time.process_time()
    search = search_of(plan, lambda params: most)
    while isinstance(pack := search.ask(), Pack):
        search.tell(pack.number, done(pack))
    assert pack is not Wait.WAIT, "every pack was told"
    return time.process_time() - began


def theirs(space: Space, trials: int) -> float:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    asked = {name: _distribution(dimension) for name, dimension in space.dimensions.items()}
    began = time.process_time()
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=8, multivariate=True, constant_liar=True)
    )
    for _ in range(trials):
        trial = study.ask(asked)
        study.tell(trial, value(trial.params))
    return time.process_time() - began


def _distribution(dimension: Any) -> optuna.distributions.BaseDistribution:
    if isinstance(dimension, Choice):
        return optuna.distributions.CategoricalDistribution(dimension.options)
    if isinstance(dimension, Integer):
        return optuna.distributions.IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return optuna.distributions.FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="*", default=SIZES)
    given = parser.parse_args()
    found, peers = {}, {}
    ours(WORKLOAD.space, 16)  # imports
    for trials in given.trials:
        found[trials], peers[trials] = ours(WORKLOAD.space, trials), theirs(WORKLOAD.space, trials)
        each = 1_000 * found[trials] / trials
        print(
            f"  {trials:5,} trials: {found[trials]:6.2f} s, {each:5.1f} ms a trial; Optuna alone {peers[trials]:6.2f} s"
        )
    print(
        json.dumps(
            {
                "name": "tune_asking",
                "ours": {str(trials): round(seconds, 3) for trials, seconds in found.items()},
                "peers": {"optuna": {str(trials): round(seconds, 3) for trials, seconds in peers.items()}},
                "target": {"of_optuna_one_by_one": MOST},
                "met": all(found[trials] <= MOST * peers[trials] for trials in found),
            }
        )
    )


if __name__ == "__main__":
    main()
